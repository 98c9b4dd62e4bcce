"""Pairs of every task on one picture: candidates, scores, decisions -> report/pairs.jpg."""

import argparse
from pathlib import Path

from omniedit.errors import run_program
from omniedit.files import replaced
from omniedit.reporting.candidates import read_candidates
from omniedit.reporting.sheet import contact_sheet
from omniedit.tasks import Task


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--candidates", type=Path, nargs="+", required=True, help="candidates/{task}/{shard}.h5")
    parser.add_argument("--scores", type=Path, nargs="+", required=True, help="their scores, in the same order")
    parser.add_argument("--decisions", type=Path, nargs="+", required=True, help="their decisions, in the same order")
    parser.add_argument("--out", type=Path, required=True, help="the sheet (.jpg)")
    args = parser.parse_args()

    candidates, refusals = read_candidates(args.candidates, args.scores, args.decisions)
    with replaced(args.out) as temporary:
        contact_sheet(candidates, [task for task in Task if task in refusals], temporary)


if __name__ == "__main__":
    run_program(main)
