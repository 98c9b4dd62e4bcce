"""Report scores and filter: candidates, scores and decisions of all tasks and shards -> report/filter.html."""

import argparse
from pathlib import Path

from omniedit.cli.arguments import overall_score
from omniedit.reporting.candidates import read_columns
from omniedit.reporting.filtering import filter_page
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
    parser.add_argument("--min-score", type=overall_score, required=True, help="the filter's threshold")
    parser.add_argument("--out", type=Path, required=True, help="the page (.html)")
    args = parser.parse_args()

    patterns = args.candidates, args.scores, args.decisions
    files, scores, decisions = (expand_files(pattern, args.tasks, args.shards) for pattern in patterns)
    candidates, rejections = read_columns(files, scores, decisions)
    with replace_file(args.out) as temporary:
        temporary.write_text(filter_page(args.run, candidates, rejections, args.min_score), encoding="utf-8")


if __name__ == "__main__":
    run_program(main)
