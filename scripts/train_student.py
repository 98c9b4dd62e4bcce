"""Train the student on the teacher's scores and measure its agreement with the teacher on held-out photos."""

import argparse
import json
import os
import time
from pathlib import Path

import torch
from transformers.utils import logging as transformers_logging

from omniedit.cli.arguments import run_seed
from omniedit.config.arguments import add_section
from omniedit.config.schema import StudentConfig
from omniedit.run.program import run_program
from omniedit.scoring.replies import write_replies
from omniedit.scoring.student.agreement import write_agreement
from omniedit.scoring.student.distill import Distillation, compare_to_teacher, initial_view_side, read_examples
from omniedit.scoring.student.examples import SPLIT, split_by_photo
from omniedit.scoring.student.judge import StudentJudge
from omniedit.storage.manifest import seal_folder
from omniedit.storage.progress import Progress
from omniedit.storage.shard_paths import add_shard_options, expand_files


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--candidates", required=True, help="path pattern candidates/{task}/{shard}.h5")
    parser.add_argument("--teacher", required=True, help="path pattern teacher/{task}/{shard}.parquet")
    add_shard_options(parser)
    add_section(parser, "--options", StudentConfig, required=True)
    parser.add_argument("--seed", type=run_seed, required=True)
    parser.add_argument("--out", type=Path, required=True, help="output folder of the student")
    parser.add_argument("--replies", type=Path, help="Parquet file of the student's replies to some held-out pairs")
    return parser.parse_args()


def main() -> None:
    args = parse_arguments()
    os.environ.setdefault("DS_ACCELERATOR", "cpu")  # accelerate imports DeepSpeed, which warns where it has to guess
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    torch.set_num_threads(1)
    options: StudentConfig = args.options

    with Progress("examples") as progress:
        candidates, teacher = (expand_files(p, args.tasks, args.shards) for p in (args.candidates, args.teacher))
        read = read_examples(candidates, teacher, options.max_examples, initial_view_side(options))
        examples = list(progress.over(read))
    training, unseen, held_out_photos = split_by_photo(examples, options.held_out, args.seed)
    student = Distillation(training, options, args.seed)
    before = compare_to_teacher(StudentJudge(student.model, student.tokenizer), unseen)
    start = time.monotonic()
    losses = student.train()
    trained_s = time.monotonic() - start
    rows = compare_to_teacher(StudentJudge(student.model, student.tokenizer), unseen)
    about = {
        "teacher": training[0].judge,
        "split": SPLIT,
        "held_out_photos": sorted(held_out_photos),
        "learnt_from": len(training),
        "parameters": sum(p.numel() for p in student.model.parameters()),
        "options": options.model_dump(),
    }
    print(f"trained in {trained_s:.1f} s on one thread, loss {losses[0]:.2f} -> {losses[-1]:.2f}")
    with seal_folder(args.out) as folder:
        student.save(folder)
        write_agreement(folder, rows, before, about)
        (folder / "losses.json").write_text(json.dumps([round(loss, 4) for loss in losses]) + "\n")
    if args.replies:
        judge = StudentJudge(student.model, student.tokenizer, "reply")
        write_replies(args.replies, judge, rows, candidates, teacher)


if __name__ == "__main__":
    run_program(main)
