"""Make pairs of tasks from photos outside the sample, and count those that a person found right.

    python -m benchmarks.type_pairs make FOLDER --photos PHOTOS [--judged JUDGED] [--unseen | --templates | --scenes]
                                       [--types replace ...] [--pairs 20]
    python -m benchmarks.type_pairs environments FOLDER --photos PHOTOS [--unseen | --templates | --scenes]
    python -m benchmarks.type_pairs report FOLDER

`make` downloads the photos of `object_photos.py` to PHOTOS once; `--judged` adds those of `judged_photos.csv` (the
folder of `judged_pairs.py`). `--unseen`, `--templates` or `--scenes` takes the photos of `UNSEEN`, `TEMPLATES` or
`SCENES` instead. It makes one pair of each photo, until a type has enough, and writes TYPE.h5 and contact sheets of
three pairs each: source, edited image, reference image, with the scores of the reference judge.
`environments` does so with every environment that suits a photo, in environment_change.h5.
`report` scores the pairs with the judge of the working tree and counts the labels of `type_pairs.csv`, whose `fault`
says what a person saw; it is empty for a correct and clean pair. A pair without a label is listed.
"""

import argparse
import csv
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.judged_pairs import read_photos
from benchmarks.object_coverage import ACCEPTED, DEMANDS, ROWS, draw_sheet, first_pair, load, overall_score
from benchmarks.object_photos import Entry, entries, fetch, scene_entries, template_entries, unseen_entries
from omniedit.config.tasks import FAMILIES
from omniedit.grounding.objects import ObjectIndex, write_objects
from omniedit.pairs import EditPair, Shard, write_shard
from omniedit.run.program import run_program
from omniedit.sources.photo import Photo
from omniedit.specialists.base import NotApplicable
from omniedit.specialists.embedded.environment import EnvironmentChange, credibility, measure_mood
from omniedit.specialists.registry import build
from omniedit.tasks import Task

PIXELS = 400_000
LABELS = Path(__file__).with_suffix(".csv")


def read_all_photos(folder: Path, chosen: Sequence[Entry], judged: Path | None) -> list[Photo]:
    """Return the photos, those of object_photos.py at PIXELS pixels at most."""
    fetch(folder, chosen)
    photos = [load(folder, entry, replace(DEMANDS, max_pixels=PIXELS)) for entry in chosen]
    named = (photo for photo in read_photos(judged) if photo.objects) if judged else ()
    return [*photos, *(replace(photo, source_id=f"J-{photo.source_id}") for photo in named)]


def make_pairs(task: Task, photos: Sequence[Photo], index: ObjectIndex) -> Iterator[EditPair]:
    """Yield a pair of each photo that the specialist can edit."""
    specialist = build(task, photos, index)
    for photo in photos:
        if isinstance(pair := first_pair(specialist, photo), EditPair):
            yield pair


def make(folder: Path, found: Sequence[Photo], types: Sequence[Task], count: int) -> None:
    """Write the pairs and sheets of each type."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "objects.parquet").exists():
        write_objects(folder / "objects.parquet", found)
    index = ObjectIndex([folder / "objects.parquet"])
    for task in types:
        scored: list[tuple[EditPair, float | None]] = []
        for pair in make_pairs(task, found, index):
            score, reason = overall_score(pair)
            scored.append((pair, score))
            print(f"{task} {pair.pair_id} {score} {pair.instruction} ({reason[:140]})", flush=True)
            start = (len(scored) - 1) // ROWS * ROWS
            draw_sheet(scored[start:], folder / f"{task}-{start // ROWS:02}.png")
            if len(scored) == count:
                break
        write_shard(folder / f"{task}.h5", task, "embedded", 0, [pair for pair, _ in scored])


def make_environments(folder: Path, found: Sequence[Photo]) -> None:
    """Write a pair of each photo in each environment that suits it, and sheets."""
    folder.mkdir(parents=True, exist_ok=True)
    specialist = EnvironmentChange()
    scored: list[tuple[EditPair, float | None]] = []
    for photo in found:
        for environment in credibility(specialist.scenes(photo), measure_mood(photo.image)):
            pair = environment_pair(specialist, photo, environment)
            if pair is None:
                continue
            scored.append((pair, overall_score(pair)[0]))
            print(f"{pair.pair_id} {scored[-1][1]} {pair.instruction}", flush=True)
            start = (len(scored) - 1) // ROWS * ROWS
            draw_sheet(scored[start:], folder / f"{specialist.task}-{start // ROWS:02}.png")
    write_shard(folder / f"{specialist.task}.h5", specialist.task, "embedded", 0, [pair for pair, _ in scored])


def environment_pair(specialist: EnvironmentChange, photo: Photo, environment: str) -> EditPair | None:
    """Return the photo in an environment, or None if it cannot be made."""
    for seed in range(200):
        try:
            request = specialist.propose(photo, np.random.default_rng(seed))
        except NotApplicable:
            return None
        if request.truth["environment"] == environment:
            break
    else:
        raise AssertionError(f"{photo.source_id}: {environment} is never proposed")
    (edited,) = specialist.edit([request])
    if isinstance(edited, NotApplicable):
        return None
    about = {"source_id": photo.source_id, "truth": request.truth}
    identity = f"{photo.source_id}-{environment}"
    return EditPair(identity, specialist.task, request.instructions, photo.image, edited.image, None, about)


def report(folder: Path) -> None:
    """Print for each type the number of pairs, those with O >= 9, and how many of each are correct and clean."""
    with LABELS.open() as file:
        labels = {(row["type"], row["photo"]): row["fault"] for row in csv.DictReader(file)}
    print("| type | pairs | correct and clean | O >= 9 | of these, correct and clean |\n|---|---|---|---|---|")
    for path in sorted(folder.glob("*.h5")):
        seen: list[tuple[bool, bool]] = []
        with Shard(path) as shard:
            for pair in shard:
                if (fault := labels.get((path.stem, pair.pair_id))) is None:
                    print(f"{path.stem} {pair.pair_id}: no label")
                    continue
                score, _ = overall_score(pair)
                seen.append((score is not None and score >= ACCEPTED, not fault))
        high = [right for is_high, right in seen if is_high]
        print(f"| {path.stem} | {len(seen)} | {sum(right for _, right in seen)} | {len(high)} | {sum(high)} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=["make", "environments", "report"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photos", type=Path, help="folder to keep the photos in")
    parser.add_argument("--judged", type=Path, help="folder of judged_pairs.py, for photos with boxes")
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--unseen", action="store_const", dest="list", const=unseen_entries, default=entries)
    chosen.add_argument("--templates", action="store_const", dest="list", const=template_entries)
    chosen.add_argument("--scenes", action="store_const", dest="list", const=scene_entries)
    parser.add_argument("--types", nargs="+", type=Task, default=FAMILIES["anyedit"], help="tasks; all by default")
    parser.add_argument("--pairs", type=int, default=20, help="most pairs of a type")
    args = parser.parse_args()
    if args.step == "report":
        report(args.folder)
        return
    found = read_all_photos(args.photos or args.folder / "photos", args.list(), args.judged)
    if args.step == "environments":
        make_environments(args.folder, found)
    else:
        make(args.folder, found, args.types, args.pairs)


if __name__ == "__main__":
    run_program(main)
