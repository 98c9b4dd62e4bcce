"""Put the pre-trained student into the package, in half precision, with its card, and plot its training.

    snakemake --snakefile benchmarks/student/Snakefile --cores 2
    python -m benchmarks.student.ship --held-out-shards 1

The card reports the weights as they ship, on lessons with photographs that training never showed: once with objects
from training and once with other objects.
"""

import argparse
import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import nn

from benchmarks.student.candidates import SIZE
from benchmarks.student.pretrain import examples
from omniedit.config.schema import SHIPPED_STUDENT, StudentConfig
from omniedit.reporting.model_card import markdown
from omniedit.run.program import run_program
from omniedit.scoring.student.agreement import THRESHOLDS, agreement
from omniedit.scoring.student.distill import compare_to_teacher
from omniedit.scoring.student.head import FILE
from omniedit.scoring.student.judge import StudentJudge, load_student
from omniedit.scoring.vlm_judges.readout import READOUTS
from omniedit.storage.atomic import replace_file
from omniedit.tasks import Task

HERE = Path(__file__).parent
ABOUT = "about.json"
JUDGE_CARD = "JUDGE.md"
"""Card of the judge in the same folder, whose head `benchmarks/student/head.py` trains. Both stay."""
MEASURES = {"Spearman": "spearman", "mean error": "mean_absolute_error", "F1": "f1"}
"""Measures of O in the card -> their names in `agreement`."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lessons", type=Path, default=Path("results/student"))
    parser.add_argument("--held-out-shards", type=int, default=1, help="of each task, of either kind")
    parser.add_argument("--out", type=Path, default=SHIPPED_STUDENT)
    parser.add_argument("--figure", type=Path, default=HERE / "agreement.svg")
    args = parser.parse_args()
    trained = args.lessons / "student"
    model, tokenizer = load_student(trained)
    about = json.loads((trained / ABOUT).read_text())
    options = StudentConfig(image_size=about["image_size"])
    unseen = {kind: examples(args.lessons, kind, args.held_out_shards, options) for kind in ("held_out", "strange")}
    with replace_file(args.out) as folder:
        nn.Module.to(model, torch.float16)
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        judges = {readout: StudentJudge.from_pretrained(folder, readout) for readout in READOUTS}
        figures = {
            kind: {readout: agreement(compare_to_teacher(judge, pairs)) for readout, judge in judges.items()}
            for kind, pairs in unseen.items()
        }
        (folder / "README.md").write_text(card(model.num_parameters(), about, figures))
        for name in (FILE, JUDGE_CARD):
            if (args.out / name).is_file():
                shutil.copy(args.out / name, folder)
    records = [json.loads(line) for line in (trained / "agreement.jsonl").read_text().splitlines()]
    curve(records).savefig(args.figure, metadata={"Date": None})


def card(parameters: int, about: Mapping[str, Any], figures: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> str:
    """Return the card of the shipped student, from its agreement with the teacher by kind of pairs and by readout."""
    by_readout, of_strange = figures["held_out"], figures["strange"]["tokens"]
    agreed = by_readout["tokens"]
    rows = [["all", *_cells(each["overall"] for each in by_readout.values())]]
    rows += [
        [Task(task).label, *_cells(each["by_task"][task] for each in by_readout.values())] for task in agreed["by_task"]
    ]
    heads = ["Pairs of", "Number", *(f"{name}, `{readout}`" for readout in by_readout for name in MEASURES)]
    defects = [
        [defect.replace("_", " "), str(means["pairs"]), _number(means["teacher"], 1), _number(means["student"], 1)]
        for defect, means in agreed["by_defect"].items()
    ]
    return (
        (HERE / "card.md")
        .read_text()
        .format(
            parameters=parameters / 1e6,
            size=SIZE,
            threshold=f"{THRESHOLDS[-1]:g}",
            agreement=markdown(heads, rows),
            defects=markdown(["Defect", "Pairs", "Teacher's mean O", "Student's mean O"], defects),
            scores=_scores(agreed),
            unseen=agreed["overall"]["pairs"],
            strange=of_strange["overall"]["pairs"],
            strange_scores=_scores(of_strange),
            strange_f1=" and ".join(_number(each["overall"]["f1"], 2) for each in figures["strange"].values()),
            **about,
        )
    )


def curve(records: Sequence[Mapping[str, Any]]) -> Figure:
    """Plot agreement on held-out pairs against core time."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    minutes = [record["core_s"] / 60 for record in records]
    for name, label in (("o_score", "O"), ("sc_score_1", "success"), ("sc_score_2", "restraint"), ("pq_score", "PQ")):
        axes.plot(minutes, [record["spearman"][name] for record in records], marker="o", label=f"Spearman of {label}")
    axes.plot(minutes, [record["overall"]["f1"] for record in records], "k--", label=f"F1 at O >= {THRESHOLDS[-1]:g}")
    axes.axhline(0.8, color="0.7", linewidth=1)
    axes.set(xlabel="minutes of training on one core", ylabel="agreement with the teacher", ylim=(0, 1))
    axes.legend(loc="lower right")
    return figure


def _scores(agreed: Mapping[str, Any]) -> str:
    return ", ".join(f"`{name}` {_number(value, 2)}" for name, value in agreed["spearman"].items())


def _cells(by_readout: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the number of pairs, then `MEASURES` for each readout."""
    figures = list(by_readout)
    return [str(figures[0]["pairs"]), *(_number(each[name], 2) for each in figures for name in MEASURES.values())]


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


if __name__ == "__main__":
    run_program(main)
