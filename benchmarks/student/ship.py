"""Put the pre-trained student into the package, in half precision, with its card.

snakemake --snakefile benchmarks/student/Snakefile --cores 2
python -m benchmarks.student.ship
"""

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from torch import nn

from benchmarks.student.candidates import SIZE
from omniedit.config import SHIPPED_STUDENT
from omniedit.errors import run_program
from omniedit.files import replaced
from omniedit.reporting.card import markdown
from omniedit.scoring.agreement import THRESHOLDS
from omniedit.scoring.student import load_student, view_side
from omniedit.tasks import Task

CARD = Path(__file__).parent / "card.md"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--student", type=Path, default=Path("results/student/student"))
    parser.add_argument("--out", type=Path, default=SHIPPED_STUDENT)
    args = parser.parse_args()
    model, tokenizer = load_student(args.student)
    about = json.loads((args.student / "about.json").read_text())
    agreed = [json.loads(line) for line in (args.student / "agreement.jsonl").read_text().splitlines()][-1]
    with replaced(args.out) as folder:
        nn.Module.to(model, torch.float16)
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        (folder / "README.md").write_text(card(model.num_parameters(), view_side(model), about, agreed))


def card(parameters: int, side: int, about: dict[str, Any], agreed: dict[str, Any]) -> str:
    """Of the student that ships, from what was measured of it last."""
    rows = [["all", *_figures(agreed["overall"])]]
    rows += [[Task(task).label, *_figures(figures)] for task, figures in agreed["by_task"].items()]
    defects = [
        [defect.replace("_", " "), str(means["pairs"]), f"{means['teacher']:.1f}", f"{means['student']:.1f}"]
        for defect, means in agreed["by_defect"].items()
    ]
    return CARD.read_text().format(
        parameters=parameters / 1e6,
        side=side,
        size=SIZE,
        threshold=f"{THRESHOLDS[-1]:g}",
        agreement=markdown(["Pairs of", "Number", "Spearman of O", "Mean error of O", "F1"], rows),
        defects=markdown(["Defect", "Pairs", "Teacher's mean O", "Student's mean O"], defects),
        scores=", ".join(f"{name} {value:.2f}" for name, value in agreed["spearman"].items()),
        **about,
    )


def _figures(figures: dict[str, Any]) -> list[str]:
    told = [figures[name] for name in ("spearman", "mean_absolute_error", "f1")]
    return [str(figures["pairs"]), *("-" if value is None else f"{value:.2f}" for value in told)]


if __name__ == "__main__":
    run_program(main)
