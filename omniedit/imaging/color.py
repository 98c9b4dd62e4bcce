"""Images as floats: colour conversions, and the tone and colour curves that several specialists share."""

from typing import Any

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from omniedit.imaging.images import Image
from omniedit.imaging.procedural_noise import Field

FloatImage = NDArray[Any]
"""float32 array of shape (H, W, 3): RGB in [0, 1], or Lab with L in [0, 100]."""


def to_float(image: Image) -> FloatImage:
    return image.astype(np.float32) / 255


def to_bytes(rgb: FloatImage) -> Image:
    return (np.clip(rgb, 0, 1) * 255 + 0.5).astype(np.uint8)


def to_lab(rgb: FloatImage) -> FloatImage:
    """Convert sRGB in [0, 1] to CIE L*a*b* under D65."""
    return cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB).astype(np.float32, copy=False)


def image_to_lab(image: MatLike) -> FloatImage:
    """Convert an (H, W, 3) RGB image, 0 to 255, to CIE L*a*b* under D65."""
    return to_lab(image.astype(np.float32) / 255)


def from_lab(lab: FloatImage) -> FloatImage:
    """Convert L*a*b* to sRGB, clipped to [0, 1]."""
    return np.clip(cv2.cvtColor(lab.astype(np.float32, copy=False), cv2.COLOR_LAB2RGB), 0, 1)


def luma(rgb: FloatImage) -> Field:
    """Return the (H, W) Rec. 601 luma in [0, 1]."""
    return cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32, copy=False)


def to_linear(rgb: FloatImage) -> FloatImage:
    """Convert sRGB to linear light with a gamma of 2.2, which is close to that of photos."""
    return np.power(np.clip(rgb, 0, 1), np.float32(2.2))


def from_linear(light: FloatImage) -> FloatImage:
    return np.power(np.clip(light, 0, 1), np.float32(1 / 2.2))


def blur(field: NDArray[Any], sigma: float) -> NDArray[Any]:
    """Blur an (H, W) or (H, W, 3) array by a Gaussian; a wide one is applied at reduced size, where nothing is lost."""
    shrink = int(sigma // 6)
    if shrink < 2:
        return cv2.GaussianBlur(field, (0, 0), max(sigma, 0.1)).astype(np.float32, copy=False)
    height, width = field.shape[:2]
    size = (max(1, width // shrink), max(1, height // shrink))
    small = cv2.GaussianBlur(cv2.resize(field, size, interpolation=cv2.INTER_AREA), (0, 0), sigma / shrink)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.float32, copy=False)


def smoothstep(low: float, high: float, field: Field) -> Field:
    """Return 0 at and below `low`, 1 at and above `high`, and 3 t^2 - 2 t^3 between."""
    t = np.clip((field - np.float32(low)) / np.float32(high - low), 0, 1)
    return t * t * (3 - 2 * t)


def saturate(rgb: FloatImage, factor: float) -> FloatImage:
    """Move colours away from grey (factor > 1) or towards it, at constant luma; the result may leave [0, 1]."""
    grey = luma(rgb)[..., None]
    return grey + (rgb - grey) * np.float32(factor)


def mix(below: FloatImage, above: FloatImage, share: Field) -> FloatImage:
    """Blend `above` over `below` with opacity `share`, an (H, W) field in [0, 1]."""
    return below + (above - below) * share[..., None]
