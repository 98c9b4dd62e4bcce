"""Compare two editors blind, by eye, on photographs that no training run saw.

    python -m benchmarks.ablation.blind pages --editors omniedit/models/shipped results/shipped --out results/blind
    python -m benchmarks.ablation.blind count --out results/blind

The editors are folders that `ship.py` makes. The first command writes pages, each with photographs and the edits of
both editors in random order, and an empty `votes.csv`: write `first`, `second` or `tie` in each row. The second command
reads the votes and the key.
"""

import argparse
import csv
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import PIL.Image
import torch

from benchmarks.ablation.assets import Assets
from benchmarks.ablation.edits import PAINTS
from benchmarks.ablation.scene import a
from benchmarks.ablation.sheet import save_sheet
from benchmarks.ablation.world import World
from benchmarks.object_photos import entries, fetch
from omniedit.errors import UserError
from omniedit.evaluation.comparisons.bias import sign_test
from omniedit.imaging.images import decode_image, resize_to_fit
from omniedit.models.shipped import load_shipped_editor
from omniedit.run.program import run_program

PHOTOS, SIDE, ROWS = 20, 512, 5
WEATHER = ("Make it night.", "Make it snow.", "Make it autumn.", "Add thick fog.", "Make it sunset.")
VOTES = ("first", "second", "tie")


def requests(assets: Assets) -> Iterator[tuple[str, str, str]]:
    """Yield the photograph, the kind of edit and the instruction of each comparison, five for each photograph."""
    vocabulary = World(assets.half(held_out=False), 64, seed=0).vocabulary
    drawable, places = list(vocabulary.drawable), list(vocabulary.places)
    unseen = [entry for entry in entries() if not entry.is_tuning][:PHOTOS]
    for number, entry in enumerate(unseen):
        name = entry.objects[0]
        yield entry.name, "colour", f"Make the {name} {PAINTS[number % len(PAINTS)]}."
        yield entry.name, "background", f"Change the background to {places[number % len(places)]}."
        yield entry.name, "removal", f"Remove the {name}."
        yield entry.name, "addition", f"Put {a(drawable[number % len(drawable)])} on the left."
        yield entry.name, "environment", WEATHER[number % len(WEATHER)]


def write_pages(editors: tuple[Path, Path], assets: Assets, photos: Path, out: Path) -> None:
    fetch(photos)
    out.mkdir(parents=True)
    pipelines = [load_shipped_editor(editor) for editor in editors]
    for pipeline in pipelines:
        pipeline.set_progress_bar_config(disable=True)
    rng = np.random.default_rng(20241111)
    key, cells = [], []
    for number, (name, kind, instruction) in enumerate(requests(assets)):
        (path,) = photos.glob(f"{name}.*")
        photo = PIL.Image.fromarray(resize_to_fit(decode_image(path.read_bytes(), str(path)), SIDE))
        order = rng.permutation(2).tolist()
        edited = []
        for editor in order:
            generator = torch.Generator().manual_seed(number)
            edited.append(np.asarray(pipelines[editor](photo, instruction, generator=generator).images[0]))
        key.append({"number": number, "kind": kind, "first": str(editors[order[0]]), "second": str(editors[order[1]])})
        cells.append([(f"{number}: {instruction}", np.asarray(photo)), ("first", edited[0]), ("second", edited[1])])
    for start in range(0, len(cells), 2 * ROWS):
        page = cells[start : start + 2 * ROWS]
        rows = [page[row] + page[row + ROWS] for row in range(ROWS)]
        save_sheet(out / f"page_{start // (2 * ROWS):02d}.png", rows, (2.4, 1.8))
    (out / "key.json").write_text(json.dumps(key, indent=1) + "\n")
    with (out / "votes.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["number", "vote"])
        writer.writerows([[row["number"], ""] for row in key])


def count_votes(out: Path) -> str:
    """Return the votes for each editor by kind of edit, with the two-sided p-value of a sign test without ties."""
    key = {row["number"]: row for row in json.loads((out / "key.json").read_text())}
    counts: Counter[tuple[str, str]] = Counter()
    with (out / "votes.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            if row["vote"] not in VOTES:
                raise UserError(f"{out}/votes.csv: row {row['number']}: {row['vote']!r}; give {', '.join(VOTES)}")
            pair = key[int(row["number"])]
            winner = pair.get(row["vote"], "tie")
            counts.update([(pair["kind"], winner), ("all", winner)])
    editors = sorted({row[place] for row in key.values() for place in ("first", "second")})
    lines = []
    for kind in (*dict.fromkeys(row["kind"] for row in key.values()), "all"):
        one, other, ties = (counts[kind, name] for name in (*editors, "tie"))
        p = sign_test(one, one + other)
        lines.append(f"{kind}: {editors[0]} {one}, {editors[1]} {other}, ties {ties} (p = {p:.3g})")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=("pages", "count"))
    parser.add_argument("--editors", type=Path, nargs=2)
    parser.add_argument("--assets", type=Path, default=Path("results/ablation/assets.npz"))
    parser.add_argument("--photos", type=Path, default=Path("results/object_photos"))
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    if args.action == "pages":
        write_pages(tuple(args.editors), Assets.load(args.assets), args.photos, args.out)
    else:
        print(count_votes(args.out))


if __name__ == "__main__":
    run_program(main)
