"""Comparison of editors on a benchmark by judges and metrics: `omniedit bench`."""

import argparse
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omniedit.cli.arguments import path, run_seed
from omniedit.cli.score import scoring_config
from omniedit.cli.score_judges import open_marker
from omniedit.config.bench import BenchConfig
from omniedit.config.endpoint import api_key
from omniedit.config.loading import check_section
from omniedit.config.yaml_files import read_yaml
from omniedit.errors import UserError
from omniedit.evaluation.bench.edit_records import EditFolder, SetShare, describe_missing, hold_edits, hold_scores
from omniedit.evaluation.bench.editors.entries import Entry
from omniedit.evaluation.bench.editors.registry import choose_editors, open_editor
from omniedit.evaluation.bench.editors.revisions import list_unpinned
from omniedit.evaluation.bench.ensembles import combine_tables
from omniedit.evaluation.bench.item import BenchSet
from omniedit.evaluation.bench.judges import JudgeChoice, choose_judges, describe_sampling
from omniedit.evaluation.bench.metrics import DEFAULT_METRICS, measure_edits
from omniedit.evaluation.bench.open_set import open_set
from omniedit.evaluation.bench.protocol import Protocol
from omniedit.evaluation.bench.run import RunOptions, edit_set, share_items
from omniedit.evaluation.bench.scores import JudgeSetup, plain_example, score_edits
from omniedit.evaluation.bench.sets.published import load_published
from omniedit.evaluation.bench.tables.benchmark_table import build_protocol
from omniedit.evaluation.bench.tables.read_results import read_results
from omniedit.evaluation.bench.tables.write import write_tables
from omniedit.evaluation.metrics.networks import Networks
from omniedit.plain_text import clean_line
from omniedit.reporting.bench_folder import write_bench_page
from omniedit.scoring.prompts.reader import choose_rubric
from omniedit.storage.atomic import write_changed

STEPS = ("edit", "score", "measure", "table")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("set", help="name of a benchmark in docs/benchmarks.md, or a table of items: .csv, .jsonl")
    parser.add_argument("--data", type=path, metavar="PATH", help="your copy of the benchmark's published files")
    _add_editor_arguments(parser)
    parser.add_argument(
        "--judges",
        type=split_names,
        default=["student"],
        metavar="J,K",
        help="student, api, internvl, vlm, ensemble, or names in bench.judges of the config; none: metrics only "
        "(default: student)",
    )
    parser.add_argument(
        "-o", "--out", type=path, required=True, metavar="DIR", help="output folder of edits, scores and tables"
    )
    parser.add_argument("--config", type=path, metavar="FILE", help="config file with sections `bench` and `scoring`")
    parser.add_argument("--rubric", metavar="NAME|FILE.yaml", help="rubric in place of the benchmark's own")
    parser.add_argument("--prompts", type=path, metavar="FOLDER", help="checkout of a benchmark with official prompts")
    parser.add_argument(
        "--metrics",
        type=split_names,
        metavar="A,B",
        help="metrics (default: those of the benchmark, or some that need no weights)",
    )
    parser.add_argument("--seed", type=run_seed, default=0, help="seed of all editors (default: %(default)s)")
    parser.add_argument(
        "--restore",
        choices=["resize", "cover", "keep"],
        help="how outputs are restored to the source's size "
        "(default: resize, or keep if the benchmark judges outputs at their own size)",
    )
    parser.add_argument(
        "--shard", type=parse_shard, default=(1, 1), metavar="I/N", help="edit share I of N of the items"
    )
    parser.add_argument("--only", choices=STEPS, action="append", help="run only this step; repeat for several")
    _add_other_arguments(parser)


def _add_editor_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--editors",
        type=split_names,
        required=True,
        metavar="A,B,...",
        help="names in config/editors.yaml; folders of outputs or of trained editors, also as NAME=FOLDER; .yaml files",
    )
    parser.add_argument(
        "--editors-file",
        type=path,
        action="append",
        default=[],
        metavar="FILE.yaml",
        help="file of further editors, in the form of config/editors.yaml",
    )


