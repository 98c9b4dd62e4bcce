"""Measurements of an object that is moved or resized within its photo.

h, w  size of the compared copies
"""

from typing import Any

import numpy as np

from omniedit.imaging.boxes import FractionBox
from omniedit.imaging.images import Mask
from omniedit.instructions.templates.movement_resize import parse_directions, parse_resizing
from omniedit.pairs.provenance import Truth
from omniedit.scoring.reference import sentences
from omniedit.scoring.reference.fields import correlation, grow, ramp
from omniedit.scoring.reference.measures import Comparison, Unmeasurable
from omniedit.scoring.reference.rationale import Finding, TruthObject, weigh
from omniedit.scoring.reference.regions import blend_degree, distinctness
from omniedit.scoring.reference.subjects import (
    COMPARED_SIDE,
    align_view,
    find_subject,
    matching_share,
    smooth_lightness,
)

FRAME = 0.2
"""Margin of the compared copies around the object's box, as a share of its sides."""
OBJECT_LEVELS = 40
"""Difference in grey levels from which a pixel does not belong to the ground around the object."""
MIN_OBJECT_PIXELS = 64
"""Minimum number of pixels of an object in the compared copies."""
MIN_UNCOVERED_SHARE = 0.15
"""Minimum share of the object's old place that must be outside its new box for remains of the object to be measured
there."""


def movement(comparison: Comparison, truth: Truth) -> Finding:
    """Score a movement: the same object is at its new place, nothing is left at the old place, and the direction is as
    stated.
    """
    box, new_box, direction = truth["box"], truth["new_box"], truth["direction"]
    width, height = box[2] - box[0], box[3] - box[1]
    across, down = new_box[0] - box[0], new_box[1] - box[1]
    ways = {"left": -across / width, "right": across / width, "up": -down / height, "down": down / height}
    if direction not in ways:
        raise Unmeasurable(f"the truth of a movement has the direction {direction!r:.20}")
    along = ways[direction]
    aside = abs(ways["up"] if direction in ("left", "right") else ways["left"])
    is_stated = parse_directions(comparison.pair.instruction, truth["object"]) == {direction}
    size = max((new_box[2] - new_box[0]) / width, (new_box[3] - new_box[1]) / height)
    requirements = (
        (float(is_stated), sentences.WRONG_WAY),
        (min(ramp(along, 0.2, 0.5), ramp(aside, 0.6, 0.3)), sentences.WRONG_WAY),
        (ramp(abs(np.log(size)), 0.2, 0.05), sentences.WRONG_SIZE),
        *_object_requirements(comparison, box, new_box),
    )
    measurement = f"the object moved by {along:.1f} of its side; {_describe_measurements(comparison, box, new_box)}"
    return weigh(sentences.MOVED, requirements, measurement, old=TruthObject.parse(truth["object"]))


def resize(comparison: Comparison, truth: Truth) -> Finding:
    """Score a resizing: the same object is there at the stated size, and nothing of the object at its old size is
    left.
    """
    box, new_box = truth["box"], truth["new_box"]
    scales = ((new_box[2] - new_box[0]) / (box[2] - box[0]), (new_box[3] - new_box[1]) / (box[3] - box[1]))
    way, stated = parse_resizing(comparison.pair.instruction)
    expected = float(truth["scale"] if stated is None else stated)
    is_stated = way == {"larger" if truth["scale"] > 1 else "smaller"}
    off = max(abs(np.log(scale / expected)) for scale in scales)
    moved = np.hypot(
        (box[0] + box[2] - new_box[0] - new_box[2]) / 2 / max(box[2] - box[0], new_box[2] - new_box[0]),
        min(abs(box[3] - new_box[3]), abs(box[1] + box[3] - new_box[1] - new_box[3]) / 2)
        / max(box[3] - box[1], new_box[3] - new_box[1]),
    )
    requirements = (
        (float(is_stated), sentences.WRONG_SIZE),
        (ramp(off, 0.25, 0.08), sentences.WRONG_SIZE),
        (ramp(float(moved), 0.4, 0.15), sentences.ELSEWHERE),
        *_object_requirements(comparison, box, new_box),
    )
    measurement = (
        f"{scales[0]:.2f} times as wide and {scales[1]:.2f} times as high; "
        f"{_describe_measurements(comparison, box, new_box)}"
    )
    return weigh(sentences.RESIZED, requirements, measurement, old=TruthObject.parse(truth["object"]))


