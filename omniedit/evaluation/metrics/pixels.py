"""Metrics of pixels: L1, L2, PSNR, SSIM, translation, over the whole image or outside the mask.

An edited image of a different size is first resized to the other image's size, as MagicBrush's `image_eval.py` does.
"""

import numpy as np
from numpy.typing import NDArray

from omniedit.evaluation.metrics.preprocess import resize_to
from omniedit.evaluation.preservation import SSIM_WINDOW, luminance, pixel_shift, psnr, ssim_map, ssim_outside
from omniedit.imaging.images import Image, Mask

BORDER = SSIM_WINDOW // 2
"""Width of the margin where SSIM's window leaves the image, in pixels."""


def fit_size(image: Image, other: Image) -> Image:
    """Resize an image to the other's size by Pillow's bicubic filter, which prevents aliasing."""
    return resize_to(image, other.shape[1], other.shape[0])


def l1(edited: Image, other: Image) -> float:
    """Compute the mean absolute difference of values in [0, 1]."""
    return float(np.abs(_difference(edited, other)).mean() / 255)


def l2(edited: Image, other: Image) -> float:
    """Compute the mean squared difference of values in [0, 1]."""
    return float((_difference(edited, other) ** 2).mean() / 255**2)


def image_psnr(edited: Image, other: Image) -> float:
    """Compute the peak signal-to-noise ratio in dB; infinite for equal images."""
    return psnr(float((_difference(edited, other) ** 2).mean()))


def ssim(edited: Image, other: Image) -> float:
    """Compute the mean SSIM of luminance over the windows inside the image (Wang et al. 2004)."""
    similarity = ssim_map(luminance(fit_size(edited, other)), luminance(other))
    return float(crop_border(similarity).mean())


def crop_border(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the part of an (H, W) map whose SSIM windows are inside the image; the whole map if the image is smaller
    than a window.
    """
    height, width = values.shape
    inside = values[BORDER : height - BORDER, BORDER : width - BORDER]
    return inside if inside.size else values


def l1_outside(edited: Image, source: Image, mask: Mask) -> float:
    """Compute L1 over the pixels outside the mask; NaN for a mask that covers the image."""
    outside = _difference(edited, source)[~mask]
    return float(np.abs(outside).mean() / 255) if outside.size else float("nan")


def psnr_outside(edited: Image, source: Image, mask: Mask) -> float:
    """Compute PSNR over the pixels outside the mask; NaN for a mask that covers the image."""
    outside = _difference(edited, source)[~mask]
    return psnr(float((outside**2).mean())) if outside.size else float("nan")


def masked_ssim(edited: Image, source: Image, mask: Mask) -> float:
    """Compute SSIM over the windows outside the mask; NaN without such a window."""
    return ssim_outside(source, fit_size(edited, source), mask)


def shift(edited: Image, source: Image, mask: Mask | None) -> float:
    """Measure the translation between two images in pixels of the source; changes in the mask do not count."""
    return pixel_shift(source, fit_size(edited, source), mask)


def _difference(edited: Image, other: Image) -> NDArray[np.float64]:
    return fit_size(edited, other).astype(np.float64) - other
