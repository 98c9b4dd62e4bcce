"""Plain ground around an object: its evenness, and filling a hole with adjacent ground.

H, W  the image's height and width       h, w  those of its reduced copy       N  pixels of a region
"""

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from omniedit.imaging.color import image_to_lab, smoothstep
from omniedit.imaging.images import Image, Mask, levels
from omniedit.imaging.morphology import bounding_box, dilate, dilate_by_share, distances_to

SURROUNDINGS = 0.15
"""Width of the surroundings that are examined, as a share of the square root of the hole's area."""
SPOT_SEARCH_WIDTH = 0.35
"""Width of the surroundings in which spots are searched, as a share of the square root of the hole's area."""
SPOT_LIMITS = ((8.0, 0.06), (12.0, 0.03), (25.0, 0.005))
"""Contrasts in Lab, and the largest spot of each that counts as ground, as a share of the hole's area. The last one
finds thin parts such as a cord."""
WORKING_SIDE = 384
"""Longer side of the reduced copies on which surroundings are examined."""
MAX_RING_DISTANCE = 8.0
"""Largest distance in Lab between the surroundings of a hole and of the ground that fills it, for nine tenths of the
pixels."""
EVENNESS_PERCENTILE = 98.0
"""Percentile of the surroundings that must be even; one wing tip is a few percent."""
INNER_PERCENTILE = 99.0
"""Percentile of a region that must be even; the edge of a book across it is one or two percent."""
MAX_UNEVENNESS_GAIN = 1.5
"""Maximum unevenness of ground that fills a hole, relative to that of the hole's surroundings."""


def ground_unevenness(image: Image, hole: Mask) -> float:
    """Return the distance in Lab of a hole's surroundings from one even colour or gradient; infinite at a border."""
    lab, ring, _ = surroundings(image, hole)
    return _unevenness(lab, np.nonzero(ring), EVENNESS_PERCENTILE)


def inner_unevenness(image: Image, region: Mask) -> float:
    """Return the distance in Lab of a region's own pixels from one even colour or gradient."""
    lab, _, inside = surroundings(image, region)
    return _unevenness(lab, np.nonzero(inside), INNER_PERCENTILE)


def _unevenness(lab: NDArray[np.float32], places: tuple[NDArray, ...], percentile: float) -> float:
    """Return the distance in Lab of some pixels from one even colour or gradient; infinite if there are too few pixels.

    Args:
        places: rows and columns.
    """
    rows, columns = places
    if len(rows) < 32:
        return float("inf")
    return float(np.percentile(distances_to_plane(lab[rows, columns], rows, columns), percentile))


def has_spots(image: Image, hole: Mask, tolerance: float = 1.0) -> bool:
    """Return whether the ground near a hole has spots, such as a shadow, or a wing tip that the outline missed.

    Args:
        tolerance: factor on the contrasts and areas that count.
    """
    limits = ((contrast * tolerance, area * tolerance) for contrast, area in SPOT_LIMITS)
    return any(largest_spot(image, hole, contrast) > area for contrast, area in limits)


def largest_spot(image: Image, hole: Mask, contrast: float) -> float:
    """Return the area of the largest spot near a hole that differs from the ground, as a share of the hole's area.

    Args:
        contrast: distance in Lab from the ground's gradient, from which a pixel belongs to a spot.
    """
    lab, ring, inside = surroundings(image, hole)
    wide = dilate_by_share(inside, SPOT_SEARCH_WIDTH) & ~inside
    apart = np.zeros(ring.shape, np.float32)
    rows, columns = np.nonzero(ring)
    if len(rows) < 32:
        return float("inf")
    apart[wide] = np.linalg.norm(lab[wide] - _plane(lab[ring], rows, columns, *np.nonzero(wide)), axis=1)
    _, _, stats, _ = cv2.connectedComponentsWithStats((apart > contrast).astype(np.uint8))
    return float(max(stats[1:, cv2.CC_STAT_AREA], default=0) / max(1, int(inside.sum())))


def surroundings(image: Image, hole: Mask) -> tuple[NDArray[np.float32], Mask, Mask]:
    """Return the Lab of a slightly blurred reduced copy, (h, w, 3), the (h, w) ring around a hole, and the hole."""
    scale = min(1.0, WORKING_SIDE / max(hole.shape))
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    inside = cv2.resize(levels(hole.astype(np.float32)), small.shape[1::-1], interpolation=cv2.INTER_AREA) > 0
    ring = dilate_by_share(inside, SURROUNDINGS) & ~inside
    return cv2.GaussianBlur(image_to_lab(small), (0, 0), 1.5).astype(np.float32), ring, inside


