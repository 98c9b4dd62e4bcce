"""SuTI's evaluation (Chen et al. 2023): images of 30 subjects for 220 prompts, judged on subject, text, photorealism.

The subjects are DreamBooth's (google/dreambooth): a folder of photographs for each. The prompts are in `prompts.json`
or `prompts.jsonl` with `subject`, `prompt`, `skill` and `class`, or in DreamBooth's own `prompts_and_classes.txt`,
whose 25 prompts for each subject make 750 items. An editor gets the first photograph as its source image and all of
them as demonstrations.
"""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from omniedit.errors import UserError
from omniedit.evaluation.bench.item import BenchItem, BenchSet
from omniedit.evaluation.bench.protocol import GroupRow, ItemRow, JudgeInputs, Protocol
from omniedit.evaluation.bench.sets.averages import MEAN_OF_ITEMS, average, group_rows, pick
from omniedit.evaluation.bench.sets.metrics_only import combine_metrics
from omniedit.evaluation.bench.sets.rows import find_image, find_text, list_entries, make_id, make_set, read_text
from omniedit.exchange.cells import BadRow
from omniedit.pairs import Captions

SKILLS = ("stylise", "recontextualise", "view", "attribute", "compose", "accessorise")
RECONTEXTUALISE, ATTRIBUTE, ACCESSORISE = SKILLS[1], SKILLS[3], SKILLS[5]
OTHER = "other"
"""Group of prompts without a skill."""
SCORES = ("subject", "text", "photorealism")
"""Scores of the rubric, 1 for yes and 0 for no."""
OVERALL = "overall"
METRICS = ("dino_subject", "clip_i_subject", "clip_t")
COLUMNS = (*SCORES, OVERALL, *METRICS)
PROMPTS = ("prompts.jsonl", "prompts.json")
DREAMBOOTH = "prompts_and_classes.txt"
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
MAX_PHOTOS = 16
LIVE_CLASSES = ("cat", "dog")
"""Classes of DreamBooth's live subjects, which have separate prompts."""
TOKEN, CLASS = "{0} ", "{1}"
_PROMPT = re.compile(r"^'(.*)'\.format\(", re.MULTILINE)


def read(path: Path, _: str) -> BenchSet:
    """Read the items of all subjects.

    Raises:
        UserError: the folder has no file of prompts.
    """
    root = path / "dataset" if (path / "dataset").is_dir() else path
    file = next((root / name for name in (*PROMPTS, DREAMBOOTH) if (root / name).is_file()), None)
    if file is None:
        raise UserError(f"{path}: has neither {' nor '.join((*PROMPTS, DREAMBOOTH))}; give the folder with one of them")
    listed = ((place, {**row, "number": key}) for place, key, row in list_entries(file))
    rows = _list_dreambooth(file) if file.name == DREAMBOOTH else listed
    return make_set("suti", ((place, {**row, "root": root}) for place, row in rows), _to_item, path)


def _list_dreambooth(file: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield DreamBooth's 25 prompts of each subject; the word for the subject is left out."""
    text = file.read_text(encoding="utf-8-sig")
    classes, _, prompts = text.partition("\nPrompts")
    objects, _, live = prompts.partition("Live Subject Prompts")
    lines = classes.partition("subject_name,class")[2].splitlines()
    for subject, name in (row for row in csv.reader(lines) if len(row) == 2):
        for number, template in enumerate(_PROMPT.findall(live if name in LIVE_CLASSES else objects)):
            prompt = template.replace(TOKEN, "").replace(CLASS, name)
            row = {"subject": subject, "prompt": prompt, "class": name, "skill": _find_skill(template)}
            yield f"{file.name}: {subject} {number}", {**row, "number": f"{number:02d}"}


def _find_skill(template: str) -> str:
    if not template.startswith(f"a {TOKEN}{CLASS}"):
        return ATTRIBUTE
    return ACCESSORISE if re.search(r"\b(wearing|outfit)\b", template) else RECONTEXTUALISE


def _to_item(row: Mapping[str, Any]) -> BenchItem:
    subject, prompt = read_text(row, "subject"), read_text(row, "prompt")
    skill, name = find_text(row, "skill") or OTHER, find_text(row, "class") or ""
    if skill not in (*SKILLS, OTHER):
        raise BadRow(f"the skill {skill[:60]!a} is not one of {', '.join(SKILLS)}")
    files = _list_photos(row["root"], subject)
    photos = [find_image(row["root"], file) for file in files]
    roles = ["subject", *(f"demonstration_{number}" for number in range(2, len(photos) + 1))]
    return BenchItem(
        item_id=make_id(subject, row["number"]),
        task=skill,
        instruction=prompt,
        source=photos[0],
        references=tuple(zip(roles, photos, strict=True)),
        captions=Captions(edited=prompt),
        extra={"subject": subject, "class": name, "reference_captions": [f"a {name}" if name else ""] * len(photos)},
    )


def _list_photos(root: Path, subject: str) -> list[str]:
    """Return the paths, below the root, of the first photographs of a subject."""
    folder = root / make_id(subject)
    files = sorted(file for file in folder.glob("*") if file.suffix.lower() in SUFFIXES)[:MAX_PHOTOS]
    if not files:
        raise BadRow(f"the folder {subject[:60]!a} of the subject has no image")
    return [str(file.relative_to(root)) for file in files]


def get_protocol(_: str) -> Protocol:
    return Protocol(
        judge="people",
        columns=COLUMNS,
        show=lambda item: JudgeInputs({"subject": item.references[0][1]}, {"prompt": item.instruction}, item.task),
        combine=combine,
        aggregate=aggregate,
        missing="The paper does not say what it does with an image without an answer.",
        scale="share of yes; DINO, CLIP-I and CLIP-T: cosines",
        rubric=str(Path(__file__).parent / "rubrics/suti.yaml"),
        metrics=METRICS,
        keeps_size=True,
    )


def combine(row: ItemRow) -> dict[str, float]:
    """Return the three answers, the metrics, and `overall`, which is yes if all three answers are."""
    answers = pick(row, {name: name for name in SCORES})
    overall = {OVERALL: float(min(answers.values()) >= 0.5)} if len(answers) == len(SCORES) else {}
    return {**answers, **overall, **combine_metrics(METRICS, row)}


def aggregate(rows: Sequence[ItemRow]) -> list[GroupRow]:
    """Return the means of each skill, and over all items."""
    groups = group_rows(rows, "task", (*SKILLS, OTHER))
    table = [_average(name, members) for name, members in groups.items()]
    return [*table, _average(MEAN_OF_ITEMS, rows)]


def _average(name: str, rows: Sequence[ItemRow]) -> GroupRow:
    """Return the means of a group. An item counts as missing if it lacks an answer, but not if it lacks a metric."""
    answered = average(name, rows, combine, (*SCORES, OVERALL))
    measured = average(name, rows, partial(combine_metrics, METRICS), METRICS)
    return replace(answered, values={**answered.values, **measured.values})
