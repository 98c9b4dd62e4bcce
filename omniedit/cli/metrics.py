"""Metrics of edited images that need no judge: `omniedit metrics`."""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from pathlib import Path

from omniedit.cli.arguments import path
from omniedit.errors import UserError
from omniedit.evaluation.agreement.task_agreement import PROTOCOLS
from omniedit.evaluation.metrics.correlation import (
    correlate_metrics,
    correlation_lines,
    correlations_json,
    is_measured,
)
from omniedit.evaluation.metrics.measure import MetricValues, choose
from omniedit.evaluation.metrics.networks import Networks
from omniedit.evaluation.metrics.table import (
    InputRow,
    check_needs,
    measure_table,
    read_table,
    summary_json,
    summary_lines,
    usable_metrics,
    write_measured,
)
from omniedit.storage.parquet import check_table_path, read_given
from omniedit.storage.progress import Progress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "table", type=path, metavar="TABLE.csv", help="one edit per row; paths are relative to its folder"
    )
    parser.add_argument("-o", "--out", type=path, help="output table, .parquet or .csv")
    parser.add_argument(
        "--metrics",
        metavar="NAME,...",
        help="names of metrics; docs/metrics.md lists them (default: all that the columns allow)",
    )
    parser.add_argument(
        "--ratings",
        type=path,
        help="ratings by people, as for `omniedit agree`; TABLE is then an output table, whose metrics are compared",
    )
    parser.add_argument(
        "--protocol",
        choices=["raters", "viescore"],
        default="raters",
        help="protocol, as for `omniedit agree` (default: raters)",
    )
    parser.add_argument("--key", default="pair_id", help="column that identifies pairs (default: %(default)s)")
    parser.add_argument("--device", default="", help="cuda, cpu, ... (default: a GPU if there is one)")
    parser.add_argument("--json", action="store_true", help="print the means as JSON instead of a table")


def run(args: argparse.Namespace) -> None:
    """Measure, write the table and print the means; or compare the metrics of an output table with people.

    Raises:
        UserError: no row can be measured (the table with the reasons is still written), no metric is available, or as
            in `read_table`, `check_needs` and `choose`.
    """
    if args.ratings:
        _compare(args)
        return
    if args.out is None:
        raise UserError("give -o FILE, the table to write, or --ratings")
    check_table_path(args.out, args.table)
    rows = read_table(args.table)
    networks = Networks(args.device)
    names = choose_names(args.table, rows, args.metrics, networks)
    with redirect_stdout(sys.stderr if args.json else sys.stdout), Progress("rows", total=len(rows)) as progress:
        measured = measure_table(args.table, rows, names, networks, progress.advance)
    write_measured(args.out, measured)
    _print(measured, args.json)
    if not any(row["status"] == "measured" for values in measured.values() for row in values.rows):
        first = next(iter(measured.values())).rows[0]["reason"]
        raise UserError(f"{args.table}: none of {len(rows)} rows could be measured; the first problem: {first}")


def _compare(args: argparse.Namespace) -> None:
    """Print the agreement of metrics with people.

    Raises:
        UserError: the table has no metric, or as in `correlate_metrics`.
    """
    if not is_measured(read_given(args.table)):
        raise UserError(f"{args.table}: has no metric; make a table with: omniedit metrics TABLE.csv -o {args.table}")
    protocol = PROTOCOLS[args.protocol]
    correlations = correlate_metrics(args.table, args.ratings, args.key, protocol)
    text = json.dumps(correlations_json(correlations, protocol), indent=2) if args.json else None
    print(text or "\n".join(correlation_lines(correlations, protocol)))


def choose_names(table: Path, rows: Sequence[InputRow], requested: str | None, networks: Networks) -> list[str]:
    """Return the names of the metrics to measure; if none are requested, all that the table allows.

    Raises:
        UserError: none is available, or as in `check_needs` and `choose`.
    """
    names = [name.strip() for name in requested.split(",") if name.strip()] if requested else usable_metrics(rows)
    check_needs(table, rows, names)
    chosen, unavailable = choose(names, networks)
    if not chosen:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in unavailable.items())
        raise UserError(f"{table}: no metric is available: {reasons or 'its columns allow none'}")
    return names


def _print(measured: Mapping[str, MetricValues], as_json: bool) -> None:
    print(json.dumps(summary_json(measured), indent=2) if as_json else "\n".join(summary_lines(measured)))