def fill_from_ground(image: Image, hole: Mask, spare: Mask) -> Image | None:
    """Return the image with a hole filled with adjacent ground, or None if no adjacent ground is similar.

    The ground keeps its texture and takes the tone of the hole's surroundings. Pixels outside the hole are unchanged.

    Args:
        spare: (H, W), pixels that the ground must not include, such as other objects.
    """
    lab, ring, inside = surroundings(image, hole)
    covered = cv2.resize(levels((hole | spare).astype(np.float32)), lab.shape[1::-1], interpolation=cv2.INTER_AREA) > 0
    max_uneven = max(MAX_RING_DISTANCE, MAX_UNEVENNESS_GAIN * _unevenness(lab, np.nonzero(ring), EVENNESS_PERCENTILE))
    costs = {shift: _unlikeness(lab, ring, inside, covered, shift, max_uneven) for shift in _shifts(inside)}
    best = min(costs, key=lambda shift: costs[shift], default=None)
    if best is None or costs[best] > MAX_RING_DISTANCE:
        return None
    down, across = (round(by * side / small) for by, side, small in zip(best, hole.shape, lab.shape, strict=False))
    moved = np.roll(image, (-down, -across), axis=(0, 1)).astype(np.float32)
    reach = max(3.0, 0.05 * float(hole.sum()) ** 0.5)
    outer = dilate(hole, round(2 * reach)) & ~hole
    outer &= ~np.roll(hole, (-down, -across), axis=(0, 1))
    match_tone(moved, image, outer, hole)
    opacity = smoothstep(0.0, reach, distances_to(~hole))[hole][:, None]
    result, under = image.copy(), image[hole].astype(np.float32)
    result[hole] = np.rint(np.clip(under + opacity * (moved[hole] - under), 0, 255)).astype(np.uint8)
    return result


def match_tone(moved: NDArray[np.float32], image: Image, mask: Mask, target: Mask) -> None:
    """Add to the target's pixels of a moved image the gradient of its difference from another image in a region."""
    rows, columns = np.nonzero(mask)
    step = max(1, len(rows) // 20_000)
    rows, columns = rows[::step], columns[::step]
    if len(rows) < 32:
        return
    target_pixels = np.nonzero(target)
    moved[target_pixels] += _plane(image[rows, columns] - moved[rows, columns], rows, columns, *target_pixels)


def distances_to_plane(values_NC: NDArray[np.float32], rows: NDArray, columns: NDArray) -> NDArray[np.float32]:
    """Return the distances of values at some places, (N,), from the plane that fits them best."""
    return np.linalg.norm(values_NC - _plane(values_NC, rows, columns, rows, columns), axis=1)


def _plane(
    values_NC: NDArray[np.float32], rows: NDArray, columns: NDArray, to_rows: NDArray, to_columns: NDArray
) -> NDArray[np.float32]:
    """Fit a plane to values at some places, and return its values at others."""
    pixels = (rows, columns), (to_rows, to_columns)
    from_terms, to_terms = (np.column_stack([y, x, np.ones_like(y)]) for y, x in pixels)
    plane, *_ = np.linalg.lstsq(from_terms.astype(np.float32), values_NC, rcond=None)
    return (to_terms.astype(np.float32) @ plane).astype(np.float32)


def _shifts(inside: Mask) -> Iterator[tuple[int, int]]:
    """Yield shifts (down, across) that clear the hole, in eight directions, as far as the image reaches."""
    left, top, right, bottom = bounding_box(inside)
    height, width = bottom - top, right - left
    for times in (1.05, 1.25, 1.6, 2.2):
        for down in (-1, 0, 1):
            for across in (-1, 0, 1):
                shift = round(down * times * height), round(across * times * width)
                rows, columns = top + shift[0] >= 0 and bottom + shift[0] <= len(inside), left + shift[1] >= 0
                if shift != (0, 0) and rows and columns and right + shift[1] <= inside.shape[1]:
                    yield shift


def _unlikeness(
    lab: NDArray[np.float32], ring: Mask, inside: Mask, covered: Mask, shift: tuple[int, int], max_uneven: float
) -> float:
    """Return the unevenness of the surroundings at a shift, plus their distance from those of the hole. It is infinite
    if the ground there shows objects or is less even than `max_uneven`.
    """
    rows, columns = np.nonzero(inside)
    moved = rows + shift[0], columns + shift[1]
    if covered[moved].any() or _unevenness(lab, moved, INNER_PERCENTILE) > max_uneven:
        return float("inf")
    around = np.nonzero(ring)
    y, x = around[0] + shift[0], around[1] + shift[1]
    in_view = (y >= 0) & (x >= 0) & (y < len(lab)) & (x < lab.shape[1])
    in_view[in_view] &= ~covered[y[in_view], x[in_view]]
    if in_view.mean() < 0.5:
        return float("inf")
    apart = lab[around[0][in_view], around[1][in_view]] - lab[y[in_view], x[in_view]]
    rest = apart - _plane(apart, *(edge[in_view] for edge in around), *(edge[in_view] for edge in around))
    return float(np.percentile(np.linalg.norm(rest, axis=1), 90) + 0.3 * np.linalg.norm(np.median(apart, axis=0)))
