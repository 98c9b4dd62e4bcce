"""Ratings of edits by people, on a local page: `omniedit rate`."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from omniedit.browsing.local_server import LOOPBACK
from omniedit.browsing.rating.server import RatingServer
from omniedit.browsing.run_files import find_run
from omniedit.cli.arguments import at_least_one, at_least_zero, names, path, port, run_seed
from omniedit.errors import UserError, error_line
from omniedit.evaluation.bench.open_set import open_set
from omniedit.evaluation.comparisons.table import write_comparisons
from omniedit.evaluation.people import choice_results, rating_results, result_tables
from omniedit.evaluation.people.answers import Answer, AnswerStore
from omniedit.evaluation.people.choice_results import comparison_rows
from omniedit.evaluation.people.exports import write_imagenhub, write_ratings
from omniedit.evaluation.people.inputs import READERS, list_items, read_edits
from omniedit.evaluation.people.questions import Session, make_questions
from omniedit.evaluation.people.rated_edits import RatedEdit, add_checks, select
from omniedit.evaluation.people.rating_results import classify_answers
from omniedit.storage.atomic import write_text
from omniedit.storage.parquet import check_table_path, write_csv

DATABASE = "ratings.sqlite"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "input",
        type=path,
        metavar="INPUT",
        help="name or folder of a run; a table with the columns item_id, editor, source, edited, instruction; or a "
        "folder of outputs, EDITOR/edits/ITEM.png",
    )
    parser.add_argument(
        "--kind", choices=["bench", "candidates"], help="edits of a run to rate (default: its benchmark, if any)"
    )
    parser.add_argument(
        "--items",
        metavar="SET|TABLE",
        help="items of a folder of outputs: a benchmark of `omniedit bench-set list`, or a table with the columns id, "
        "source and instruction",
    )
    parser.add_argument("--data", type=path, metavar="PATH", help="your copy of the benchmark's published files")
    _add_question_arguments(parser)
    parser.add_argument("--seed", type=run_seed, default=0, help="seed of random choices (default: %(default)s)")
    parser.add_argument(
        "--store", type=path, metavar="FILE", help=f"file of answers (default: {DATABASE} in the input)"
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on; 0.0.0.0 for all (default: %(default)s)"
    )
    parser.add_argument("--port", type=port, default=7871, help="port on this machine (default: %(default)s)")
    _add_result_arguments(parser)


def _add_question_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--pairwise", action="store_true", help="ask which of two editors' edits is better")
    parser.add_argument("--editors", type=names, default=[], metavar="A,B", help="only edits of these editors")
    parser.add_argument("--tasks", type=names, default=[], metavar="A,B", help="only edits of these tasks")
    parser.add_argument("--limit", type=at_least_one, metavar="N", help="only N random items, with all their edits")
    parser.add_argument(
        "--per-edit", type=at_least_one, metavar="K", help="K raters for each edit (default: all raters)"
    )
    parser.add_argument(
        "--checks",
        type=at_least_zero,
        default=0,
        metavar="N",
        help="N unchanged images among the edits, to check that raters pay attention",
    )


def _add_result_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--results", action="store_true", help="print the results instead of serving the page")
    parser.add_argument("-o", "--out", type=path, help="with --results: write them, .md, .csv or .json")
    parser.add_argument("--json", action="store_true", help="with --results: print JSON instead of text")
    parser.add_argument(
        "--export",
        type=path,
        metavar="PATH",
        help="write the ratings for `omniedit agree`: a .csv file, or a folder of ImagenHub's TSV files; with "
        "--pairwise a table for `omniedit compare`",
    )


def run(args: argparse.Namespace) -> None:
    """Serve the page, print results, or export.

    Raises:
        UserError: the input cannot be read, options do not fit together, or as in `AnswerStore`.
    """
    if (args.out or args.json) and not args.results:
        raise UserError("-o and --json: are for --results")
    if args.pairwise and args.checks:
        raise UserError("--checks: are for ratings; omit --pairwise")
    place = find_input(args.input)
    items = list_items(open_set(args.items, args.data)[0]) if args.items else None
    questions = read_edits(place, args.kind, items)
    for problem in questions.problems:
        print(f"skipped: {error_line(problem)}", file=sys.stderr)
    edits = select(questions.edits, args.editors, args.tasks, args.limit, args.seed)
    is_read = args.results or args.export is not None
    edits = add_checks(edits, len({edit.item_id for edit in edits}) if is_read else args.checks, args.seed)
    file = args.store or default_store(place)
    if is_read and not file.exists():
        raise UserError(f"{file}: no such file; no rating of this input yet")
    with AnswerStore(file) as store:
        if args.export is not None:
            print(export(store, edits, args.export, args.pairwise))
        if args.results:
            report(store, edits, args)
        if not is_read:
            serve(store, edits, args)


def find_input(path: Path) -> Path:
    """Return the path of an input, which may be the name of a run.

    Raises:
        UserError: the file, folder or run does not exist.
    """
    if any(reader.is_for(path) for reader in READERS.values()):
        return path
    return find_run(path)


def default_store(place: Path) -> Path:
    """Return the file of answers of an input: in its folder, or next to a table."""
    return place / DATABASE if place.is_dir() else place.with_name(f"{place.stem}.{DATABASE}")


def serve(store: AnswerStore, edits: Sequence[RatedEdit], args: argparse.Namespace) -> None:
    """Serve the page until an interrupt or SIGTERM ends the process.

    Raises:
        UserError: the port is taken, the host is not an address of this machine, or there are no questions.
    """
    questions = make_questions(store, edits, args.pairwise)
    server = RatingServer(Session(store, questions, args.per_edit, args.seed), args.port, args.host)
    kind = "pairs of edits" if args.pairwise else "edits"
    message = f"asks about {len(questions):,} {kind}; answers are in {store.path}; Ctrl-C ends it"
    if args.host != LOOPBACK:
        message += "\nOther machines can open this link; it is not encrypted, so use a network that you trust."
    server.serve(message)
    store.__exit__()
    os._exit(0)  # exit at once, because h5py's exit handler would wait forever for a thread that was reading a file


def report(store: AnswerStore, edits: Sequence[RatedEdit], args: argparse.Namespace) -> None:
    """Print the results, or write them in the format of the suffix.

    Raises:
        UserError: nothing is rated, or the suffix is unknown.
    """
    suffix = args.out.suffix.lower() if args.out else ".json" if args.json else ".md"
    if suffix not in (".md", ".json", *(() if args.pairwise else (".csv",))):
        raise UserError(f"{args.out}: unknown format; give .md, .json" + ("" if args.pairwise else " or .csv"))
    numbered = number_edits(store, edits)
    if args.pairwise:
        chosen = choice_results.summarize_choices(numbered, store.read_answers(), args.seed)
        lines, figures = choice_results.describe_choices(chosen), choice_results.choices_to_json(chosen)
    else:
        rated = rating_results.summarize(numbered, store.read_answers(), args.seed)
        if suffix == ".csv":
            write_csv(args.out, result_tables.csv_rows(rated.editors), result_tables.COLUMNS)
            return
        lines, figures = result_tables.markdown(rated), result_tables.to_json(rated)
    text = json.dumps(figures, indent=2) if suffix == ".json" else "\n".join(lines)
    if args.out:
        write_text(args.out, f"{text}\n")
    else:
        print(text)


def export(store: AnswerStore, edits: Sequence[RatedEdit], out: Path, pairwise: bool) -> str:
    """Write the ratings or choices; return a line that names the file.

    Raises:
        UserError: there is nothing to write, or choices go to a file in another format.
    """
    kind, write = ("choices", _export_choices) if pairwise else ("ratings", _export_ratings)
    count = write(number_edits(store, edits), store.read_answers(), out)
    if not count:
        raise UserError(f"{store.path}: has no {kind} to export")
    return f"{out}: {count:,} {kind}"


def _export_ratings(edits: dict[int, RatedEdit], answers: Sequence[Answer], out: Path) -> int:
    """Write a CSV file or, without that suffix, a folder of TSV files; return the number of ratings."""
    ratings, _, _ = classify_answers(edits, answers)
    if ratings and out.suffix.lower() == ".csv":
        write_ratings(out, ratings)
    elif ratings:
        write_imagenhub(out, ratings)
    return len(ratings)


def _export_choices(edits: dict[int, RatedEdit], answers: Sequence[Answer], out: Path) -> int:
    """Write a table of comparisons; return the number of choices."""
    check_table_path(out)
    rows = comparison_rows(edits, answers)
    if rows:
        write_comparisons(out, rows)
    return len(rows)


def number_edits(store: AnswerStore, edits: Sequence[RatedEdit]) -> dict[int, RatedEdit]:
    """Return edits by their numbers in the store."""
    return dict(zip(store.add_edits(edits), edits, strict=True))
