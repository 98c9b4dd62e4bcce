"""Write the table of editors with and without demonstrations, of experts and of baselines, and a sheet of edits.

    python -m benchmarks.apprentice.report --setting small --assets results/ablation/assets.npz \\
        --units results/apprentice/small/units/* --experts results/apprentice/small/experts --out report
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.ablation.assets import Assets
from benchmarks.ablation.report import spread
from benchmarks.ablation.sheet import save_sheet
from benchmarks.apprentice.learning import held_out_world, list_test_pairs
from benchmarks.apprentice.settings import SETTINGS, SubjectSetting
from benchmarks.apprentice.subjects import SubjectPair
from benchmarks.apprentice.train import measure_all
from benchmarks.arguments import step_parser
from omniedit.architectures import ARCHITECTURES
from omniedit.evaluation.subject_fidelity import MEASURES, SubjectCase
from omniedit.imaging.images import Image
from omniedit.reporting.model_card import markdown
from omniedit.run.program import run_program
from omniedit.storage.atomic import replace_file

HEADS = ("subject error", "subject matched", "text matched", "request matched", "copying")
SHEET_ROWS = 12

Values = NDArray[np.float64]
Key = tuple[str, int]
"""Editor and number of demonstrations."""


def baseline_outputs(pairs: Sequence[SubjectPair]) -> dict[str, list[Image]]:
    """Return the outputs of no edit, and of copying the first demonstration."""
    return {
        "no edit": [pair.source for pair in pairs],
        "copy-paste": [pair.demonstrations[0] for pair in pairs],
    }


def read_measures(folders: Sequence[Path]) -> dict[Key, dict[str, Values]]:
    """Return the last measurement of each editor and number of demonstrations, (seeds, pairs) by measure."""
    found: dict[Key, dict[int, Mapping[str, Any]]] = {}
    for folder in folders:
        for line in (folder / "measures.jsonl").read_text().splitlines():
            row = json.loads(line)
            found.setdefault((row["editor"], row["shown"]), {})[row["seed"]] = row
    return {
        key: {name: np.array([rows[seed][name] for seed in sorted(rows)]) for name in MEASURES}
        for key, rows in found.items()
    }


def to_subjects(values: Values, subjects: int) -> Values:
    """Return means over each subject's requests, (seeds, 1, subjects), so that intervals resample subjects."""
    return values.reshape(len(values), subjects, -1).mean(axis=2)[:, None]


def name_row(key: Key) -> str:
    editor, shown = key
    label = ARCHITECTURES[editor].label if editor in ARCHITECTURES else editor
    return f"{label}, {shown} shown" if editor in ARCHITECTURES and "demos" in editor else label


def write_table(measures: Mapping[Key, Mapping[str, Values]], setting: SubjectSetting) -> str:
    """Return Markdown tables: the measures of each row, then differences from the editor without demonstrations."""
    subjects = setting.test_subjects
    rows = [
        [name_row(key), *(spread(to_subjects(found[name], subjects), 3) for name in MEASURES)]
        for key, found in measures.items()
    ]
    none = (setting.none, setting.shown[0])
    plain = measures.get(none)
    differences = [
        [
            f"{name_row(key)} less {name_row(none)}",
            *(spread(to_subjects(found[name] - plain[name], subjects), 3) for name in MEASURES),
        ]
        for key, found in measures.items()
        if plain is not None and "demos" in key[0] and len(found[MEASURES[0]]) == len(plain[MEASURES[0]])
    ]
    head = ["", *HEADS]
    return "\n\n".join(
        [
            f"{subjects} held-out subjects with {setting.requests} requests each; mean over subjects and its 95 %"
            " bootstrap interval over subjects and seeds.",
            markdown(head, rows),
            "Differences, paired by subject and seed.",
            markdown(head, differences),
        ]
    )


def write_sheet(path: Path, pairs: Sequence[SubjectPair], folders: Sequence[Path], setting: SubjectSetting) -> None:
    """Save a sheet with a row per request: demonstrations, source, truth, and each editor's output."""
    outputs = {folder.name: np.load(folder / "answers.npz")["answers"] for folder in folders}
    places = np.linspace(0, len(pairs) - 1, min(SHEET_ROWS, len(pairs))).round().astype(int)
    save_sheet(
        path,
        [
            [
                *(("demonstration", image) for image in pairs[place].demonstrations),
                (pairs[place].edit.instruction, pairs[place].source),
                ("truth", pairs[place].edit.target),
                *((name, answers[place]) for name, answers in outputs.items()),
            ]
            for place in places.tolist()
        ],
    )


def collect(
    pairs: Sequence[SubjectPair], cases: Sequence[SubjectCase], folders: Sequence[Path]
) -> dict[Key, dict[str, Values]]:
    """Return the measures of baselines and of all editors."""
    baselines = {
        (name, 0): {key: np.array([values]) for key, values in measure_all(cases, outputs).items()}
        for name, outputs in baseline_outputs(pairs).items()
    }
    return baselines | read_measures(folders)


def main() -> None:
    parser = step_parser(__doc__, SETTINGS, "--assets", "--experts", "--out")
    parser.add_argument("--units", type=Path, nargs="+", required=True)
    args = parser.parse_args()
    setting = SETTINGS[args.setting]
    held_out = held_out_world(setting, Assets.load(args.assets))
    pairs = list_test_pairs(setting, held_out)
    folders = [args.experts, *args.units]
    measures = collect(pairs, [held_out.to_case(pair) for pair in pairs], folders)
    with replace_file(args.out) as folder:
        folder.mkdir()
        text = f"# Subjects from demonstrations\n\n{write_table(measures, setting)}\n"
        (folder / "table.md").write_text(text)
        write_sheet(folder / "samples.png", pairs, folders, setting)
        print(text)


if __name__ == "__main__":
    run_program(main)
