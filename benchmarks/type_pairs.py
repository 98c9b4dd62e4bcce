"""Make pairs of AnyEdit's types from photos outside the sample, and draw them for a person to look at.

    python -m benchmarks.type_pairs replace movement --photos FOLDER --out SHEETS [--judged FOLDER] [--pairs 24]

Photos are those of `object_photos.py`, which are downloaded to FOLDER once, and with `--judged` those of
`judged_photos.csv` (their folder is that of `judged_pairs.py`). One pair is made of each photo, until there are enough.
SHEETS gets contact sheets (source, edited image, reference image) of three pairs each, `pairs.csv` with a row per pair
and `objects.parquet`, the objects of the photos, which later calls reuse. Copy the rows to `type_pairs.csv` and fill in
the last column, `fault`: empty for a correct and clean pair. `--report` counts them.
"""

import argparse
import csv
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import PIL.Image
import PIL.ImageDraw

from benchmarks import object_coverage
from benchmarks.judged_pairs import read_photos
from benchmarks.object_coverage import ACCEPTED, Outcome, attempt, load
from benchmarks.object_photos import Entry, entries, fetch
from omniedit.grounding.objects import ObjectIndex, write_objects
from omniedit.imaging.images import Image
from omniedit.run.program import run_program
from omniedit.sources.photo import Photo
from omniedit.specialists.registry import build
from omniedit.tasks import Task

PIXELS = 400_000
SIDE, ROWS = 640, 3
LABELS = Path(__file__).with_suffix(".csv")
COLUMNS = ("type", "photo", "score", "instruction", "fault")


def read_all_photos(folder: Path, judged: Path | None) -> list[tuple[Entry, Photo]]:
    """Return the photos with their entries, at PIXELS pixels at most."""
    fetch(folder)
    demands = replace(object_coverage.DEMANDS, max_pixels=PIXELS)
    found = [(entry, load(folder, entry, demands)) for entry in entries()]
    for photo in read_photos(judged) if judged else ():
        if photo.objects:
            name = f"J-{photo.source_id}"
            found.append((replace(found[0][0], name=name), replace(photo, source_id=name)))
    return found


def make_pairs(
    task: Task, photos: Sequence[tuple[Entry, Photo]], index: ObjectIndex, pairs: int, out: Path
) -> list[Outcome]:
    """Return an edit of each photo that yields one, until there are enough; draw them after each sheet's last."""
    specialist = build(task, [photo for _, photo in photos], index)
    outcomes: list[Outcome] = []
    for entry, photo in photos:
        outcome = attempt(entry, photo, index, task, specialist)
        if outcome.edited is None:
            continue
        outcomes.append(outcome)
        score = "-" if outcome.score is None else f"{outcome.score:.1f}"
        said = outcome.request.instructions[0] if outcome.request else ""
        print(f"{task} {entry.name} {score} {said} ({outcome.words[:150]})", flush=True)
        if len(outcomes) % ROWS == 0:
            draw_sheet(task, outcomes[-ROWS:], out / f"{task}-{len(outcomes) // ROWS - 1:02}.png")
        if len(outcomes) == pairs:
            break
    if rest := len(outcomes) % ROWS:
        draw_sheet(task, outcomes[-rest:], out / f"{task}-{len(outcomes) // ROWS:02}.png")
    return outcomes


def draw_sheet(task: Task, outcomes: Sequence[Outcome], path: Path) -> None:
    """Write a sheet with a row per pair: source, edited image, reference image."""
    columns = 3 if task.references else 2
    sheet, top = PIL.Image.new("RGB", (columns * SIDE, len(outcomes) * (SIDE + 16)), "white"), 0
    for outcome in outcomes:
        assert outcome.edited is not None and outcome.request is not None
        source = outcome.request.photo.image if outcome.edited.source is None else outcome.edited.source
        images = [source, outcome.edited.image, *(each.image for each in outcome.edited.references)]
        score = "-" if outcome.score is None else f"{outcome.score:.1f}"
        text = f"{outcome.entry.name} O={score} {' | '.join(outcome.request.instructions[:2])}"
        PIL.ImageDraw.Draw(sheet).text((2, top + 2), text[: 105 * columns], "black")
        thumbnails = [shrink(image) for image in images]
        for column, image in enumerate(thumbnails):
            sheet.paste(PIL.Image.fromarray(image), (column * SIDE, top + 16))
        top += 16 + max(len(image) for image in thumbnails)
    sheet.crop((0, 0, columns * SIDE, top)).save(path)


def shrink(image: Image) -> Image:
    """Return the image with its longer side at SIDE pixels."""
    scale = SIDE / max(image.shape[:2])
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    resized = cv2.resize(np.ascontiguousarray(image), None, fx=scale, fy=scale, interpolation=method)
    return np.asarray(resized, np.uint8)[:SIDE, :SIDE]


def report(rows: Iterable[dict[str, str]]) -> None:
    """Print the number of pairs of each type, and of those with O >= 9, and how many of each are correct and clean."""
    table: dict[str, list[tuple[bool, bool]]] = {}
    for row in rows:
        is_high = row["score"] not in ("", "-") and float(row["score"]) >= ACCEPTED
        table.setdefault(row["type"], []).append((is_high, not row["fault"]))
    print("| type | pairs | correct and clean | O >= 9 | of these, correct and clean |\n|---|---|---|---|---|")
    for name, found in table.items():
        high = [right for is_high, right in found if is_high]
        print(f"| {name} | {len(found)} | {sum(right for _, right in found)} | {len(high)} | {sum(high)} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("types", nargs="*", type=Task, help="names of tasks with an embedded specialist")
    parser.add_argument("--photos", type=Path, help="folder to keep the photos in")
    parser.add_argument("--judged", type=Path, help="folder of judged_pairs.py, for photos with boxes")
    parser.add_argument("--out", type=Path, help="folder of the sheets")
    parser.add_argument("--pairs", type=int, default=24, help="most pairs of a type")
    parser.add_argument("--report", action="store_true", help="count the labels of type_pairs.csv and stop")
    args = parser.parse_args()
    if args.report:
        with LABELS.open() as file:
            return report(csv.DictReader(file))
    args.out.mkdir(parents=True, exist_ok=True)
    photos = read_all_photos(args.photos, args.judged)
    objects = args.out / "objects.parquet"
    if not objects.exists():
        write_objects(objects, [photo for _, photo in photos])
    index = ObjectIndex([objects])
    with (args.out / "pairs.csv").open("a", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        for task in args.types:
            for each in make_pairs(task, photos, index, args.pairs, args.out):
                score = "-" if each.score is None else f"{each.score:.1f}"
                said = each.request.instructions[0] if each.request else ""
                writer.writerow([task, each.entry.name, score, said, ""])
                file.flush()
    return None


if __name__ == "__main__":
    run_program(main)
