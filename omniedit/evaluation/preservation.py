"""Preservation metrics of an edit: differences outside the mask, and the shift of the whole image."""

from dataclasses import dataclass
from math import hypot, inf, log10, nan

import cv2
import numpy as np
from numpy.typing import NDArray

from omniedit.imaging.images import Image, Mask
from omniedit.imaging.shift import find_shift
from omniedit.pairs import EditPair

SSIM_WINDOW, SSIM_SIGMA = 11, 1.5


@dataclass(frozen=True)
class Preservation:
    """Preservation of the parts of an image that an edit should not change.

    Args:
        mae_outside: mean absolute difference outside the mask, on the scale 0-255.
        psnr_outside: peak signal-to-noise ratio outside the mask in dB; infinite if nothing differs.
        ssim_outside: mean structural similarity over windows that are wholly outside the mask.
        pixel_shift: length in pixels of the translation between source and edited image.

    The first three are NaN for a global edit, and for a mask that covers the whole image.
    """

    mae_outside: float
    psnr_outside: float
    ssim_outside: float
    pixel_shift: float


def preservation(pair: EditPair) -> Preservation:
    shift = pixel_shift(pair.source, pair.edited, pair.mask)
    if pair.mask is None or pair.mask.all():
        return Preservation(nan, nan, nan, shift)
    outside = ~pair.mask
    difference = pair.source[outside].astype(np.float64) - pair.edited[outside]
    return Preservation(
        mae_outside=float(np.abs(difference).mean()),
        psnr_outside=psnr(float((difference**2).mean())),
        ssim_outside=ssim_outside(pair.source, pair.edited, pair.mask),
        pixel_shift=shift,
    )


def psnr(mean_squared_error: float) -> float:
    """Compute the peak signal-to-noise ratio of 8-bit images, in dB."""
    return 10 * log10(255**2 / mean_squared_error) if mean_squared_error > 0 else inf


def ssim_outside(source: Image, edited: Image, mask: Mask) -> float:
    """Compute the mean SSIM of luminance over the windows that do not touch the mask; NaN without such a window."""
    window = np.ones((SSIM_WINDOW, SSIM_WINDOW), np.uint8)
    untouched = cv2.dilate(mask.astype(np.uint8), window) == 0
    return float(ssim_map(luminance(source), luminance(edited))[untouched].mean()) if untouched.any() else nan


def ssim_map(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute the structural similarity around each pixel of two (H, W) images, 0-255 (Wang et al. 2004, eq. 13).

    Gaussian window of 11 x 11, sigma 1.5, K1 = 0.01, K2 = 0.03, as in the paper.
    """

    def mean(z: NDArray[np.float64]) -> NDArray[np.float64]:
        return cv2.GaussianBlur(z, (SSIM_WINDOW, SSIM_WINDOW), SSIM_SIGMA).astype(np.float64, copy=False)

    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    mu_x, mu_y = mean(x), mean(y)
    var_x, var_y, cov = mean(x * x) - mu_x**2, mean(y * y) - mu_y**2, mean(x * y) - mu_x * mu_y
    return (2 * mu_x * mu_y + c1) * (2 * cov + c2) / ((mu_x**2 + mu_y**2 + c1) * (var_x + var_y + c2))


def pixel_shift(source: Image, edited: Image, mask: Mask | None) -> float:
    """Measure the translation between two images in pixels, by phase correlation.

    Inside the mask, the edit is replaced by the source, so that it does not count as movement.
    """
    if mask is not None:
        edited = np.where(mask[..., None], source, edited)
    x, y = luminance(source), luminance(edited)
    hann = cv2.createHanningWindow((x.shape[1], x.shape[0]), cv2.CV_64F)
    (dx, dy), _ = find_shift(x, y, hann)
    return hypot(dx, dy)


def luminance(image: Image) -> NDArray[np.float64]:
    """Compute the (H, W) luma of an RGB image (ITU-R BT.601), 0-255."""
    return image @ np.array([0.299, 0.587, 0.114])
