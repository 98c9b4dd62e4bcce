"""Pre-train the student that ships on the teacher's scores of the world's pairs, and measure their agreement.

    torchrun --standalone --nproc-per-node 2 -m benchmarks.student.pretrain --lessons results/student --shards 3 \\
        --held-out-shards 1 --out results/student/student

Ranks share the lessons, each step's batch and the comparison. An interrupted run resumes from its last checkpoint. The
folder holds the student, about.json with its training data and options, and agreement.jsonl with its agreement with the
teacher on pairs with held-out photographs, by training steps and seconds of core time.
"""

import argparse
import hashlib
import json
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from transformers.utils import logging as transformers_logging

from benchmarks.ablation.learning import BETAS, WEIGHT_DECAY, Training
from benchmarks.ablation.settings import Fit
from omniedit.config.schema import VIEWS_VERSION, StudentConfig
from omniedit.errors import UserError
from omniedit.run.program import run_program
from omniedit.scoring.student.agreement import agreement
from omniedit.scoring.student.distill import Distillation, StudentExample, compare_to_teacher, read_examples
from omniedit.scoring.student.judge import StudentJudge
from omniedit.storage.atomic import replace_file
from omniedit.storage.progress import Progress
from omniedit.tasks import OMNIEDIT_TASKS
from omniedit.training.ranks import gather_from_ranks, join_ranks, leave_ranks

SEED = 0
BATCH = 32
"""Batch size over all ranks."""
RANKS = (1, 2, 4)
LEARNING_RATE = 4e-3
"""Peak learning rate. After 300 steps with decay to 0, Spearman of O was 0.43; at 1e-3 0.35; with AdamW alone 0.29."""
MEASURED = 10
"""Number of comparisons with the teacher during training, including the one at the last step."""


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lessons", type=Path, required=True, help="folder of candidates/ and teacher/")
    parser.add_argument("--shards", type=int, required=True, help="of each task, to learn from")
    parser.add_argument("--held-out-shards", type=int, required=True, help="of each task, to be compared on")
    parser.add_argument("--steps", type=int, default=8_000)
    parser.add_argument("--out", type=Path, required=True)
    return parser.parse_args()


def main() -> None:
    args = parse_arguments()
    transformers_logging.set_verbosity_error()
    join_ranks()
    torch.set_num_threads(1)  # a second thread gains nothing at this size, and ranks would wait for each other
    rank, ranks = dist.get_rank(), dist.get_world_size()
    if ranks not in RANKS:
        raise UserError(f"{ranks} ranks: they share a batch of {BATCH} and a shard or more of each task; start {RANKS}")
    options = StudentConfig(
        steps=args.steps,
        batch_size=BATCH // ranks,
        learning_rate=LEARNING_RATE,
        image_size=64,
        max_examples=150_000 // ranks,
    )
    seen = examples(args.lessons, "training", args.shards, options, rank, ranks)
    unseen = examples(args.lessons, "held_out", args.held_out_shards, options, rank, ranks)
    start = args.out.with_suffix(".start")
    if rank == 0:
        with replace_file(start) as folder:
            Distillation(seen, options, SEED).save(folder)
    dist.barrier()
    student = Distillation(seen, options.model_copy(update={"start": str(start)}), SEED)
    fit = Fit(options.steps, BATCH, options.learning_rate, len(seen))
    checkpoint = args.out.with_suffix(".checkpoint.pt")
    made_from = "".join(gather_from_ranks(identity(seen, fit)))
    training = Training(student.model.train(), fit, checkpoint, optimizers(student.model), made_from)
    spent_s = training.records[-1]["core_s"] if training.records else 0.0
    left = (student.batch(step) for step in range(training.done, options.steps))
    begun_s = time.process_time()
    for done in training.steps(left, student.loss):
        if done in {options.steps * part // MEASURED for part in range(1, MEASURED + 1)}:
            spent_s += ranks * (time.process_time() - begun_s)
            with training.ema_weights():
                rows = compare_to_teacher(StudentJudge(student.model, student.tokenizer), unseen)
            rows = [row for part in gather_from_ranks(rows) for row in part]
            student.model.train()
            row = {"steps": done, "core_s": round(spent_s, 1), "loss": training.loss}
            training.records.append({**row, **agreement(rows)})
            print(json.dumps(training.records[-1]), flush=True)
            begun_s = time.process_time()
    learned_from = sum(gather_from_ranks(len(seen)))
    if rank == 0:
        save(args.out, student, learned_from, training.records)
        training.checkpoint.unlink(missing_ok=True)
        shutil.rmtree(start)
    leave_ranks()


def save(out: Path, student: Distillation, seen: int, records: Sequence[Mapping[str, Any]]) -> None:
    """Write the student, a description of its training, and its agreement with the teacher after each part."""
    about = {"seen": seen, "steps": student.options.steps, "batch_size": BATCH, "learning_rate": LEARNING_RATE}
    about |= {"image_size": student.options.image_size}
    with replace_file(out) as folder:
        student.save(folder)
        (folder / "about.json").write_text(json.dumps(about, indent=1) + "\n")
        (folder / "agreement.jsonl").write_text("".join(json.dumps(row) + "\n" for row in records))


def identity(seen: Sequence[StudentExample], fit: Fit) -> str:
    """Return a fingerprint of a rank's training data and options."""
    identity = (VIEWS_VERSION, fit, [(example.pair_id, example.defect, example.teacher) for example in seen])
    return hashlib.sha256(repr(identity).encode()).hexdigest()


def optimizers(network: nn.Module) -> list[torch.optim.Optimizer]:
    """Return Muon for matrices between hidden layers and AdamW for the rest (Jordan et al. 2024), at the same rate."""
    hidden = [each for name, each in network.named_parameters() if each.ndim == 2 and "embed" not in name]
    others = [each for name, each in network.named_parameters() if each.ndim != 2 or "embed" in name]
    return [
        torch.optim.Muon(hidden, weight_decay=WEIGHT_DECAY, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, betas=BETAS, weight_decay=WEIGHT_DECAY),
    ]


def examples(
    lessons: Path, kind: str, shards: int, options: StudentConfig, rank: int = 0, ranks: int = 1
) -> list[StudentExample]:
    """Read this rank's examples: every `ranks`-th of all tasks' shards, starting at number `rank`.

    Args:
        shards: number of shards per task.

    Raises:
        UserError: a shard is missing.
    """
    names = [f"{kind}/{task}/{shard:05d}" for task in OMNIEDIT_TASKS for shard in range(shards)][rank::ranks]
    candidates = [lessons / "candidates" / f"{name}.h5" for name in names]
    teacher_files = [lessons / "teacher" / f"{name}.parquet" for name in names]
    for path in (*candidates, *teacher_files):
        if not path.is_file():
            raise UserError(f"{path}: no lessons here; the rule lessons of benchmarks/student/Snakefile makes them")
    with Progress(f"{kind} examples", every_s=30) as progress:
        return list(progress.over(read_examples(candidates, teacher_files, options.max_examples, options.image_size)))


if __name__ == "__main__":
    run_program(main)
