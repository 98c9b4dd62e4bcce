"""Rehearse every GPU job at full size, without a GPU or weights, to find whether it runs and how much memory it takes.

    python -m benchmarks.full_size_rehearsal                     # all jobs: half an hour of processor time
    python -m benchmarks.full_size_rehearsal --list
    python -m benchmarks.full_size_rehearsal --jobs "train editnet" specialist --out rehearsal.json

Networks have their published configurations and fake weights; images are 1024 x 1024. Learned specialists, judges, the
proposer, encoding and sampling run forward; editors, the inpainting specialist and the student take a training step
with DeepSpeed. Errors of shape and dtype end a job as they would on a GPU. Names of weights are compared with
published checkpoints where a list was found (benchmarks/full_size/published_keys). "planned" is the memory by
`omniedit plan` for trainings, and the weights by config/models.yaml for other jobs. Exits with 1 if a job fails or has
a fault.
"""

import argparse
import json
import logging
import sys
import time
import traceback
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.full_size.fake_memory import FakeMemory
from benchmarks.full_size.inference_jobs import judge_jobs, sampling_jobs, specialist_jobs
from benchmarks.full_size.jobs import Job, Outcome
from benchmarks.full_size.training_jobs import editor_jobs, finetune_jobs, inpainting_job
from omniedit.models.registry import MODELS, read_models
from omniedit.run.program import run_program
from omniedit.storage.atomic import replace_file
from omniedit.training.ranks import join_ranks, leave_ranks

REPOSITORY = Path(__file__).parents[1]
HEAD = f"{'job':<48}{'class':<42}{'B':>7}{'peak GB':>9}{'planned':>9}{'more':>7}{'s':>6}  shapes"


def all_jobs(models_file: Path = REPOSITORY / MODELS) -> Iterator[Job]:
    """Yield every job, from the registries of architectures, bases, tasks and models."""
    models = read_models(models_file)
    yield from sampling_jobs(models["base"])
    yield from judge_jobs(models)
    yield from finetune_jobs(models)
    yield from specialist_jobs(models)
    yield inpainting_job()
    yield from editor_jobs()


def rehearse(job: Job) -> dict[str, Any]:
    """Rehearse a job and return its row; a failure is a fault of the row."""
    memory, start = FakeMemory(), time.process_time()
    try:
        outcome = job.run(memory)
    except Exception as error:  # any error of any library; the other jobs go on
        traceback.print_exc()
        outcome = Outcome(0, "", None, [f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"])
    return {
        "job": job.name,
        "class": job.class_name,
        "parameters": outcome.parameters,
        "shapes": outcome.shapes,
        "peak_gb": round(memory.peak / 1e9, 2),
        "planned_gb": None if outcome.planned_bytes is None else round(outcome.planned_bytes / 1e9, 2),
        "seconds": round(time.process_time() - start, 1),
        "faults": outcome.faults,
    }


def line(row: dict[str, Any]) -> str:
    planned = row["planned_gb"]
    plan = f"{'-':>9}{'':>7}" if not planned else f"{planned:>9.1f}{row['peak_gb'] / planned - 1:>+7.0%}"
    cells = f"{row['parameters'] / 1e9:>7.3f}{row['peak_gb']:>9.1f}{plan}{row['seconds']:>6.0f}"
    return "\n".join([f"{row['job']:<48}{row['class']:<42}{cells}  {row['shapes']}", *indent(row["faults"])])


def indent(faults: Iterable[str]) -> list[str]:
    return [f"    FAULT: {fault}" for fault in faults]


@contextmanager
def quiet() -> Iterator[None]:
    """Hide warnings, which hundreds of fake weights would cause."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        logging.disable(before)


def rehearse_all(jobs: Iterable[Job], out: Path | None) -> list[dict[str, Any]]:
    """Rehearse jobs, print a line for each, and return all rows, with those that `out` already has."""
    rows: list[dict[str, Any]] = json.loads(out.read_text()) if out and out.is_file() else []
    done = {(row["job"], row["class"]) for row in rows}
    join_ranks()
    print(HEAD)
    for job in jobs:
        if (job.name, job.class_name) in done:
            continue
        rows.append(rehearse(job))
        print(line(rows[-1]), flush=True)
        if out:
            with replace_file(out) as temporary:
                temporary.write_text(json.dumps(rows, indent=1) + "\n")
    leave_ranks()
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", nargs="+", metavar="PART", help="only jobs with one of these in their name or class")
    parser.add_argument("--list", action="store_true", help="print the names of the jobs and exit")
    parser.add_argument("--out", type=Path, help="JSON file to add the rows to; a job that it has already is skipped")
    args = parser.parse_args()
    jobs = [
        job for job in all_jobs() if not args.jobs or any(part in f"{job.name} {job.class_name}" for part in args.jobs)
    ]
    if args.list:
        print("\n".join(f"{job.name:<48}{job.class_name}" for job in jobs))
        return
    with quiet():
        rows = rehearse_all(jobs, args.out)
    if any(row["faults"] for row in rows):
        sys.exit(1)


if __name__ == "__main__":
    run_program(main)