def _object_requirements(
    comparison: Comparison, box: FractionBox, new_box: FractionBox
) -> tuple[tuple[float, Any], ...]:
    at_new_place, likeness, remaining, contrast = _measure_object(comparison, box, new_box)
    return (
        (min(ramp(at_new_place, 0.6, 0.85), ramp(likeness, 0.4, 0.75)), sentences.OTHER_THERE),
        (ramp(remaining, 0.5, 0.2), sentences.STILL_THERE),
        (blend_degree(contrast), sentences.ODD_PLACE),
    )


def _describe_measurements(comparison: Comparison, box: FractionBox, new_box: FractionBox) -> str:
    at_new_place, likeness, remaining, contrast = _measure_object(comparison, box, new_box)
    return (
        f"{at_new_place:.0%} of it is at its new place, with a correlation of {likeness:.2f}; {remaining:.0%} remains "
        f"at its old place, whose contrast with its surroundings is {contrast:.1f}"
    )


def _measure_object(
    comparison: Comparison, box: FractionBox, new_box: FractionBox
) -> tuple[float, float, float, float]:
    """Return the share of the object at its new place, its similarity there, the share at its old place, and the
    contrast of the old place with its surroundings.

    Raises:
        Unmeasurable: no object stands out in its box in the source.
    """
    (width, height), inside = _frame(comparison, box)
    source_view, edited_view, old_view = (
        align_view(image, view_box, inside, (width, height))
        for image, view_box in (
            (comparison.pair.source, box),
            (comparison.pair.edited, new_box),
            (comparison.pair.edited, box),
        )
    )
    subject = find_subject(source_view, OBJECT_LEVELS) & _box_mask(box, box, inside, (width, height))
    if subject.sum() < MIN_OBJECT_PIXELS:
        raise Unmeasurable("no object stands out in its box in the source")
    at_new_place, likeness = (
        matching_share(source_view, subject, edited_view),
        correlation(smooth_lightness(source_view)[subject], smooth_lightness(edited_view)[subject]),
    )
    free = subject & ~_box_mask(box, new_box, inside, (width, height))
    remaining = (
        matching_share(source_view, free, old_view) if free.sum() >= MIN_UNCOVERED_SHARE * subject.sum() else 0.0
    )
    bare = comparison.box(box) & ~grow(comparison.box(new_box), 4) & comparison.small_mask
    contrast = distinctness(comparison, comparison.edited.appearance, bare) if bare.sum() >= MIN_OBJECT_PIXELS else 0.0
    return at_new_place, likeness, remaining, contrast


def _frame(comparison: Comparison, box: FractionBox) -> tuple[tuple[int, int], FractionBox]:
    """Return width and height of the compared copies, and the object's box in their pixels."""
    rows, columns = comparison.pair.source.shape[:2]
    wide, high = (box[2] - box[0]) * columns, (box[3] - box[1]) * rows
    scale = min(1.0, COMPARED_SIDE / max(wide, high) / (1 + 2 * FRAME))
    left, top = FRAME * wide * scale, FRAME * high * scale
    size = max(8, round(wide * scale + 2 * left)), max(8, round(high * scale + 2 * top))
    return size, (left, top, left + wide * scale, top + high * scale)


def _box_mask(box: FractionBox, other: FractionBox, inside: FractionBox, size: tuple[int, int]) -> Mask:
    """Return the (h, w) mask of a box of the image within the compared copy."""
    x_scale, y_scale = (inside[2] - inside[0]) / (box[2] - box[0]), (inside[3] - inside[1]) / (box[3] - box[1])
    edges = [
        inside[axis] + (edge - box[axis]) * scale
        for edge, axis, scale in zip(other, (0, 1, 0, 1), (x_scale, y_scale) * 2, strict=True)
    ]
    left, top, right, bottom = (round(edge) for edge in edges)
    covered = np.zeros(size[::-1], bool)
    covered[max(0, top - 2) : max(0, bottom + 2), max(0, left - 2) : max(0, right + 2)] = True
    return covered
