"""Measurements of camera edits: a scene that continues into an empty border, and a view that was rotated.

h, w  size of the compared copies       N  pixels along a line
"""

import cv2
import numpy as np

from omniedit.imaging.images import Mask, shrink
from omniedit.imaging.morphology import bounding_box
from omniedit.pairs.provenance import Truth
from omniedit.scoring.reference import sentences
from omniedit.scoring.reference.fields import Field, band_pass, correlation, gaussian_blur, lightness, ramp
from omniedit.scoring.reference.measures import Comparison, Unmeasurable
from omniedit.scoring.reference.rationale import Finding, weigh

ONE_COLOUR = 2
"""Maximum distance, in grey levels, between the pixels of an empty border and their median."""
MIN_EMPTY_SHARE = 0.98
"""Minimum share of the border that must be empty in the source."""
MAX_FLAT_LAPLACIAN = 0.15
"""Laplacian of the lightness below which a pixel is part of a surface without any grain."""
ROTATED_SIDE = 224
"""Square root of the number of pixels of the copies whose rotation is measured."""
ANGLES = (*range(-45, 46), *range(160, 201))
"""Rotations to try, in degrees."""
MIN_GAIN = 0.05
"""Minimum gain in correlation, compared with no rotation, at which the rotation is certain."""


def outpaint(comparison: Comparison, truth: Truth) -> Finding:
    """Score an outpainting: the empty border of the source is filled, and the fill continues the photo.

    Raises:
        Unmeasurable: the mask is not a border, or the source's border is not empty.
    """
    lines = _lines_at_border(comparison)
    changed, flat = comparison.changed_share(comparison.small_mask), _flat_share(comparison)
    continuity = min(_continuity(*line) for line in lines)
    requirements = (
        (min(ramp(changed, 0.2, 0.5), ramp(flat, 0.99, 0.9)), sentences.BORDER_IS_EMPTY),
        (continuity, sentences.BORDER_BREAKS),
    )
    measurement = (
        f"{changed:.0%} of the border is filled, {flat:.0%} of it flat; it continues the photo to {continuity:.0%}"
    )
    return weigh(sentences.OUTPAINTED, requirements, measurement)


def _lines_at_border(comparison: Comparison) -> list[tuple[Field, Field]]:
    """Return the edited image's lightness along each side of the photo, (N,) inside and (N,) in the border.

    Raises:
        Unmeasurable: as in `outpaint`.
    """
    unchanged = ~comparison.mask
    if not unchanged.any():
        raise Unmeasurable("the border covers the whole image")
    left, top, right, bottom = bounding_box(unchanged)
    if not unchanged[top:bottom, left:right].all():
        raise Unmeasurable("the area inside the border is not a rectangle")
    if _empty_share(comparison) < MIN_EMPTY_SHARE:
        raise Unmeasurable("the border of the source is not empty")
    image, (height, width) = comparison.edited.luma, comparison.mask.shape
    rows, columns = slice(top, bottom), slice(left, right)
    sides = (
        (left > 0, np.s_[rows, left], np.s_[rows, left - 1]),
        (right < width, np.s_[rows, right - 1], np.s_[rows, min(right, width - 1)]),
        (top > 0, np.s_[top, columns], np.s_[top - 1, columns]),
        (bottom < height, np.s_[bottom - 1, columns], np.s_[min(bottom, height - 1), columns]),
    )
    return [(_smooth(image[inside]), _smooth(image[outside])) for exists, inside, outside in sides if exists]


def _smooth(line: Field) -> Field:
    """Blur an (N,) line to suppress grain."""
    return gaussian_blur(np.ascontiguousarray(line)[None], 1.5)[0]


def _empty_share(comparison: Comparison) -> float:
    """Return the share of the border that has one colour in the source."""
    pixels = comparison.pair.source[comparison.mask].astype(np.int16)
    return float((np.abs(pixels - np.median(pixels, axis=0)).max(axis=1) <= ONE_COLOUR).mean())


def _flat_share(comparison: Comparison) -> float:
    """Return the share of the border without any grain in the edited image."""
    grain = np.abs(cv2.Laplacian(comparison.edited.luma, cv2.CV_32F))
    return float((grain[comparison.mask] < MAX_FLAT_LAPLACIAN).mean())


def _continuity(inside: Field, outside: Field) -> float:
    """Return how well the lines on both sides of a border match: their profiles correlate, or they hardly differ."""
    likeness, apart = correlation(inside, outside), float(np.abs(inside - outside).mean())
    return max(ramp(likeness, 0.4, 0.8), ramp(apart, 6.0, 2.5))


def rotation_change(comparison: Comparison, truth: Truth) -> Finding:
    """Score a rotation: the edited image is the source, rotated by the requested angle.

    Raises:
        Unmeasurable: the image looks the same at all angles.
    """
    correlations = _correlations(comparison)
    best = max(correlations, key=lambda angle: correlations[angle])
    if max(correlations.values()) - min(correlations.values()) < MIN_GAIN:
        raise Unmeasurable("the image looks the same at all angles, so its rotation cannot be measured")
    off = abs((best - truth["angle"] + 180) % 360 - 180)
    moved = 0.0 if best == 0 else 1.0
    requirements = ((moved, sentences.NOT_TURNED), (ramp(off, 4.0, 1.5), sentences.WRONG_TURN))
    measurement = f"the best match is at {best} degrees, with a correlation of {correlations[best]:.2f}"
    return weigh(sentences.TURNED, requirements, measurement, value=describe_angle(truth["angle"]))


def describe_angle(angle: float) -> str:
    """Return an angle in words: 'by 10 degrees clockwise', 'by half a turn'."""
    if abs(angle) == 180:
        return "by half a turn"
    return f"by {abs(angle):g} degrees {'clockwise' if angle > 0 else 'counterclockwise'}"


def rotation_restraint(comparison: Comparison) -> Finding:
    """Score how well the shapes are kept, after undoing the rotation."""
    best = max(_correlations(comparison).values())
    score = float(np.interp(best, [0, 0.3, 0.6, 0.8, 0.95], [0, 3, 7, 9, 10]))
    chosen = sentences.SHAPES_CHANGED.choose(score, sentences.SHAPES_KEPT)
    return Finding(score, chosen, f"a correlation of {best:.2f} once the rotation is undone")


def _correlations(comparison: Comparison) -> dict[int, float]:
    """Return, within the inscribed circle, the correlation of the edited image with the source rotated by each
    angle.
    """
    source, edited = (
        band_pass(lightness(shrink(image, ROTATED_SIDE)), 1.0, 8.0)
        for image in (comparison.pair.source, comparison.pair.edited)
    )
    height, width = source.shape
    inside = _circle(height, width)
    middle = (width - 1) / 2, (height - 1) / 2
    correlations = {}
    for angle in ANGLES:
        matrix = cv2.getRotationMatrix2D(middle, -angle, 1.0)
        turned = cv2.warpAffine(source, matrix, (width, height), flags=cv2.INTER_LINEAR)
        correlations[angle] = correlation(turned[inside], edited[inside])
    return correlations


def _circle(height: int, width: int) -> Mask:
    rows, columns = np.ogrid[:height, :width]
    radius = min(height, width) / 2 - 2
    return np.hypot(rows - (height - 1) / 2, columns - (width - 1) / 2) < radius
