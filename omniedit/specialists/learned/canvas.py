"""Resizing between photos and the sizes that diffusion models paint.

The aspect ratio stays, and pixels that are not painted stay bit for bit.

Shapes: H W height and width of the photo, h w those of its working copy.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from omniedit.imaging.images import Image, Mask
from omniedit.models.full_size import working_size

FEATHER = 0.03
"""Width of a hole's soft rim, as a share of the square root of its area."""


@dataclass(frozen=True)
class Canvas:
    """Geometry of a photo as a model sees it.

    The photo is scaled down to about resolution^2 pixels, never up. It is then padded by reflection at the right and
    bottom to multiples of `grid`.

    Args:
        full: (H, W) of the photo.
        size: (h, w) of the copy, before padding.
        grid: side in pixels of one token of the model.
    """

    full: tuple[int, int]
    size: tuple[int, int]
    grid: int

    @classmethod
    def of(cls, image: Image, resolution: int, grid: int) -> "Canvas":
        height, width = image.shape[:2]
        return cls((height, width), working_size(height, width, resolution, longest=2**31), grid)

    @property
    def padded(self) -> tuple[int, int]:
        """Return the height and width that the model paints."""
        height, width = (-(-side // self.grid) * self.grid for side in self.size)
        return height, width

    def to_model(self, image: Image) -> Image:
        """Return the photo resized to (h, w) and padded."""
        return self._pad(_resize(image, self.size, cv2.INTER_AREA), cv2.BORDER_REFLECT)

    def to_model_mask(self, mask: Mask) -> Mask:
        """Return the mask resized and padded: a pixel is inside if any part of it is, and padding is outside."""
        grey = _resize(mask.astype(np.uint8) * 255, self.size, cv2.INTER_AREA)
        return self._pad((grey > 0).astype(np.uint8), cv2.BORDER_CONSTANT) > 0

    def from_model(self, painted: Image) -> Image:
        """Return the painted image at the photo's size, (H, W, 3)."""
        return _resize(painted[: self.size[0], : self.size[1]], self.full, cv2.INTER_CUBIC)

    def _pad(self, array: NDArray[np.uint8], border: int) -> NDArray[np.uint8]:
        down, right = (padded - side for padded, side in zip(self.padded, self.size, strict=True))
        return cv2.copyMakeBorder(array, 0, down, 0, right, border, value=0).astype(np.uint8, copy=False)


def composite(source: Image, painted: Image, hole: Mask) -> Image:
    """Composite the painted image into the hole, faded in from its rim; all pixels outside equal the source's."""
    opacity = soft_inside(hole)[..., None]
    mixed = np.rint(source + opacity * (painted.astype(np.float32) - source))
    return np.where(hole[..., None], mixed, source).astype(np.uint8)


def soft_inside(hole: Mask) -> NDArray[np.float32]:
    """Return (H, W) opacity: 0 outside the hole, rising over its rim to 1; the image's border is not a rim."""
    if hole.all():
        return np.ones(hole.shape, np.float32)
    inside = cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    width = max(1.0, FEATHER * float(hole.sum()) ** 0.5)
    return np.clip(inside / width, 0, 1).astype(np.float32)


def _resize(array: NDArray[np.uint8], size: tuple[int, int], interpolation: int) -> NDArray[np.uint8]:
    if array.shape[:2] == size:
        return array
    return cv2.resize(array, (size[1], size[0]), interpolation=interpolation).astype(np.uint8, copy=False)
