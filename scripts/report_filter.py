"""Scores and filter: candidates, scores and decisions of all tasks and shards -> report/filter.html."""

import argparse
from pathlib import Path

from omniedit.errors import run_program
from omniedit.files import replaced
from omniedit.reporting.candidates import read_candidates
from omniedit.reporting.filtering import filter_page


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", required=True, help="name of the run, for the heading")
    parser.add_argument("--candidates", type=Path, nargs="+", required=True, help="candidates/{task}/{shard}.h5")
    parser.add_argument("--scores", type=Path, nargs="+", required=True, help="their scores, in the same order")
    parser.add_argument("--decisions", type=Path, nargs="+", required=True, help="their decisions, in the same order")
    parser.add_argument("--min-score", type=float, required=True, help="the filter's threshold")
    parser.add_argument("--out", type=Path, required=True, help="the page (.html)")
    args = parser.parse_args()

    candidates, refusals = read_candidates(args.candidates, args.scores, args.decisions)
    with replaced(args.out) as temporary:
        temporary.write_text(filter_page(args.run, candidates, refusals, args.min_score), encoding="utf-8")


if __name__ == "__main__":
    run_program(main)
