"""Edits to rate in tests: three images with two editors each, whose colours tell them apart."""

import csv
from pathlib import Path

import PIL.Image
from PIL.PngImagePlugin import PngInfo

from omniedit.evaluation.people.inputs import read_edits
from omniedit.evaluation.people.rated_edits import RatedEdit

EDITORS = ("secret-one", "secret-two")
ITEMS = 3
TASKS = ("swap", "style")


def make_table(root: Path, items: int = ITEMS) -> Path:
    """Write edits.csv with images whose metadata and names say the editor: the source is red, edits green and blue."""
    root.mkdir(parents=True, exist_ok=True)
    rows = []
    for n in range(items):
        save(root / f"source-{n}.png", (200, n, 0), "source")
        for place, editor in enumerate(EDITORS):
            save(root / f"{editor}-{n}.png", (0, 200, n) if place == 0 else (0, n, 200), editor)
            rows.append(
                {
                    "item_id": f"item-{n}",
                    "editor": editor,
                    "task": TASKS[n % 2],
                    "source": f"source-{n}.png",
                    "edited": f"{editor}-{n}.png",
                    "instruction": f"Change {n}.",
                }
            )
    with (root / "edits.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return root / "edits.csv"


def save(path: Path, colour: tuple[int, int, int], author: str) -> None:
    about = PngInfo()
    about.add_text("parameters", f"made by {author}")
    PIL.Image.new("RGB", (48, 32), colour).save(path, pnginfo=about)


def make_edits(root: Path, items: int = ITEMS) -> list[RatedEdit]:
    found = read_edits(make_table(root, items))
    assert found.problems == []
    return list(found.edits)
