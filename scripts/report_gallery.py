"""Write the galleries: candidates, scores and decisions of each task's shards -> report/gallery.{task}.html."""

import argparse
from pathlib import Path

from omniedit.cli.arguments import add_task_thresholds, at_least_zero, overall_score, run_seed
from omniedit.reporting.candidates import read_candidates
from omniedit.reporting.gallery import GallerySize, gallery
from omniedit.run.program import run_program
from omniedit.storage.atomic import write_text
from omniedit.storage.shard_paths import add_candidate_options, candidate_files
from omniedit.tasks import Task


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", required=True, help="name of the run, for the heading")
    parser.add_argument("--out-dir", type=Path, required=True, help="folder of the pages (gallery.{task}.html)")
    add_candidate_options(parser)
    parser.add_argument("--min-score", type=overall_score, required=True, help="the filter's threshold, for the text")
    add_task_thresholds(parser)
    parser.add_argument("--kept", type=at_least_zero, default=12, help="maximum number of accepted pairs to show")
    parser.add_argument("--rejected", type=at_least_zero, default=6, help="maximum number of rejected pairs to show")
    parser.add_argument("--seed", type=run_seed, default=0, help="seed of the draw of accepted pairs")
    args = parser.parse_args()

    for task in args.tasks:
        write_text(args.out_dir / f"gallery.{task}.html", task_gallery(args, task))


def task_gallery(args: argparse.Namespace, task: Task) -> str:
    candidates, rejections = read_candidates(candidate_files(argparse.Namespace(**vars(args) | {"tasks": [task]})))
    sample = GallerySize(args.kept, args.rejected)
    min_score = args.min_scores.get(task, args.min_score)
    return gallery(args.run, task, candidates, rejections.get(task, []), min_score, sample, args.seed)


if __name__ == "__main__":
    run_program(main)
