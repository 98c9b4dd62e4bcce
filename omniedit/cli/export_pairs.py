"""Export a run's edit pairs in the formats of other trainers: `omniedit export`."""

import argparse

from omniedit.browsing.run_files import find_run
from omniedit.cli.arguments import at_least_one, names, overall_score, path, percentage
from omniedit.exchange.candidates import PairSelection
from omniedit.exchange.exporting import ROWS_PER_FILE, ExportOptions, export_run


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=path, help="name or folder of the run, such as mini")
    parser.add_argument("-o", "--out", type=path, required=True, help="new folder to write")
    add_choice(parser)


def add_choice(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `read_options`."""
    parser.add_argument(
        "--format",
        required=True,
        help="name of a format (docs/your-own-data.md lists all), or a YAML file that describes your columns",
    )
    parser.add_argument("--task", type=names, default=(), metavar="TASK,...", help="tasks (default: all)")
    parser.add_argument(
        "--min-score", type=overall_score, help="minimum O, 0-10 (default: the pairs that the run accepted)"
    )
    parser.add_argument(
        "--top",
        type=percentage,
        metavar="PERCENT",
        help="percentage of each task's pairs to export, those with the highest O",
    )
    parser.add_argument(
        "--licence", type=names, default=(), metavar="LICENCE,...", help="licences in any version, such as cc-by,cc0"
    )
    parser.add_argument("--ratio", type=names, default=(), metavar="RATIO,...", help="aspect ratios, such as 1x1,3x2")
    parser.add_argument("--judge", help="name of the judge whose scores count")
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--rejected", action="store_true", help="export the rejected pairs, with the reason")
    kind.add_argument(
        "--preference", action="store_true", help="export a better and a worse edit of the same source and instruction"
    )
    parser.add_argument("--rows-per-file", type=at_least_one, help="rows in a Parquet file or tar (default: 200)")


def run(args: argparse.Namespace) -> None:
    rows = export_run(find_run(args.run), read_options(args), args.out)
    print(f"{args.out}: {rows} {'row' if rows == 1 else 'rows'} as {args.format}")


def read_options(args: argparse.Namespace) -> ExportOptions:
    """Return the `ExportOptions` of the arguments."""
    selection = PairSelection(
        tasks=args.task,
        min_score=args.min_score,
        top=args.top,
        licences=args.licence,
        ratios=args.ratio,
        judge=args.judge,
        kind="rejected" if args.rejected else "preference" if args.preference else "accepted",
    )
    return ExportOptions(format=args.format, selection=selection, rows_per_file=args.rows_per_file or ROWS_PER_FILE)
