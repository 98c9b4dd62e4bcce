"""Random holes for training inpainting: brush strokes, boxes, outlines of objects."""

from dataclasses import dataclass

import cv2
import numpy as np

from omniedit.config.schema import HolesConfig
from omniedit.imaging.images import Mask
from omniedit.imaging.morphology import dilate_by_share

MAX_STROKES, MAX_POINTS = 4, 8
"""Maximum number of strokes, and of points per stroke."""
MAX_STEP = 0.3
"""Maximum distance between consecutive points along each axis, as a share of the shorter side."""
BRUSH = (0.05, 0.15)
"""Range of brush widths, as shares of the shorter side."""
BOX = (0.2, 0.7)
"""Range of a box's sides, as shares of the image's sides."""
GROWTH = 0.16
"""Maximum growth of an object's outline, as a share of its size; specialists grow masks by half of this."""
INVERTED_SHARE = 0.25
"""Share of outlines whose hole is everything but the object, as in a background swap."""


@dataclass(frozen=True)
class RandomHole:
    """Hole of a photo.

    Args:
        mask: (height, width).
        shows: index of the object if the hole is its upright outline, else None.
    """

    mask: Mask
    shows: int | None = None


def random_hole(
    height: int, width: int, objects: np.ndarray, shares: HolesConfig, rng: np.random.Generator
) -> RandomHole:
    """Draw a hole of a random kind, distributed as `shares` says.

    Args:
        objects: (N, height, width) masks of the photo's objects. If there are none, a box replaces an outline.
    """
    weights = np.array([shares.random, shares.box, shares.object])
    kind = rng.choice(3, p=weights / weights.sum())
    if kind == 0:
        return RandomHole(strokes(height, width, rng))
    if kind == 2 and len(objects):
        index = int(rng.integers(len(objects)))
        mask, is_object = outline(objects[index], rng)
        return RandomHole(mask, index if is_object else None)
    return RandomHole(box(height, width, rng))


def strokes(height: int, width: int, rng: np.random.Generator) -> Mask:
    """Draw strokes of a broad brush: chains of straight lines in random directions (Yu et al. 2019, algorithm 1)."""
    canvas, side = np.zeros((height, width), np.uint8), min(height, width)
    for _ in range(rng.integers(1, MAX_STROKES + 1)):
        steps = rng.uniform(-MAX_STEP * side, MAX_STEP * side, (rng.integers(2, MAX_POINTS + 1), 2))
        points = np.clip(rng.uniform(0, (width, height)) + np.cumsum(steps, axis=0), 0, (width - 1, height - 1))
        thickness = max(1, round(rng.uniform(*BRUSH) * side))
        cv2.polylines(canvas, [np.rint(points).astype(np.int32)], False, 1, thickness)
    return canvas > 0


def box(height: int, width: int, rng: np.random.Generator) -> Mask:
    tall, wide = (max(1, round(rng.uniform(*BOX) * side)) for side in (height, width))
    top, left = rng.integers(height - tall + 1), rng.integers(width - wide + 1)
    hole = np.zeros((height, width), bool)
    hole[top : top + tall, left : left + wide] = True
    return hole


def outline(mask: Mask, rng: np.random.Generator) -> tuple[Mask, bool]:
    """Return a hole from an object's outline, slightly grown, and whether the hole covers just that object.

    Half of the outlines are upside down, so that the network cannot conclude from a hole's shape that it contains an
    object. Some outlines are inverted.
    """
    hole = dilate_by_share(mask, rng.uniform(0, GROWTH))
    upside_down, inverted = rng.random() < 0.5, rng.random() < INVERTED_SHARE
    hole = hole[::-1] if upside_down else hole
    return ~hole if inverted else hole, not (upside_down or inverted)
