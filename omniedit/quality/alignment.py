"""Alignment of source and edited image: shift and scale of the whole image, measured where the edit changed nothing."""

from dataclasses import dataclass
from itertools import combinations
from math import hypot, inf

import cv2
import numpy as np
from numpy.typing import NDArray

from omniedit.imaging.images import Image
from omniedit.imaging.shift import find_shift

WINDOW = 128
"""Side of a window in pixels; the largest measurable shift is a quarter of it."""
MAX_SIDE = 1024
"""Longer side at which images are compared, in pixels."""
MAX_WINDOWS = 36
_MIN_TEXTURE = 3.0
"""Minimum root mean square gradient of a window, 0-255 per pixel."""
_MIN_RESPONSE = 0.08
_MAX_RESIDUAL = 0.75
"""A window agrees with the model if its shift differs by at most this many pixels."""
_MIN_AGREEING = 4
_CLEAR_SHARE = 0.9
"""If at least this share of the windows agrees on a pure shift, no scale is searched."""


@dataclass(frozen=True)
class ImageAlignment:
    """Similarity that maps source pixels to edited pixels, about the image's centre.

    Args:
        dx, dy: shift in pixels, to the right and down.
        scale: magnification of the edited image, such as 1.02 for a crop by 2 % that was resized back.
        confidence: share of the windows with texture that agree, in [0, 1]; 0 if the shift is unknown.
        error: standard error of the displacement of a corner, in pixels, from the scatter of the windows that agree.
    """

    dx: float
    dy: float
    scale: float
    confidence: float
    error: float

    def displacement(self, width: int, height: int) -> float:
        """Return the largest displacement of a point of the image, in pixels."""
        corner = abs(self.scale - 1) * hypot(width, height) / 2
        return hypot(self.dx, self.dy) + corner


UNKNOWN = ImageAlignment(0.0, 0.0, 1.0, 0.0, inf)


def align(source: Image, edited: Image) -> ImageAlignment:
    """Measure shift and scale between two (H, W, 3) RGB images of equal size.

    Each window of a grid is phase-correlated (Kuglin and Hines 1975) on gradients, which survive a change of colour or
    style. One shift and scale are fitted to the windows' shifts. Windows inside the edit disagree and are ignored.
    """
    shrink = min(1.0, MAX_SIDE / max(source.shape[:2]))
    first, second = _edges(source, shrink), _edges(edited, shrink)
    places, shifts = _window_shifts(first, second)
    if len(places) < _MIN_AGREEING:
        return UNKNOWN
    centre = (np.array(first.shape[1::-1]) - 1) / 2
    places -= centre
    model, agreeing = _fit(places, shifts)
    if agreeing.sum() < _MIN_AGREEING:
        return UNKNOWN
    error = _standard_error(places[agreeing], shifts[agreeing], model, float(np.linalg.norm(centre)))
    dx, dy, growth = model
    return ImageAlignment(dx / shrink, dy / shrink, 1 + growth, float(agreeing.mean()), error / shrink)


def _edges(image: Image, shrink: float) -> NDArray[np.float32]:
    """Return the (H, W) gradient magnitude of the luma, with large gradients compressed."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    if shrink < 1:
        grey = cv2.resize(grey, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
    field = cv2.GaussianBlur(grey.astype(np.float32), (0, 0), 1.0)
    across, down = cv2.Sobel(field, cv2.CV_32F, 1, 0, scale=1 / 8), cv2.Sobel(field, cv2.CV_32F, 0, 1, scale=1 / 8)
    return np.sqrt(np.sqrt(across * across + down * down)).astype(np.float32)


def _window_shifts(
    first: NDArray[np.float32], second: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the centres (N, 2) and the shifts (N, 2), as (x, y), of the windows that have texture and correlate."""
    height, width = first.shape
    side = min(WINDOW, height, width)
    hann = cv2.createHanningWindow((side, side), cv2.CV_32F) if side >= 16 else np.ones((side, side), np.float32)
    places, shifts = [], []
    for top, left in _grid(height, width, side):
        one, two = (edges[top : top + side, left : left + side] for edges in (first, second))
        if min(float((one**2).mean()), float((two**2).mean())) < _MIN_TEXTURE / 8:
            continue
        shift, response = find_shift(one - one.mean(), two - two.mean(), hann)
        if response >= _MIN_RESPONSE and max(map(abs, shift)) <= side / 4:
            places.append((left + (side - 1) / 2, top + (side - 1) / 2))
            shifts.append(shift)
    return np.array(places, np.float64).reshape(-1, 2), np.array(shifts, np.float64).reshape(-1, 2)


def _grid(height: int, width: int, side: int) -> list[tuple[int, int]]:
    """Return the corners of at most `MAX_WINDOWS` windows, spread evenly, with at most half of a window overlapping the
    next.
    """
    per_side = int(MAX_WINDOWS**0.5)
    rows, columns = (max(1, min(per_side, 2 * length // side - 1)) for length in (height, width))
    tops, lefts = (
        np.linspace(0, length - side, count).astype(int) for length, count in ((height, rows), (width, columns))
    )
    return [(int(top), int(left)) for top in tops for left in lefts]


def _fit(
    places: NDArray[np.float64], shifts: NDArray[np.float64]
) -> tuple[tuple[float, float, float], NDArray[np.bool_]]:
    """Fit shift = (dx, dy) + growth * position to most windows. Return dx, dy, growth and the windows that agree.

    Each pair of windows proposes a model (RANSAC, exhaustive); least squares refine the one that most windows agree on.
    """
    best = _agreeing(places, shifts, (*np.median(shifts, axis=0), 0.0))
    proposals = combinations(range(len(places)), 2) if best.mean() < _CLEAR_SHARE else ()
    for pair in map(list, proposals):
        agreeing = _agreeing(places, shifts, _model(places[pair], shifts[pair]))
        best = agreeing if agreeing.sum() > best.sum() else best
    if not best.any():
        return (0.0, 0.0, 0.0), best
    for _ in range(2):
        model = _model(places[best], shifts[best])
        best = _agreeing(places, shifts, model)
        if not best.any():
            break
    return model, best


def _model(places: NDArray[np.float64], shifts: NDArray[np.float64]) -> tuple[float, float, float]:
    """Return dx, dy and growth by least squares."""
    centred, moved = places - places.mean(axis=0), shifts - shifts.mean(axis=0)
    spread = float((centred**2).sum())
    growth = float((centred * moved).sum()) / spread if spread > 0 else 0.0
    dx, dy = shifts.mean(axis=0) - growth * places.mean(axis=0)
    return float(dx), float(dy), growth


def _standard_error(
    places: NDArray[np.float64], shifts: NDArray[np.float64], model: tuple[float, float, float], corner: float
) -> float:
    """Return the standard error of the displacement at a distance `corner` from the centre."""
    dx, dy, growth = model
    residuals = np.array([dx, dy]) + growth * places - shifts
    variance = float((residuals**2).sum()) / max(1, 2 * len(places) - 3)
    spread = float(((places - places.mean(axis=0)) ** 2).sum())
    return float(np.sqrt(variance * (2 / len(places) + (corner**2 / spread if spread > 0 else 1.0))))


def _agreeing(
    places: NDArray[np.float64], shifts: NDArray[np.float64], model: tuple[float, float, float]
) -> NDArray[np.bool_]:
    dx, dy, growth = model
    return np.linalg.norm(np.array([dx, dy]) + growth * places - shifts, axis=1) <= _MAX_RESIDUAL
