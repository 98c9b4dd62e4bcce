"""Write a table and sample edits of the finished units.

    python -m benchmarks.smartedit.report --setting cpu --units results/smartedit/cpu/units/* \\
        --out results/smartedit/cpu/report
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.ablation.report import spread
from benchmarks.ablation.sheet import save_sheet
from benchmarks.arguments import step_parser
from benchmarks.smartedit.settings import EXPLICIT, SETTINGS, UNITS, Setting
from benchmarks.smartedit.testing import SHOWN, Items, chance
from benchmarks.smartedit.world import CUES
from omniedit.models.codec import LappedCodec
from omniedit.reporting.model_card import markdown
from omniedit.run.program import run_program
from omniedit.storage.atomic import replace_file

Values = NDArray[np.float64]
"""Values of one measurement, (seeds, cues, items)."""
Unit = tuple[str, str]
BEST: Unit = ("both", "all")
LABELS = {
    EXPLICIT: "MiniLM, explicit instructions",
    "minilm": "MiniLM",
    "none": "language model, no interaction",
    "one_way": "language model, one-way",
    "both": "language model, both ways",
}
MIX_LABELS = {
    EXPLICIT: "MiniLM, explicit instructions",
    "all": "all",
    "editing": "editing",
    "editing_segmentation": "editing, segmentation",
    "editing_questions": "editing, questions",
    "simple": "editing without complex instructions",
}


def read_values(folders: Sequence[Path], measure: str) -> dict[Unit, dict[int, Values]]:
    """Return the last measurement of finished units, (cues, items) by seed, for each encoder and data mix."""
    found: dict[Unit, dict[int, Values]] = {}
    for folder in folders:
        reads, mix, seed = folder.name.rsplit("-", 2)
        lines = [json.loads(line) for line in (folder / "measures.jsonl").open()]
        last = {line["cue"]: line[measure] for line in lines}
        found.setdefault((reads, mix), {})[int(seed)] = np.array([last[cue] for cue in CUES], np.float64)
    return {unit: found[unit] for unit in ((EXPLICIT, "editing"), *UNITS) if unit in found}


def table(values: Mapping[Unit, Mapping[int, Values]]) -> str:
    """Return a row per encoder and data mix: the mean per cue, and over cues with its 95 % bootstrap interval."""
    rows = []
    for (reads, mix), seeds in values.items():
        together = np.stack([seeds[seed] for seed in sorted(seeds)])
        means = [f"{mean:.2f}" for mean in together.mean(axis=(0, 2))]
        rows.append([LABELS[reads], MIX_LABELS[mix], str(len(seeds)), *means, spread(together, 3)])
    return markdown(["instructions read by", "data", "seeds", *CUES, "mean"], rows)


def differences(values: Mapping[Unit, Mapping[int, Values]]) -> str:
    """Return by how much the encoder `both` with all data exceeds each other unit, paired by seed and item."""
    rows = []
    for unit, seeds in values.items():
        both = sorted(set(seeds) & set(values.get(BEST, {})))
        if unit == BEST or not both:
            continue
        gains = np.stack([values[BEST][seed] - seeds[seed] for seed in both])
        rows.append([f"less {LABELS[unit[0]]}, {MIX_LABELS[unit[1]]}", str(len(both)), spread(gains, 3)])
    return markdown(["both ways, all data", "seeds", "difference"], rows) if rows else ""


def samples_sheet(path: Path, folders: Sequence[Path], items: Items, number: int) -> None:
    """Save sources, right answers and the edits of each unit of the first seed."""
    shown = [place for place in range(len(items.rows)) if place % number < SHOWN]
    first = [folder for folder in folders if folder.name.endswith("-0")]
    edits = {folder.name.removesuffix("-0"): np.load(folder / "answers.npz")["answers"] for folder in first}
    save_sheet(
        path,
        [
            [
                (items.rows[place].text, items.rows[place].source),
                ("right", items.rows[place].target),
                *((name, answers[line]) for name, answers in edits.items()),
            ]
            for line, place in enumerate(shown)
        ],
    )


def write_report(setting: Setting, folders: Sequence[Path], folder: Path) -> None:
    items = Items.make(setting, LappedCodec())
    parts = [f"A blind choice is right in {chance(items):.3f} of the items."]
    for measure, title in (("chosen", "The object that is meant is changed most"), ("success", "Success")):
        values = read_values(folders, measure)
        parts += [f"## {title}", table(values), differences(values)]
    (folder / "table.md").write_text("\n\n".join(filter(None, parts)) + "\n")
    samples_sheet(folder / "samples.png", folders, items, setting.items_per_cue)


def main() -> None:
    parser = step_parser(__doc__, SETTINGS, "--out")
    parser.add_argument("--units", type=Path, nargs="+", required=True)
    args = parser.parse_args()
    with replace_file(args.out) as folder:
        folder.mkdir()
        write_report(SETTINGS[args.setting], args.units, folder)


if __name__ == "__main__":
    run_program(main)
