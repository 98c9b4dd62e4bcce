"""Render a set in the form of Reason-Edit, with known truth: its scenes of understanding and of reasoning.

    python -m benchmarks.smartedit.reason_edit --out data/reason-edit [--items 20]
    omniedit bench reason-edit --data data/reason-edit/set --judges none -o bench \\
        --editors no_edit,right=data/reason-edit/right,wrong=data/reason-edit/wrong

`set/` is the benchmark's folder, without its scene of mirrors. `right/` has the right edits under the names of outputs,
`wrong/` the same edits of another object; both can be compared as if they were editors.
"""

import argparse
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path

import cv2
import numpy as np

from benchmarks.smartedit.testing import TEST_SEED
from benchmarks.smartedit.world import MARK, Row, make_row
from omniedit.evaluation.bench.sets.reason_edit import SCENES
from omniedit.imaging.images import Image, encode_png
from omniedit.run.program import run_program
from omniedit.storage.atomic import replace_file

CUES = {
    "1-Left-Right": "place",
    "2-Relative-Size": "size",
    "4-Color": "colour",
    "5-Multiple-Objects": "order",
    "6-Reasoning": "clue",
}
"""Cue of the expressions of each scene."""
SCALE = 4
"""Factor by which the small scenes are enlarged, to the benchmark's 256 x 256."""


def make_items(scene: str, number: int) -> list[Row]:
    """Return rows of a scene; in the scenes of left and right, they name one of these sides."""
    first = 100_000 * list(CUES).index(scene)

    def rows() -> Iterator[Row]:
        for index in count(first):
            row = make_row("complex", TEST_SEED, index, held_out=True, cue=CUES[scene])
            if scene != "1-Left-Right" or "left" in row.text or "right" in row.text:
                yield row

    return list(islice(rows(), number))


def describe_foreground(row: Row) -> str:
    """Return what should be seen where the object was: 'a white ball', or the background after a removal."""
    colour = row.text.rstrip(".").split()[-1]
    return f"a {colour} {row.answer.split()[-1]}" if colour in ("white", "black", MARK) else "background"


def write_scene(root: Path, scene: str, rows: list[Row]) -> None:
    folder, right, wrong = (root / name / scene for name in ("set", "right", "wrong"))
    for made in (folder, right, wrong):
        made.mkdir(parents=True)
    lines = []
    for number, row in enumerate(rows, start=1):
        name = f"{number:03d}"
        (folder / f"{name}.png").write_bytes(encode_png(enlarge(row.source)))
        (right / f"{name}.png").write_bytes(encode_png(enlarge(row.target)))
        other = row.answers[(row.meant + 1) % len(row.answers)]
        (wrong / f"{name}.png").write_bytes(encode_png(enlarge(other)))
        mask = enlarge(np.uint8(255) * cv2.dilate(row.masks[row.meant].astype(np.uint8), np.ones((3, 3), np.uint8)))
        (folder / f"{name}_mask.jpg").write_bytes(cv2.imencode(".jpg", mask)[1].tobytes())
        lines.append(f"{row.text} CLIP: {describe_foreground(row)}\n")
    (folder / SCENES[scene]).write_text("".join(lines))


def enlarge(image: np.ndarray) -> Image:
    return np.asarray(cv2.resize(image, None, fx=SCALE, fy=SCALE, interpolation=cv2.INTER_NEAREST))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--items", type=int, default=20, help="items of each scene")
    args = parser.parse_args()
    with replace_file(args.out) as folder:
        for scene in CUES:
            write_scene(folder, scene, make_items(scene, args.items))


if __name__ == "__main__":
    run_program(main)
