"""Count the photos outside the sample that yield edits of objects, and the edits that the reference judge accepts.

    python -m benchmarks.object_coverage --photos DIR [--set tuning | held-out | all] [--fixtures] [--sheets DIR]

Downloads the photos of `object_photos.py` once, those of `LIST` or of `FIXTURES`, and looks for objects in each. Each
object task then proposes edits of a photo until one succeeds, at most TRIES times. Swaps borrow from the photos of the
same set. The report also counts right, generic and wrong object names. `--sheets` writes contact sheets (source, edited
image, instruction, scores) for a person to look at.
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

from benchmarks.object_photos import Entry, entries, fetch, fixture_entries
from omniedit.grounding.objects import ObjectIndex
from omniedit.imaging.images import Image, resize_cover
from omniedit.pairs import EditPair
from omniedit.run.program import run_program
from omniedit.scoring.reference.judge import score_pair
from omniedit.scoring.verdict import Score
from omniedit.sources.metadata_values import Caption
from omniedit.sources.photo import Photo
from omniedit.sources.photo_file import EncodedPhoto
from omniedit.sources.photo_index import PhotoRequirements, crop, judge_photo
from omniedit.specialists.base import NotApplicable, Specialist
from omniedit.specialists.registry import build
from omniedit.tasks import Task

TASKS = (Task.OBJECT_SWAP, Task.OBJECT_REMOVAL, Task.OBJECT_ADDITION, Task.ATTRIBUTE_MODIFICATION)
TRIES = 3
ACCEPTED = 9.0
DEMANDS = PhotoRequirements(min_pixels=50_000, max_pixels=1_500_000, ratio_tolerance=0.15, crop="saliency")
GENERIC = {"object", "animal", "plant", "flower", "building", "insect", "vehicle", "fruit", "thing"}
SIDE, ROWS = 640, 3
"""Longer side of an image on a contact sheet, in pixels, and pairs of a sheet."""


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
    pair: EditPair | None = None

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
            "instruction": self.pair.instruction if self.pair else "",
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


def measure(chosen: Sequence[Entry], photos: Sequence[Photo], tasks: Sequence[Task] = TASKS) -> Iterator[Outcome]:
    """Yield one outcome for each photo and task."""
    index = ObjectIndex()
    for entry, photo in zip(chosen, photos, strict=True):
        start = time.process_time()
        objects = tuple(found.name for found in index.find(photo))
        print(f"{entry.name:14} {time.process_time() - start:5.1f} s  {', '.join(objects) or '-'}", flush=True)
    specialists = {task: build(task, photos, index) for task in tasks}
    for entry, photo in zip(chosen, photos, strict=True):
        for task in tasks:
            yield attempt(entry, photo, index, task, specialists[task])


def attempt(entry: Entry, photo: Photo, index: ObjectIndex, task: Task, specialist: Specialist) -> Outcome:
    """Try to edit a photo with a specialist until an edit succeeds, and return the outcome."""
    start = time.process_time()
    objects = tuple(found.name for found in index.find(photo))
    pair = first_pair(specialist, photo)
    if isinstance(pair, str):
        return Outcome(entry, task, objects, time.process_time() - start, pair)
    score, words = overall_score(pair)
    return Outcome(entry, task, objects, time.process_time() - start, "", score, words, pair)


def first_pair(specialist: Specialist, photo: Photo) -> EditPair | str:
    """Return the pair of the first edit that succeeds in TRIES attempts, or the reason why there is none."""
    reason = ""
    for number in range(TRIES):
        try:
            request = specialist.propose(photo, np.random.default_rng([number, *photo.source_id.encode()]))
        except NotApplicable as unsuitable:
            return reason or str(unsuitable)
        (edited,) = specialist.edit([request])
        if not isinstance(edited, NotApplicable):
            source = photo.image if edited.source is None else edited.source
            named = [each.name for each in photo.objects]
            about = {"source_id": photo.source_id, "named_objects": named, "truth": {**request.truth, **edited.truth}}
            images = (source, edited.image, edited.mask, about, edited.references)
            return EditPair(photo.source_id, specialist.task, request.instructions, *images)
        reason = str(edited)
    return reason


def overall_score(pair: EditPair) -> tuple[float | None, str]:
    """Return the judge's O, None if it abstains, and its rationale or reason."""
    verdict = score_pair(pair)
    return (verdict.o_score, verdict.reasoning) if isinstance(verdict, Score) else (None, str(verdict))


