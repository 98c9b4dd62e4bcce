"""Pre-train the student that ships on the teacher's scores of the world's pairs, and tell how well it agrees.

    python -m benchmarks.student.pretrain --lessons results/student --out results/student/student

A run that is cut off goes on from its last checkpoint. The folder holds the student, about.json of what it was made
from, and agreement.jsonl: how it agrees with its teacher on held-out objects and photographs, after so many steps.
"""

import argparse
import json
from pathlib import Path

from transformers.utils import logging as transformers_logging

from benchmarks.ablation.learning import Training
from benchmarks.ablation.settings import Fit
from omniedit.config import StudentConfig
from omniedit.errors import UserError, run_program
from omniedit.files import replaced
from omniedit.progress import Progress
from omniedit.scoring.agreement import agreement
from omniedit.scoring.distill import Distillation, Example, compared, read_examples
from omniedit.scoring.student import StudentJudge

SEED = 0
MEASURED = 10
"""How often it is compared with its teacher on the way."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lessons", type=Path, required=True, help="folder of candidates/ and teacher/")
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    transformers_logging.set_verbosity_error()
    options = StudentConfig(steps=args.steps, batch_size=32, learning_rate=1e-3, image_size=64, max_examples=100_000)
    seen, unseen = (examples(args.lessons, kind, options) for kind in ("training", "held_out"))
    student = Distillation(seen, options, SEED)
    fit = Fit(options.steps, options.batch_size, options.learning_rate, len(seen))
    training = Training(student.model.train(), fit, args.out.with_suffix(".checkpoint.pt"))
    left = (student.batch(step) for step in range(training.done, options.steps))
    for done in training.steps(left, student.loss):
        if done % (options.steps // MEASURED) == 0:
            with training.mean_shown():
                rows = compared(StudentJudge(student.model, student.tokenizer), unseen)
            student.model.train()
            training.records.append({"steps": done, "loss": training.loss, **agreement(rows)})
            print(json.dumps(training.records[-1]), flush=True)
    about = {"seen": len(seen), "unseen": len(unseen), **options.model_dump()}
    with replaced(args.out) as folder:
        student.save(folder)
        (folder / "about.json").write_text(json.dumps(about, indent=1) + "\n")
        (folder / "agreement.jsonl").write_text("".join(json.dumps(row) + "\n" for row in training.records))
    training.checkpoint.unlink(missing_ok=True)


def examples(lessons: Path, kind: str, options: StudentConfig) -> list[Example]:
    """Of all tasks and shards."""
    taught = sorted(lessons.glob(f"teacher/{kind}/*/*.parquet"))
    candidates = [lessons / "candidates" / kind / path.parent.name / f"{path.stem}.h5" for path in taught]
    if not taught:
        raise UserError(f"{lessons}/teacher/{kind}: no lessons here; the rule lessons of benchmarks/student/Snakefile")
    with Progress(f"{kind} examples", every_s=30) as progress:
        return list(progress.over(read_examples(candidates, taught, options.max_examples, options.image_size)))


if __name__ == "__main__":
    run_program(main)
