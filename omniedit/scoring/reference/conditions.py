"""Measurements of condition images: a box marks the change, lines or a segment show the edited image."""

from collections.abc import Callable, Mapping
from functools import partial

import cv2
import numpy as np

from omniedit.imaging.images import CLEAR_LEVELS, Image, Mask
from omniedit.imaging.line_drawing import RED, agreement, scale_mask, scribble_lines, sketch_lines
from omniedit.imaging.morphology import bounding_box, dilate, erode
from omniedit.pairs import EditPair
from omniedit.pairs.provenance import Truth
from omniedit.scoring.reference import sentences
from omniedit.scoring.reference.fields import gradient, lightness, mean_inside, ramp
from omniedit.scoring.reference.measures import Comparison
from omniedit.scoring.reference.rationale import Finding, weigh
from omniedit.scoring.reference.subjects import find_reference
from omniedit.tasks import Task


def measure_condition(task: Task, comparison: Comparison, truth: Truth) -> Finding:
    """Score how well the condition image of a pair agrees with the pair's images.

    Args:
        task: a key of CONDITIONS.

    Raises:
        Unmeasurable: the pair has no such reference.
    """
    (role,) = task.references
    degree, measurement = CONDITIONS[task](comparison.pair, find_reference(comparison.pair, role))
    return weigh(sentences.CONDITION_MATCHES, ((degree, sentences.CONDITION_DIFFERS),), measurement)


def _match_box(pair: EditPair, image: Image) -> tuple[float, str]:
    """Return how well a red box on the source encloses the changed pixels."""
    image = _scale_to(image, pair.source)
    red = (image == RED).all(axis=2) & (pair.source != RED).any(axis=2)
    if not red.any():
        return 0.0, "the reference has no red box"
    left, top, right, bottom = bounding_box(red)
    changed = cv2.absdiff(pair.source, pair.edited).max(axis=2) > CLEAR_LEVELS
    inside = changed[top:bottom, left:right]
    share = float(inside.sum() / max(1, changed.sum()))
    rest = float(cv2.absdiff(image, pair.source)[~red].mean()) if not red.all() else 255.0
    degree = min(ramp(share, 0.3, 0.6), ramp(float(inside.mean()), 0.05, 0.2), ramp(rest, 16.0, 8.0))
    return degree, f"the box contains {share:.0%} of the changed pixels, which fill {inside.mean():.0%} of it"


def _match_lines(pair: EditPair, image: Image, find: Callable[[Image], Mask], dark: bool) -> tuple[float, str]:
    """Return how well the lines match those of the edited image. In changed regions, they must match it better than the
    source.
    """
    after, before = find(pair.edited), find(pair.source)
    lines = (_scale_to(image, after)[..., 0] < 128) == dark
    mask = np.ones(after.shape, bool) if pair.mask is None else scale_mask(pair.mask, after)
    overall, new, old = (
        agreement(lines, after),
        agreement(lines & mask, after & mask),
        agreement(lines & mask, before & mask),
    )
    degree = min(ramp(overall, 0.5, 0.85), ramp(new, 0.4, 0.8), ramp(new - old, 0.0, 0.05))
    return (
        degree,
        f"{overall:.0%} of the lines agree with the edited image, {new:.0%} within the edit, {old:.0%} with the source",
    )


def _match_segment(pair: EditPair, image: Image) -> tuple[float, str]:
    """Return how well a segment matches the new object: its pixels changed, and its outline lies on new edges."""
    shape = (_scale_to(image, pair.edited) == pair.provenance["truth"]["segment"]).all(axis=2)
    if not shape.any():
        return 0.0, "the reference has no segment in the object's colour"
    changed = cv2.absdiff(pair.source, pair.edited).max(axis=2) > CLEAR_LEVELS
    share = float(changed[shape].mean())
    near = max(2, round(0.004 * max(shape.shape)))
    edge = dilate(shape, near) & ~erode(shape, near)
    after, before = (mean_inside(gradient(lightness(each)), edge) for each in (pair.edited, pair.source))
    new = after / max(after + before, 1e-6)
    degree = min(ramp(share, 0.3, 0.6), ramp(new, 0.48, 0.53))
    return degree, f"{share:.0%} of the segment changed, and {new:.0%} of the edges at its outline are new"


def _scale_to(image: Image, other: Image | Mask) -> Image:
    """Return an image resized to the size of another one; in pairs of a benchmark, the two may differ."""
    size = other.shape[1], other.shape[0]
    return cv2.resize(image, size, interpolation=cv2.INTER_NEAREST).astype(np.uint8, copy=False)


CONDITIONS: Mapping[Task, Callable[[EditPair, Image], tuple[float, str]]] = {
    Task("visual_bbox"): _match_box,
    Task("visual_sketch"): partial(_match_lines, find=sketch_lines, dark=True),
    Task("visual_scribble"): partial(_match_lines, find=scribble_lines, dark=False),
    Task("visual_segment"): _match_segment,
}
"""Functions that return the agreement of a condition image with its pair, in [0, 1], and the figures behind it."""
