"""Elementary operations on fields: arrays with a value or a Lab colour per pixel."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from omniedit.imaging.filters import vector_length
from omniedit.imaging.images import Image, Mask
from omniedit.imaging.morphology import dilate, erode

Field = NDArray[Any]
"""Float32 value or Lab colour per pixel: (H, W) or (H, W, 3)."""
NOTICEABLE_DIFFERENCE = 2.3
"""Delta E that a careful observer just notices (Mahy et al. 1994)."""
GREY_LEVEL = 100 / 255
"""One step of an 8-bit grey level on Lab's scale; smaller values count as zero."""
CLEAR_LEVELS = 24
"""Difference in grey levels from which a pixel clearly differs."""
MEDIAN_PIXELS = 100_000
"""Approximate number of pixels to sample for a median over a region."""
_LEVELS = np.linspace(0.02, 0.98, 33)


def ramp(value: float, zero: float, full: float) -> float:
    """Return 0 up to `zero`, 1 from `full`, and a linear value between; `full` may be smaller than `zero`."""
    return float(np.clip((value - zero) / (full - zero), 0.0, 1.0))


def lightness(image: Image) -> Field:
    """Return the (H, W) luma of an RGB image on Lab's scale, 0-100: close enough to L for gradients, and fast."""
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32) * (100 / 255)


def delta_e(a_lab: Field, b_lab: Field) -> Field:
    """Return the (H, W) CIE76 colour difference."""
    offset = a_lab - b_lab
    return np.sqrt(np.einsum("...c,...c->...", offset, offset))


def mean_inside(field_HW: Field, mask: Mask) -> float:
    """Return the mean of a region's values; 0 if the region is empty."""
    return float(cv2.mean(field_HW, mask.view(np.uint8))[0])


def gradient(field_HW: Field) -> Field:
    """Return the (H, W) length of the gradient, per pixel."""
    dx = cv2.Sobel(field_HW, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8)
    dy = cv2.Sobel(field_HW, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8)
    return vector_length(dx, dy)


def gaussian_blur(field_HW: Field, sigma: float) -> Field:
    return cv2.GaussianBlur(field_HW, (0, 0), sigma)


def band_pass(field_HW: Field, fine: float, coarse: float) -> Field:
    """Return the (H, W) difference of two Gaussian blurs: structure of about `fine` to `coarse` pixels."""
    return gaussian_blur(field_HW, fine) - gaussian_blur(field_HW, coarse)


def correlation(a_N: Field, b_N: Field) -> float:
    """Return Pearson's correlation, or 0 if either input is constant."""
    a, b = a_N - a_N.mean(), b_N - b_N.mean()
    norm = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / norm if norm > 1e-6 else 0.0


def grow(mask: Mask, pixels: int) -> Mask:
    """Return the mask grown (or, for negative `pixels`, shrunk) by a disc of that radius."""
    return dilate(mask, pixels) if pixels > 0 else erode(mask, -pixels)


def appearance(lab: Field) -> Field:
    """Return (h, w, 4) colour and texture: L, a, b, and five times the octaves of the gradient of L.

    A doubling of texture then weighs as much as five units of colour difference.
    """
    texture = 5 * np.log2(0.5 + gaussian_blur(gradient(np.ascontiguousarray(lab[..., 0])), 2))
    return np.dstack([lab, texture.astype(np.float32)])


def distribution_distance(a_NC: Field, b_NC: Field) -> float:
    """Return the Wasserstein-1 distance of two distributions per channel, joined as a Euclidean length."""
    a, b = (sorted_quantiles(np.sort(values.T, axis=1), _LEVELS) for values in (a_NC, b_NC))
    return float(np.linalg.norm(np.abs(a - b).mean(axis=1)))


def sorted_quantiles(sorted_CN: Field, levels_K: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the (C, K) quantiles of sorted values; equal to np.quantile, without sorting again."""
    position = levels_K * (sorted_CN.shape[1] - 1)
    below = position.astype(int)
    above = np.minimum(below + 1, sorted_CN.shape[1] - 1)
    low, high = sorted_CN[:, below].astype(np.float64), sorted_CN[:, above]
    return low + (high - low) * (position - below)


def noise_level(response_HW: Field, mask: Mask) -> float:
    """Return the standard deviation of the noise in a region's calmest half, in the units of the filtered field.

    The median is over about `MEDIAN_PIXELS` pixels, which is as accurate as over all.
    """
    responses = response_HW[mask]
    return float(np.median(responses[:: (len(responses) // MEDIAN_PIXELS) | 1])) / (6 * 0.6745)


def blockiness(luma: Field, region: Mask) -> float:
    """Return the strength of steps at every eighth pixel relative to other pixels; 1 without blocks."""
    across = _grid_excess(luma[:, 1:], luma[:, :-1], region[:, 1:] & region[:, :-1], 0)
    down = _grid_excess(luma[1:], luma[:-1], region[1:] & region[:-1], 1)
    return max(across, down)


def _grid_excess(one: Field, next_one: Field, mask: Mask, axis: int) -> float:
    """Return the ratio of steps between neighbours at every eighth position to the steps at other positions, along an
    axis.
    """
    steps = cv2.absdiff(one, next_one)
    steps[~mask] = 0
    sums = cv2.reduce(steps, axis, cv2.REDUCE_SUM, dtype=cv2.CV_64F).ravel()
    counts = cv2.reduce(mask.view(np.uint8), axis, cv2.REDUCE_SUM, dtype=cv2.CV_32S).ravel()
    phases = [float(sums[p::8].sum() / max(1, counts[p::8].sum())) for p in range(8)]
    return (max(phases) + 0.05) / (float(np.median(phases)) + 0.05)


def clipped_share(image: Image, region: Mask) -> float:
    """Return the share of a region that is pure black or pure white."""
    black = cv2.inRange(image, np.zeros(3), np.full(3, 1.0))
    white = cv2.inRange(image, np.full(3, 254.0), np.full(3, 255.0))
    return float((cv2.bitwise_or(black, white)[region] > 0).mean())


def edge_map(lightness_HW: Field) -> Field:
    """Return the (H, W) logarithm of the gradient, blurred so that an edge moved by a pixel is still the same edge."""
    edges = gaussian_blur(gradient(gaussian_blur(np.ascontiguousarray(lightness_HW), 1.5)), 4)
    return np.log(edges + 0.3)