def name_kind(name: str, entry: Entry) -> str:
    """Return 'right', 'generic' or 'wrong' for an object's name."""
    nouns = re.findall(r"[a-z]+", name.lower())
    if any(noun in nouns or f"{noun}s" in nouns for noun in entry.objects):
        return "right"
    return "generic" if nouns[-1] in GENERIC else "wrong"


def report(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return the figures of a set of photos."""
    photos = {o.entry.name for o in outcomes}
    edits = [o for o in outcomes if o.pair]
    accepted = [o for o in edits if o.score is not None and o.score >= ACCEPTED]
    found = {o.entry.name: o for o in outcomes}.values()
    names = [name_kind(name, o.entry) for o in found for name in o.objects]
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
    """Write contact sheets of all edits, with ROWS pairs each."""
    folder.mkdir(parents=True, exist_ok=True)
    scored = [(o.pair, o.score) for o in outcomes if o.pair]
    for start in range(0, len(scored), ROWS):
        draw_sheet(scored[start : start + ROWS], folder / f"{start // ROWS:02}.png")


def draw_sheet(scored: Sequence[tuple[EditPair, float | None]], path: Path) -> None:
    """Write a sheet with a row per pair: source, edited image, reference image."""
    columns = 2 + any(pair.references for pair, _ in scored)
    sheet, top = PIL.Image.new("RGB", (columns * SIDE, len(scored) * (SIDE + 16)), "white"), 0
    for pair, score in scored:
        images = [shrink(image) for image in (pair.source, pair.edited, *(each.image for each in pair.references))]
        text = f"{pair.pair_id} O={'-' if score is None else f'{score:.1f}'} {' | '.join(pair.instructions[:2])}"
        PIL.ImageDraw.Draw(sheet).text((2, top + 2), text[: 105 * columns], "black")
        for column, image in enumerate(images):
            sheet.paste(PIL.Image.fromarray(image), (column * SIDE, top + 16))
        top += 16 + max(len(image) for image in images)
    sheet.crop((0, 0, columns * SIDE, top)).save(path)


def shrink(image: Image) -> Image:
    """Return the image with its longer side at SIDE pixels."""
    scale = SIDE / max(image.shape[:2])
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    resized = cv2.resize(np.ascontiguousarray(image), None, fx=scale, fy=scale, interpolation=method)
    return np.asarray(resized, np.uint8)[:SIDE, :SIDE]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True, help="folder to keep the photos in")
    parser.add_argument("--set", choices=["tuning", "held-out", "all"], default="held-out")
    parser.add_argument("--fixtures", action="store_true", help="use the photos of FIXTURES in place of those of LIST")
    parser.add_argument("--out", type=Path, help="JSON file of all outcomes and figures")
    parser.add_argument("--sheets", type=Path, help="folder of contact sheets")
    parser.add_argument("--tasks", nargs="+", type=Task, default=TASKS)
    parser.add_argument("--only", nargs="+", help="names of photos")
    args = parser.parse_args()
    listed = fixture_entries() if args.fixtures else entries()
    fetch(args.photos, listed)
    chosen = [e for e in listed if args.set == "all" or e.is_tuning == (args.set == "tuning")]
    chosen = [e for e in chosen if not args.only or e.name in args.only]
    outcomes = []
    for outcome in measure(chosen, [load(args.photos, entry) for entry in chosen], args.tasks):
        outcomes.append(outcome)
        score = "" if outcome.score is None else f"{outcome.score:.1f} "
        text = outcome.pair.instruction if outcome.pair else f"none: {outcome.reason}"
        print(f"{outcome.entry.name:14} {outcome.task:24} {outcome.seconds:5.1f} s  {score}{text}", flush=True)
    figures = report(outcomes)
    print(json.dumps(figures, indent=1))
    if args.out:
        args.out.write_text(json.dumps({"figures": figures, "outcomes": [o.row for o in outcomes]}, indent=1) + "\n")
    if args.sheets:
        write_sheets(outcomes, args.sheets)


if __name__ == "__main__":
    run_program(main)
