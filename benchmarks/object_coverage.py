"""Count the photos outside the sample that yield edits of objects, and the edits that the reference judge accepts.

    python -m benchmarks.object_coverage --photos /tmp/photos [--set tuning | held-out | all] [--sheets DIR]

Downloads the photos of `object_photos.py` once and looks for objects in each. Each object task then proposes edits of a
photo until one succeeds, at most TRIES times. Swaps borrow from the photos of the same set. The report also counts
right, generic and wrong object names. `--sheets` writes contact sheets (source, edited image, instruction, scores) for
a person to look at.
"""

import argparse
import json
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import PIL.Image
import PIL.ImageDraw

from benchmarks.object_photos import Entry, entries, fetch
from omniedit.grounding.objects import ObjectIndex
from omniedit.imaging.images import Image, resize_cover
from omniedit.pairs import EditPair
from omniedit.run.program import run_program
from omniedit.scoring.reference.judge import score_pair
from omniedit.scoring.reply_parser import Unscorable
from omniedit.sources.caption_values import Caption
from omniedit.sources.decode import EncodedPhoto
from omniedit.sources.index import PhotoRequirements, crop, judge_photo
from omniedit.sources.photo import Photo
from omniedit.specialists.base import EditRequest, EditResult, NotApplicable, Specialist
from omniedit.specialists.registry import build
from omniedit.tasks import Task

TASKS = (Task.OBJECT_SWAP, Task.OBJECT_REMOVAL, Task.OBJECT_ADDITION, Task.ATTRIBUTE_MODIFICATION)
TRIES = 3
ACCEPTED = 9.0
DEMANDS = PhotoRequirements(min_pixels=100_000, max_pixels=1_500_000, ratio_tolerance=0.15, crop="saliency")
GENERIC = {"object", "animal", "plant", "flower", "building", "insect", "vehicle", "fruit", "thing"}
SHEET_ROWS, SIDE = 6, 420


@dataclass(frozen=True)
class Outcome:
    """Result for one photo and task: an edit with its score, or the reason why there is none."""

    entry: Entry
    task: Task
    objects: tuple[str, ...]
    seconds: float
    reason: str = ""
    score: float | None = None
    words: str = ""
    request: EditRequest | None = None
    edited: EditResult | None = None

    @property
    def row(self) -> dict[str, Any]:
        """Return the outcome as JSON values."""
        return {
            "photo": self.entry.name,
            "task": str(self.task),
            "objects": self.objects,
            "seconds": round(self.seconds, 2),
            "reason": self.reason,
            "score": self.score,
            "words": self.words,
            "instruction": self.request.instructions[0] if self.request else "",
        }


def load(folder: Path, entry: Entry, demands: PhotoRequirements = DEMANDS) -> Photo:
    """Return the photo as the sources stage packs it: cropped to a ratio, without caption or boxes."""
    (file,) = folder.glob(f"{entry.name}.*")
    with EncodedPhoto(file) as encoded:
        row, image = judge_photo(encoded, Caption(), demands)
    if image is None:
        raise ValueError(f"{entry.name}: {row['reason']}")
    cropped = crop(image, (row["left"], row["top"], row["right"], row["bottom"]))
    resized = resize_cover(cropped, row["packed_width"], row["packed_height"])
    return Photo(entry.name, np.ascontiguousarray(resized), row["ratio"], sha256=row["sha256"])


def measure(chosen: Sequence[Entry], photos: Sequence[Photo]) -> Iterator[Outcome]:
    """Yield one outcome for each photo and task."""
    index = ObjectIndex()
    for entry, photo in zip(chosen, photos, strict=True):
        start = time.process_time()
        objects = tuple(found.name for found in index.find(photo))
        print(f"{entry.name:14} {time.process_time() - start:5.1f} s  {', '.join(objects) or '-'}", flush=True)
    specialists = {task: build(task, photos, index) for task in TASKS}
    for entry, photo in zip(chosen, photos, strict=True):
        for task in TASKS:
            yield attempt(entry, photo, index, task, specialists[task])


def attempt(entry: Entry, photo: Photo, index: ObjectIndex, task: Task, specialist: Specialist) -> Outcome:
    """Try to edit a photo with a specialist until an edit succeeds, and return the outcome."""
    start, reason = time.process_time(), ""
    objects = tuple(found.name for found in index.find(photo))
    for number in range(TRIES):
        try:
            request = specialist.propose(photo, np.random.default_rng([number, *entry.name.encode()]))
        except NotApplicable as unsuitable:
            reason = reason or str(unsuitable)
            break
        (edited,) = specialist.edit([request])
        if isinstance(edited, EditResult):
            source = photo.image if edited.source is None else edited.source
            truth = {"truth": {**request.truth, **edited.truth}}
            pair = EditPair(entry.name, task, request.instructions, source, edited.image, edited.mask, truth)
            found = score_pair(pair)
            score = None if isinstance(found, Unscorable) else found.o_score
            words = str(found) if isinstance(found, Unscorable) else found.reasoning
            seconds = time.process_time() - start
            return Outcome(entry, task, objects, seconds, "", score, words, request, edited)
        reason = str(edited)
    return Outcome(entry, task, objects, time.process_time() - start, reason)


