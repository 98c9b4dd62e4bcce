"""Draw a contact sheet with pairs of every task: candidates, scores, decisions -> report/pairs.jpg."""

import argparse
from pathlib import Path

from omniedit.reporting.candidates import read_best
from omniedit.reporting.sheet import best_of_different_photos, contact_sheet
from omniedit.run.program import run_program
from omniedit.storage.atomic import replace_file
from omniedit.storage.shards import add_shard_options, expand_files
from omniedit.tasks import order_tasks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--candidates", required=True, help="path pattern candidates/{task}/{shard}.h5")
    parser.add_argument("--scores", required=True, help="path pattern scores/{task}/{shard}.parquet")
    parser.add_argument("--decisions", required=True, help="path pattern decisions/{task}/{shard}.parquet")
    add_shard_options(parser)
    parser.add_argument("--out", type=Path, required=True, help="the sheet (.jpg)")
    args = parser.parse_args()

    patterns = args.candidates, args.scores, args.decisions
    files, scores, decisions = (expand_files(pattern, args.tasks, args.shards) for pattern in patterns)
    best, rejections = read_best(files, scores, decisions, best_of_different_photos)
    with replace_file(args.out) as temporary:
        contact_sheet(best, order_tasks({*best, *rejections}), temporary)


if __name__ == "__main__":
    run_program(main)
