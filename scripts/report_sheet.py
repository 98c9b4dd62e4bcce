"""Draw a contact sheet with pairs of every task: candidates, scores, decisions -> report/pairs.jpg."""

import argparse
from pathlib import Path

from omniedit.reporting.candidates import read_best
from omniedit.reporting.contact_sheet import best_by_photo, contact_sheet
from omniedit.run.program import run_program
from omniedit.storage.atomic import replace_file
from omniedit.storage.shard_paths import add_candidate_options, candidate_files
from omniedit.tasks import order_tasks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_candidate_options(parser)
    parser.add_argument("--out", type=Path, required=True, help="output sheet (.jpg)")
    args = parser.parse_args()

    best, rejections = read_best(candidate_files(args), best_by_photo)
    with replace_file(args.out) as temporary:
        contact_sheet(best, order_tasks({*best, *rejections}), temporary)


if __name__ == "__main__":
    run_program(main)