def _add_other_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--ratings", type=path, metavar="FILE.csv", help="ratings of the edits by people")
    parser.add_argument(
        "--ours", metavar="NAME", help="editor whose lead over the best baseline is shown (default: a trained one)"
    )
    parser.add_argument("--chained", action="store_true", help="each turn edits the output of the previous one")
    parser.add_argument("--spent", type=path, metavar="FOLDER", help="folder where jobs of a run record their spending")
    parser.add_argument("--device", default="", help="cuda, cpu, ... (default: a GPU if there is one)")
    parser.add_argument("--yes", action="store_true", help="accept the cost, if prices but no budget are set")


def split_names(text: str) -> list[str]:
    """Return the names in a list with commas.

    Raises:
        argparse.ArgumentTypeError: a name is empty.
    """
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise argparse.ArgumentTypeError(f"{text!r} has an empty name; give names with commas between them")
    return names


def parse_shard(text: str) -> tuple[int, int]:
    """Return the number of a shard and their count.

    Raises:
        argparse.ArgumentTypeError: the text is not I/N with I from 1 to N.
    """
    match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text)
    index, count = (int(match[1]), int(match[2])) if match else (0, 0)
    if not 1 <= index <= count:
        raise argparse.ArgumentTypeError(f"{text!r} is not valid; give I/N, such as 2/8, with I from 1 to N")
    return index, count


def run(args: argparse.Namespace) -> None:
    """Edit, score and write tables, or run only the steps in `--only`.

    Raises:
        UserError: the set, an editor or a judge cannot be opened, or the folder holds another set.
    """
    entries, judges = choose_editors(args.editors, args.editors_file), _choose_judges(args)
    bench_run = BenchRun(args, *open_set(args.set, args.data, args.chained), entries, judges)
    mark_folder(args.out, bench_run.bench)
    steps = args.only or STEPS
    if "score" in steps:
        bench_run.check_judges()
    for step in STEPS:
        if step in steps:
            getattr(bench_run, step)()


def mark_folder(out: Path, bench: BenchSet) -> None:
    """Record the set in the folder of results.

    Raises:
        UserError: the folder holds results of another set, or of another version of it.
    """
    about = {"set": bench.name, "version": bench.version, "items": len(bench.items), "rejected": dict(bench.rejected)}
    file = out / "bench.json"
    if file.is_file() and (marker := json.loads(file.read_text()))["version"] != bench.version:
        raise UserError(
            f"{out}: holds results of {marker['set']}, version {marker['version'][:16]}; give another folder"
        )
    out.mkdir(parents=True, exist_ok=True)
    write_changed(file, json.dumps(about, indent=2) + "\n")
    if bench.rejected:
        first = next(iter(bench.rejected.items()))
        print(f"rows of {bench.name} skipped: {len(bench.rejected)}; the first, {clean_line(': '.join(first), 300)}")


