"""Real photographs of one object, taken apart: the object as a cut-out in its place, and the ground filled behind it.

    python -m benchmarks.ablation.portraits --photos results/object_photos --out results/ablation/portraits.npz

A scene of a portrait shows the photograph nearly unchanged, and every edit of the world has a known answer in it. The
photographs are those of `benchmarks/object_photos.py` on which thresholds may be chosen; the others stay unseen.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import cv2
import numpy as np

from benchmarks.ablation.assets import RGBA, fit_cut_out
from benchmarks.ablation.scene import Scene, Thing
from benchmarks.object_photos import entries, fetch
from omniedit.grounding.saliency import saliency
from omniedit.imaging.images import Image, Mask, decode_image, resize_to_fit
from omniedit.imaging.inpaint import inpaint
from omniedit.imaging.matting import alpha_matte, foreground_colours
from omniedit.imaging.morphology import fill_holes
from omniedit.run.program import run_program
from omniedit.storage.atomic import replace_file

SIDE = 320
"""Longer side of a photograph in pixels."""
SALIENT = 0.5
SMALLEST, LARGEST = 0.03, 0.6
"""Share of the photograph that its object may cover."""
EXCLUDED = ("seed", "plant", "lighter", "bus")
"""Photographs whose most salient piece is not the object that they are named after, judged by eye."""
MATTE_RADIUS, MARGIN = 2, 4
"""Width in pixels of the object's blended edge, and of the margin by which the filled hole exceeds the object."""


@dataclass(frozen=True)
class Portraits:
    """Photographs with one named object.

    Args:
        names: names of the objects.
        cut_outs: (N, 96, 96, 4) RGBA, colours multiplied by alpha, as in `Assets`.
        boxes: (N, 4) left, top, right and bottom of the objects in pixels of the ground.
        grounds: (N, 320, 320, 3) RGB; a photograph of another shape fills the upper left part, of size `sizes`.
        sizes: (N, 2) height and width.
    """

    names: tuple[str, ...]
    cut_outs: RGBA
    boxes: np.ndarray
    grounds: Image
    sizes: np.ndarray

    @classmethod
    def load(cls, path: Path) -> Self:
        with np.load(path) as arrays:
            names = tuple(arrays["names"].tolist())
            return cls(names, *(arrays[key] for key in ("cut_outs", "boxes", "grounds", "sizes")))

    def scene(self, size: int, rng: np.random.Generator) -> Scene:
        """Return a random square of a random photograph, with the object at least partly inside, mirrored at random.

        Args:
            size: side of the scene in pixels.
        """
        number = int(rng.integers(len(self.names)))
        (height, width), (left, top, right, bottom) = self.sizes[number], self.boxes[number]
        shorter, longest = min(height, width), max(right - left, bottom - top)
        side = round(rng.uniform(min(shorter, max(1.05 * longest, 0.5 * shorter)), shorter))
        x = draw_start(left, right, side, width, rng)
        y = draw_start(top, bottom, side, height, rng)
        ground = cv2.resize(
            self.grounds[number, y : y + side, x : x + side], (size, size), interpolation=cv2.INTER_AREA
        )
        centre, foot = ((left + right) / 2 - x) / side, (bottom - y) / side
        cut_out = self.cut_outs[number]
        if rng.random() < 0.5:
            ground, cut_out, centre = np.ascontiguousarray(ground[:, ::-1]), cut_out[:, ::-1], 1 - centre
        thing = Thing(self.names[number], cut_out, "in the middle", centre, foot, longest / side, cut=True)
        return Scene(np.asarray(ground, np.uint8), "", (thing,))

    def save(self, path: Path) -> None:
        arrays = {key: value for key, value in vars(self).items() if key != "names"}
        with replace_file(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, names=np.array(self.names), **arrays)


def collect_portraits(folder: Path) -> Portraits:
    rows = list(take_apart(folder))
    names, *arrays = zip(*rows, strict=True)
    return Portraits(names, *(np.stack(each) for each in arrays))


def take_apart(folder: Path) -> Iterator[tuple[str, RGBA, np.ndarray, Image, np.ndarray]]:
    """Yield name, cut-out, box, ground and size of each photograph whose object stands out."""
    for entry in entries():
        if not entry.is_tuning or entry.objects[0] in EXCLUDED:
            continue
        (path,) = folder.glob(f"{entry.name}.*")
        image = resize_to_fit(decode_image(path.read_bytes(), str(path)), SIDE)
        mask = largest_piece(saliency(image) > SALIENT)
        if not SMALLEST < mask.mean() < LARGEST:
            print(f"{entry.name}: left out; its object covers {mask.mean():.0%}")
            continue
        alpha = alpha_matte(image, mask, MATTE_RADIUS)
        colours = foreground_colours(image, mask, MATTE_RADIUS)
        visible = alpha > 8 / 255
        rows, columns = np.nonzero(visible)
        box = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
        cut_out = fit_cut_out(np.dstack([colours, np.round(255 * alpha).astype(np.uint8)]))
        hole = cv2.dilate(visible.astype(np.uint8), np.ones((2 * MARGIN + 1,) * 2, np.uint8)) > 0
        ground = np.zeros((SIDE, SIDE, 3), np.uint8)
        ground[: image.shape[0], : image.shape[1]] = inpaint(image, hole)
        yield entry.objects[0], cut_out, box, ground, np.array(image.shape[:2])


def draw_start(first: int, last: int, side: int, length: int, rng: np.random.Generator) -> int:
    """Draw the start of a window of `side` pixels around [first, last), or its middle if that is longer."""
    low, high = max(0, last - side), min(first, length - side)
    if low > high:
        return int(np.clip((first + last - side) // 2, 0, length - side))
    return int(rng.integers(low, high + 1))


def largest_piece(mask: Mask) -> Mask:
    """Return the largest connected piece of a mask, without holes."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    if len(stats) == 1:
        return mask
    return fill_holes(labels == 1 + np.argmax(stats[1:, cv2.CC_STAT_AREA]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, default=Path("results/object_photos"))
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    fetch(args.photos)
    portraits = collect_portraits(args.photos)
    portraits.save(args.out)
    print(f"{len(portraits.names)} portraits")


if __name__ == "__main__":
    run_program(main)