def name_kind(name: str, entry: Entry) -> str:
    """Return 'right', 'generic' or 'wrong' for an object's name."""
    nouns = re.findall(r"[a-z]+", name.lower())
    if any(noun in nouns or f"{noun}s" in nouns for noun in entry.objects):
        return "right"
    return "generic" if nouns[-1] in GENERIC else "wrong"


def report(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return the figures of a set of photos."""
    photos = {o.entry.name for o in outcomes}
    edits = [o for o in outcomes if o.edited is not None]
    accepted = [o for o in edits if o.score is not None and o.score >= ACCEPTED]
    names = [name_kind(name, o.entry) for o in outcomes if o.task is TASKS[0] for name in o.objects]
    return {
        "photos": len(photos),
        "with an object": len({o.entry.name for o in outcomes if o.objects}),
        "with an edit": len({o.entry.name for o in edits}),
        "with an accepted edit": len({o.entry.name for o in accepted}),
        "edits by task": {str(task): sum(o.task is task for o in edits) for task in TASKS},
        "accepted by task": {str(task): sum(o.task is task for o in accepted) for task in TASKS},
        "names": {kind: names.count(kind) for kind in ("right", "generic", "wrong")},
        "seconds a photo, edits": round(sum(o.seconds for o in outcomes) / len(photos), 1),
    }


def write_sheets(outcomes: Sequence[Outcome], folder: Path) -> None:
    """Write contact sheets of all edits, with SHEET_ROWS rows of two edits each."""
    folder.mkdir(parents=True, exist_ok=True)
    edits = [o for o in outcomes if o.edited is not None]
    per_sheet = 2 * SHEET_ROWS
    for number, start in enumerate(range(0, len(edits), per_sheet)):
        sheet = PIL.Image.new("RGB", (4 * SIDE, SHEET_ROWS * (SIDE + 30)), "white")
        for place, outcome in enumerate(edits[start : start + per_sheet]):
            x, y = place % 2 * 2 * SIDE, place // 2 * (SIDE + 30)
            assert outcome.edited is not None and outcome.request is not None
            source = outcome.edited.source
            source = outcome.request.photo.image if source is None else source
            score = "-" if outcome.score is None else f"{outcome.score:.1f}"
            text = f"{outcome.entry.name} O={score} {outcome.request.instructions[0]}"
            PIL.ImageDraw.Draw(sheet).text((x, y), text, "black")
            for column, image in enumerate((source, outcome.edited.image)):
                sheet.paste(PIL.Image.fromarray(_thumbnail(image)), (x + column * SIDE, y + 14))
        sheet.save(folder / f"{number:02}.png")


def _thumbnail(image: Image) -> Image:
    scale = (SIDE - 6) / max(image.shape[:2])
    return np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True, help="folder to keep the photos in")
    parser.add_argument("--set", choices=["tuning", "held-out", "all"], default="held-out")
    parser.add_argument("--out", type=Path, help="JSON file of all outcomes and figures")
    parser.add_argument("--sheets", type=Path, help="folder of contact sheets")
    parser.add_argument("--only", nargs="+", help="names of photos")
    args = parser.parse_args()
    fetch(args.photos)
    chosen = [e for e in entries() if args.set == "all" or e.is_tuning == (args.set == "tuning")]
    chosen = [e for e in chosen if not args.only or e.name in args.only]
    outcomes = []
    for outcome in measure(chosen, [load(args.photos, entry) for entry in chosen]):
        outcomes.append(outcome)
        score = "" if outcome.score is None else f"{outcome.score:.1f} "
        text = outcome.request.instructions[0] if outcome.request else f"none: {outcome.reason}"
        print(f"{outcome.entry.name:14} {outcome.task:24} {outcome.seconds:5.1f} s  {score}{text}", flush=True)
    figures = report(outcomes)
    print(json.dumps(figures, indent=1))
    if args.out:
        args.out.write_text(json.dumps({"figures": figures, "outcomes": [o.row for o in outcomes]}, indent=1) + "\n")
    if args.sheets:
        write_sheets(outcomes, args.sheets)


if __name__ == "__main__":
    run_program(main)