@dataclass(frozen=True)
class BenchRun:
    """Editors and judges of a comparison on a benchmark; each of `STEPS` is a method."""

    args: argparse.Namespace
    bench: BenchSet
    protocol: Protocol | None
    entries: Mapping[str, Entry]
    judges: Sequence[JudgeChoice]

    def check_judges(self) -> None:
        """Check the judges' rubrics and API keys before the first edit.

        Raises:
            UserError: a rubric or a key is missing.
        """
        for judge in self.judges:
            self.choose_rubric(judge)
            for each in judge.members.values() or [judge]:
                if each.kind == "api":
                    api_key(each.scoring.api)

    def edit(self) -> None:
        """Edit the shard's items with each editor; print the command that pins each editor without a revision."""
        args, shard = self.args, SetShare(*self.args.shard)
        entry_files = [Path(editor) for editor in args.editors if editor.endswith((".yaml", ".yml"))]
        for line in list_unpinned(self.entries, [*args.editors_file, *entry_files]):
            print(line, flush=True)
        restore = args.restore or ("keep" if self.protocol and self.protocol.keeps_size else "resize")
        for name, entry in self.entries.items():
            # An empty folder or a missing key stops the bench before the first edit.
            if entry.kind in ("folder", "endpoint"):
                open_editor(name, entry)
        for name, entry in self.entries.items():
            print(f"{name}: editing", flush=True)
            hold_edits(args.out / name, shard)
            edits = EditFolder(args.out / name, shard)
            edit_set(self.bench, open_editor(name, entry, args.device), edits, RunOptions(args.seed, restore, shard))
            if gaps := describe_missing(edits.records, [item.item_id for item in share_items(self.bench, shard)]):
                print(f"{name}: {gaps}", flush=True)

    def score(self) -> None:
        """Judge the edits of all editors by each judge, or by each judge of an ensemble in turn."""
        for choice in self.judges:
            rubric = self.choose_rubric(choice)
            for member in choice.members.values() or [choice]:
                self._score_by_one(member, rubric)
            for name in self.entries if choice.members else ():
                scores, sampling = self.args.out / name / "scores", describe_sampling(choice, rubric)
                combine_tables(scores, choice.name, list(choice.members), choice.scoring.ensemble, sampling)

    def _score_by_one(self, choice: JudgeChoice, rubric: Any) -> None:
        args, items, protocol = self.args, self.bench.items, self.protocol
        for name in self.entries:
            hold_scores(args.out / name, choice.name)
        show = protocol.to_example if protocol else plain_example
        words = [dict(protocol.show(item).words) if protocol else {"instruction": item.instruction} for item in items]
        texts = words * len(self.entries)
        opened = open_marker(choice.kind, rubric, choice.scorer, choice.scoring, texts, args.yes, args.spent)
        with opened as (mark, batch):
            judge = JudgeSetup(choice.name, describe_sampling(choice, rubric), rubric, mark, batch)
            for name in self.entries:
                print(f"{name}: scoring by {choice.name}", flush=True)
                score_edits(self.bench, name, EditFolder(args.out / name), judge, show, items)

    def measure(self) -> None:
        """Compute all editors' metrics: from `--metrics`, from the benchmark, or else all metrics without weights."""
        names = self.args.metrics or (self.protocol.metrics if self.protocol else ()) or DEFAULT_METRICS
        networks = Networks(self.args.device)
        for name in self.entries:
            measure_edits(self.bench, EditFolder(self.args.out / name), names, networks)

    def table(self) -> None:
        """Write the tables and the page of edits side by side, and print the first tables."""
        args, bench, protocol = self.args, self.bench, self.protocol
        judges = [judge.name for judge in self.judges]
        results = read_results(args.out, bench, self.entries, judges, args.ratings, args.seed)
        own = list(build_protocol(bench, protocol, results, load_published(args.set))) if protocol else []
        ours = args.ours or next((name for name, entry in self.entries.items() if entry.kind == "trained"), None)
        paths = [*write_tables(args.out, results, ours, own), write_bench_page(args.out, bench, results.editors)]
        print(paths[0].read_text())
        print("\n".join(map(str, paths)))

    def choose_rubric(self, choice: JudgeChoice) -> Any:
        """Return the rubric of the command line, the judge or the benchmark's protocol; `edit` if it needs none.

        Raises:
            UserError: the benchmark's prompts do not ship, and `--prompts` gives no checkout.
        """
        args, protocol, own = self.args, self.protocol, self.args.rubric or choice.rubric
        if own or args.prompts:
            return choose_rubric(own or (protocol.prompts if protocol else None), args.prompts, None)
        if "student" in choice.kinds:
            return choose_rubric("edit", None, None)
        if protocol and protocol.prompts and protocol.rubric is None:
            remedy = f"give --prompts, a checkout of it with the prompts of {protocol.prompts}, or --rubric"
            raise UserError(f"{args.set}: its prompts do not ship with this package; {remedy}")
        return choose_rubric(protocol.rubric if protocol else None, None, None)


def _choose_judges(args: argparse.Namespace) -> list[JudgeChoice]:
    values: Any = read_yaml(args.config).get("bench", {}) if args.config else {}
    bench = check_section(BenchConfig, values, [args.config] if args.config else [])
    return choose_judges(args.judges, bench, scoring_config(args.config, {}))
