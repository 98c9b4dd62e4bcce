"""Accuracy of a judge on a reward bench, from its recorded votes or scores: `omniedit reward-bench`."""

import argparse
import json

from omniedit.cli.arguments import path
from omniedit.errors import UserError
from omniedit.evaluation.reward_benches.records import read_records
from omniedit.evaluation.reward_benches.registry import BENCHES
from omniedit.evaluation.reward_benches.result import describe, to_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bench", choices=list(BENCHES), help="name of the bench (docs/agreement.md lists all)")
    parser.add_argument("files", type=path, nargs="+", metavar="FILE", help=".json or .jsonl files, or folders of them")
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")


def run(args: argparse.Namespace) -> None:
    """Measure and print.

    Raises:
        UserError: no row can be used, or as in `read_records`.
    """
    bench = BENCHES[args.bench]
    records = read_records(args.files)
    result = bench.measure(records)
    if not result.overall.total:
        reasons = "; ".join(f"{number} rows: {reason}" for reason, number in result.skipped.items())
        raise UserError(f"{records[0].file}: has no row of {bench.title} ({reasons}); docs/agreement.md shows its form")
    print(
        json.dumps(to_json(args.bench, result, bench.size), indent=2)
        if args.json
        else "\n".join(describe(bench.title, result, bench.size))
    )
