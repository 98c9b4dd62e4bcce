"""Features of a restyled image and its source that distinguish one style from another.

h, w  height and width of the reduced copies       F  number of features
"""

from itertools import pairwise

import cv2
import numpy as np

from omniedit.imaging.color import image_to_lab
from omniedit.imaging.images import Image
from omniedit.scoring.reference.fields import Field, correlation, gaussian_blur, sorted_quantiles

SIDE = 128
"""Images are compared as copies of about SIDE^2 pixels, the size at which the default run trains and evaluates."""
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
HUES = 12
MIN_HUE_CHROMA = 8.0
"""Chroma above which a pixel has a hue."""
SCALES = ((0.0, 0.7), (0.7, 1.4), (1.4, 2.8), (2.8, 5.6), (5.6, 11.2))
"""Bands of detail, in pixels of the reduced copy; each begins where the previous one ends."""
Bands = list[Field]
"""Detail of a channel in each band of SCALES, (h, w) each."""


def style_features(source: Image, edited: Image) -> Field:
    """Return the (F,) features of an edited image, some of them relative to its source."""
    before, after = (image_to_lab(scale_to_area(image)) for image in (source, edited))
    channels = before[..., 0], after[..., 0], np.linalg.norm(after[..., 1:], axis=-1)
    old, new, colour = (detail_bands(channel) for channel in channels)
    same = agreement(before, after, old, new)
    parts = [palette(after), tone_curve(before, after), detail(old, new, colour), hues(after), same]
    return np.concatenate(parts).astype(np.float32)


def scale_to_area(image: Image, side: int = SIDE) -> Image:
    """Resize an image to about side^2 pixels."""
    scale = side / (image.shape[0] * image.shape[1]) ** 0.5
    size = max(8, round(image.shape[1] * scale)), max(8, round(image.shape[0] * scale))
    if size == image.shape[1::-1]:
        return image
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return cv2.resize(image, size, interpolation=interpolation).astype(np.uint8, copy=False)


def palette(lab: Field) -> Field:
    """Return quantiles of L, a, b and chroma."""
    chroma = np.linalg.norm(lab[..., 1:], axis=-1, keepdims=True)
    values = np.concatenate([lab, chroma], axis=-1).reshape(-1, 4)
    return sorted_quantiles(np.sort(values.T, axis=1), np.array(QUANTILES)).T.ravel() / 10


def tone_curve(before: Field, after: Field) -> Field:
    """Return the mean edited Lab colour of each fifth of the source's lightness."""
    pixels = after.reshape(-1, 3)[np.argsort(before[..., 0].ravel())]
    return np.concatenate([fifth.mean(axis=0) for fifth in np.array_split(pixels, 5)]) / 10


def detail(before: Bands, after: Bands, after_colour: Bands) -> Field:
    """Return for each band of detail: the log strength of L, of colour, and of L relative to the source, and the log
    kurtosis.
    """
    own, colour, source = ([np.log(0.05 + band.std()) for band in bands] for bands in (after, after_colour, before))
    peaks = [np.log(0.1 + kurtosis(band)) for band in after]
    return np.concatenate([own, colour, np.subtract(own, source), peaks])


def detail_bands(channel: Field) -> Bands:
    """Return an (h, w) channel's detail in each band of SCALES. The first band has all detail finer than its upper
    limit.
    """
    channel = np.ascontiguousarray(channel)
    blurred = [channel, *(gaussian_blur(channel, coarse) for _, coarse in SCALES)]
    return [fine - coarse for fine, coarse in pairwise(blurred)]


def kurtosis(values: Field) -> float:
    squares = values * values
    return float((squares * squares).mean() / max(squares.mean() ** 2, 1e-6))


def hues(lab: Field) -> Field:
    """Return the share of pixels with a hue, and their distribution over twelve hues."""
    a, b = lab[..., 1].ravel(), lab[..., 2].ravel()
    chroma = np.hypot(a, b)
    hue_bin = ((np.arctan2(b, a) / (2 * np.pi)) % 1 * HUES).astype(int) % HUES
    weights = np.minimum(chroma, 40) * (chroma > MIN_HUE_CHROMA)
    shares = np.bincount(hue_bin, weights, HUES) / max(weights.size * 10, 1)
    return np.concatenate([[2 * (chroma > MIN_HUE_CHROMA).mean()], 2 * np.sqrt(shares)])


def agreement(before: Field, after: Field, old: Bands, new: Bands) -> Field:
    """Return how closely L, its bands of detail, a and b follow the source."""
    bands = [correlation(own.ravel(), other.ravel()) for own, other in zip(old, new, strict=True)]
    channels = [correlation(before[..., n].ravel(), after[..., n].ravel()) for n in range(3)]
    return 3 * np.array([*bands, *channels])
