"""Procedural noise for paper, clouds, wood, marble and rain."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Field = NDArray[Any]
"""float32 array of shape (H, W), one value per pixel (typed loosely, because OpenCV's stubs widen every result)."""
COARSE_SPACING = 64
"""Spacing of a lattice, in pixels, from which only the centre of its enlargement is computed; most of the rest would
lie outside the image."""


def white_noise(height: int, width: int, rng: np.random.Generator) -> Field:
    """Return (H, W) independent samples, uniform in [0, 1)."""
    return rng.random((height, width), dtype=np.float32)


def fractal_noise(height: int, width: int, period: float, rng: np.random.Generator, octaves: int = 5) -> Field:
    """Return (H, W) fractional Brownian motion, scaled to [0, 1] (Perlin 1985, with value instead of gradient noise).

    Args:
        period: distance between the lattice points of the coarsest octave, in pixels; each octave halves the distance
            and the amplitude.
    """
    total = np.zeros((height, width), np.float32)
    for octave in range(octaves):
        spacing = max(1.0, period / 2**octave)
        lattice = rng.random((int(height / spacing) + 4, int(width / spacing) + 4), dtype=np.float32)
        total += _enlarge_centre(lattice, spacing, height, width) / 2**octave
    low, high = float(total.min()), float(total.max())
    return (total - low) / max(high - low, 1e-6)


def streaks(height: int, width: int, length: int, degrees: float, rng: np.random.Generator) -> Field:
    """Return (H, W) white noise smeared along one direction, like pencil strokes or wood grain; mean 0, deviation 1.

    Args:
        length: of a stroke, in pixels.
        degrees: direction, anticlockwise; 0 is horizontal, 90 is vertical.
    """
    smeared = cv2.filter2D(white_noise(height, width, rng), -1, line_kernel(length, degrees))
    return (smeared - float(smeared.mean())) / max(float(smeared.std()), 1e-6)


def line_kernel(length: int, degrees: float) -> Field:
    """Return a square kernel that averages along an antialiased line through its centre; it sums to 1."""
    side = length | 1
    centre, angle = side // 2, np.deg2rad(degrees)
    reach = np.array([np.cos(angle), -np.sin(angle)]) * (length - 1) / 2
    start, end = np.array([centre, centre]) - reach, np.array([centre, centre]) + reach
    kernel = np.zeros((side, side), np.uint8)
    shift = 4
    ends = [tuple(int(v) for v in np.rint(point * (1 << shift))) for point in (start, end)]
    cv2.line(kernel, ends[0], ends[1], 255, 1, cv2.LINE_AA, shift)
    return kernel.astype(np.float32) / float(kernel.sum())


def _enlarge_centre(lattice: Field, spacing: float, height: int, width: int) -> Field:
    """Return the (height, width) centre of a lattice, enlarged by cubic interpolation."""
    if spacing < COARSE_SPACING:
        smooth = cv2.resize(lattice, None, fx=spacing, fy=spacing, interpolation=cv2.INTER_CUBIC)
        return _centre(smooth, height, width)
    down, across = (
        _cubic_weights(cells, spacing, pixels) for cells, pixels in zip(lattice.shape, (height, width), strict=True)
    )
    return down @ lattice @ across.T


def _cubic_weights(cells: int, spacing: float, pixels: int) -> Field:
    """Return the (pixels, cells) weights of a lattice's cells in the pixels at the centre of its enlargement."""
    weights = cv2.resize(np.eye(cells, dtype=np.float32), None, fx=1, fy=spacing, interpolation=cv2.INTER_CUBIC)
    start = (len(weights) - pixels) // 2
    return weights[start : start + pixels]


def _centre(field: Field, height: int, width: int) -> Field:
    top, left = (field.shape[0] - height) // 2, (field.shape[1] - width) // 2
    return field[top : top + height, left : left + width]
