"""Write the gallery of one task: candidates, scores and decisions of all its shards -> report/gallery.{task}.html."""

import argparse
from pathlib import Path

from omniedit.cli.arguments import at_least_zero, overall_score
from omniedit.reporting.candidates import read_candidates
from omniedit.reporting.gallery import Sample, gallery
from omniedit.run.program import run_program
from omniedit.storage.atomic import replace_file
from omniedit.storage.shards import add_shard_options, expand_files


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", required=True, help="name of the run, for the heading")
    parser.add_argument("--candidates", required=True, help="path pattern candidates/{task}/{shard}.h5")
    parser.add_argument("--scores", required=True, help="path pattern scores/{task}/{shard}.parquet")
    parser.add_argument("--decisions", required=True, help="path pattern decisions/{task}/{shard}.parquet")
    add_shard_options(parser)
    parser.add_argument("--min-score", type=overall_score, required=True, help="the filter's threshold, for the text")
    parser.add_argument("--kept", type=at_least_zero, default=12, help="maximum number of accepted pairs to show")
    parser.add_argument("--rejected", type=at_least_zero, default=6, help="maximum number of rejected pairs to show")
    parser.add_argument("--seed", type=int, default=0, help="seed of the draw of accepted pairs")
    parser.add_argument("--out", type=Path, required=True, help="the page (.html)")
    args = parser.parse_args()

    (task,) = args.tasks
    patterns = args.candidates, args.scores, args.decisions
    candidates, rejections = read_candidates(*(expand_files(pattern, args.tasks, args.shards) for pattern in patterns))
    sample = Sample(args.kept, args.rejected)
    rejected = rejections.get(task, [])
    page = gallery(args.run, task, candidates, rejected, args.min_score, sample, args.seed)
    with replace_file(args.out) as temporary:
        temporary.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    run_program(main)
