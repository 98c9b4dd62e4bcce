"""The gallery of one task: candidates, scores and decisions of all its shards -> report/gallery.{task}.html."""

import argparse
from pathlib import Path

from omniedit.errors import run_program
from omniedit.files import replaced
from omniedit.reporting.candidates import read_candidates
from omniedit.reporting.gallery import Sample, gallery
from omniedit.tasks import Task


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", required=True, help="name of the run, for the heading")
    parser.add_argument("--task", type=Task, choices=list(Task), required=True)
    parser.add_argument("--candidates", type=Path, nargs="*", required=True, help="candidates/{task}/*.h5")
    parser.add_argument("--scores", type=Path, nargs="*", required=True, help="scores/{task}/*.parquet, same order")
    parser.add_argument(
        "--decisions", type=Path, nargs="*", required=True, help="decisions/{task}/*.parquet, same order"
    )
    parser.add_argument("--min-score", type=float, required=True, help="the filter's threshold, for the text")
    parser.add_argument("--kept", type=int, default=12, help="most kept pairs to show")
    parser.add_argument("--rejected", type=int, default=6, help="most rejected pairs to show")
    parser.add_argument("--seed", type=int, default=0, help="of the draw of kept pairs")
    parser.add_argument("--out", type=Path, required=True, help="the page (.html)")
    args = parser.parse_args()

    candidates, refusals = read_candidates(args.candidates, args.scores, args.decisions)
    sample = Sample(args.kept, args.rejected)
    refused = refusals.get(args.task, [])
    page = gallery(args.run, args.task, candidates, refused, args.min_score, sample, args.seed)
    with replaced(args.out) as temporary:
        temporary.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    run_program(main)
