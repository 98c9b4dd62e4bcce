"""Benchmark sets: list and read public ones, make and freeze your own, repeat a table: `omniedit bench-set`."""

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from omniedit.cli import bench_set_review
from omniedit.cli.arguments import path
from omniedit.evaluation.bench.protocol import GroupRow, Protocol
from omniedit.evaluation.bench.sets.freeze import describe, freeze, read_draft
from omniedit.evaluation.bench.sets.published import load_published
from omniedit.evaluation.bench.sets.registry import BENCHMARKS
from omniedit.evaluation.bench.sets.training_overlap import read_training
from omniedit.plain_text import markdown_table

MAX_REJECTED = 10
"""Number of rejected rows that are listed."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("list", help="list the benchmarks, and what to download for each")
    show = actions.add_parser("show", help="read a set: items by task, rejected rows, protocol, published figures")
    show.add_argument("name", choices=list(BENCHMARKS), help="name of a benchmark")
    show.add_argument("path", type=path, nargs="?", help="your copy of the set (default: the one that ships)")
    table = actions.add_parser("table", help="compute a benchmark's table from scores that its own scripts wrote")
    table.add_argument(
        "name", choices=[name for name, each in BENCHMARKS.items() if each.recorded], help="name of a benchmark"
    )
    table.add_argument("recorded", type=path, help="the recorded scores; omniedit bench-set list names the files")
    bench_set_review.add_actions(actions)
    build = actions.add_parser("build", help="check photos and instructions, and freeze them as a set")
    build.add_argument("table", type=path, help="CSV: photo,task,instruction[,source_caption,target_caption,objects]")
    build.add_argument("--photos", type=path, required=True, help="folder to which the paths of photos are relative")
    build.add_argument("-o", "--output", type=path, required=True, help="new folder for the set")
    build.add_argument("--name", default="omniedit", help="name of the set (default: omniedit)")
    build.add_argument("--version", required=True, help="version of the set, such as 1; a changed set needs a new one")
    build.add_argument(
        "--training",
        type=path,
        nargs="*",
        default=[],
        help="runs (results/RUN) or folders of photos to search for leaks",
    )


def run(args: argparse.Namespace) -> None:
    """Run an action.

    Raises:
        UserError: as in `Benchmark.read`, `Benchmark.read_recorded`, `read_draft`, `freeze`, `propose` and `review`.
    """
    of_review = {"propose": bench_set_review.propose, "review": bench_set_review.review}
    actions = {"list": _list, "show": _show, "table": _print_table, **of_review, "build": _build}
    print("\n".join(actions[args.action](args)))


def _list(_: argparse.Namespace) -> list[str]:
    lines = []
    for name, benchmark in BENCHMARKS.items():
        size = f", {benchmark.size:,} items" if benchmark.size else ""
        lines.append(f"{name}: {benchmark.title}{size}")
        lines.append(f"    give {benchmark.path}{', or nothing for the set that ships' if benchmark.ships else ''}")
        lines += [f"    recorded scores: {benchmark.recorded}"] if benchmark.recorded else []
    return lines


def _show(args: argparse.Namespace) -> list[str]:
    benchmark = BENCHMARKS[args.name]
    bench = benchmark.read(args.path)
    tasks = Counter(item.task for item in bench.items)
    size = benchmark.size
    part = [f"the whole benchmark has {size:,} items"] if size and len(bench.items) != size else []
    rejected = [f"    {place}: {reason}" for place, reason in list(bench.rejected.items())[:MAX_REJECTED]]
    return [
        f"{benchmark.title}: {len(bench.items):,} items, version {bench.version[:16]}",
        *part,
        "tasks: " + ", ".join(f"{task} {number}" for task, number in tasks.items()),
        f"rejected rows: {len(bench.rejected)}",
        *rejected,
        *_describe_protocol(benchmark.protocol),
        *_describe_published(args.name),
    ]


def _describe_protocol(protocol: Protocol) -> list[str]:
    prompts = f"official prompts '{protocol.prompts}' from your checkout" if protocol.prompts else ""
    rubric = f"rubric {Path(protocol.rubric).name}" if protocol.rubric else ""
    source = " or ".join(filter(None, (prompts, rubric)))
    return [
        f"columns: {', '.join(protocol.columns)} ({protocol.scale})",
        *([f"judge: {source}; published figures: {protocol.judge}"] if source else []),
        *([f"metrics: {', '.join(protocol.metrics)}"] if protocol.metrics else []),
        f"missing scores: counted here and left out of the means. {protocol.missing}",
    ]


def _describe_published(name: str) -> list[str]:
    lines: dict[str, None] = {}
    for each in load_published(name):
        note = f"; {each.note}" if each.note else ""
        lines[f"published: {each.source}, {each.address}{note}"] = None
        values = ", ".join(f"{row} {column} {value:g}" for (row, column), value in each.values.items())
        lines[f"    {each.editor}: {values}"] = None
    return list(lines)


def _print_table(args: argparse.Namespace) -> list[str]:
    benchmark = BENCHMARKS[args.name]
    rows = benchmark.read_recorded(args.recorded)
    protocol = benchmark.protocol
    return format_table(protocol.aggregate(rows), protocol.columns)


def format_table(table: Sequence[GroupRow], columns: Sequence[str]) -> list[str]:
    """Format a table as Markdown. Figures of the benchmark's own script follow in brackets if they differ."""
    cells = [
        [row.name, *(_format_cell(row, column) for column in columns), str(row.items), str(len(row.missing))]
        for row in table
    ]
    lines = markdown_table(("", *columns, "items", "missing"), cells)
    if any(row.official for row in table):
        lines += ["", "In brackets: the figure of the benchmark's own script."]
    return lines


def _format_cell(row: GroupRow, column: str) -> str:
    value = f"{row.values[column]:.4g}" if column in row.values else "-"
    official = f"{row.official[column]:.4g}" if column in row.official else value
    return value if official == value else f"{value} ({official})"


def _build(args: argparse.Namespace) -> list[str]:
    draft = read_draft(args.table, args.photos)
    training = [read_training(each) for each in args.training]
    freeze(draft, args.photos, args.output, args.name, args.version, training)
    sources = sum(len({*each.names, *each.sha256}) for each in training)
    searched = f"no photo is among {sources:,} training sources" if training else "not searched for training sources"
    return [*describe(draft), searched, f"frozen: {args.output}, version {args.version}"]
