"""Between photos and the sizes that diffusion models paint: the ratio stays, and what is not painted stays bit for bit.

Shapes: H W the photo's height and width, h w those of its working copy.
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
    """A photo as a model sees it: scaled down to about resolution^2 pixels, never up, and continued by reflection at
    the right and bottom to multiples of `grid`.

    Args:
        full: (H, W) of the photo.
        size: (h, w) of the copy, before it is continued.
        grid: pixels on a side of what the model takes as one.
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
        """Height and width that the model paints."""
        height, width = (-(-side // self.grid) * self.grid for side in self.size)
        return height, width

    def to_model(self, image: Image) -> Image:
        """The photo at (h, w), continued."""
        return self._pad(_resize(image, self.size, cv2.INTER_AREA), cv2.BORDER_REFLECT)

    def to_model_mask(self, mask: Mask) -> Mask:
        """The same of a mask: inside where any part of what a pixel covers is, and nowhere beyond the photo."""
        grey = _resize(mask.astype(np.uint8) * 255, self.size, cv2.INTER_AREA)
        return self._pad((grey > 0).astype(np.uint8), cv2.BORDER_CONSTANT) > 0

    def from_model(self, painted: Image) -> Image:
        """What the model painted, (H, W, 3)."""
        return _resize(painted[: self.size[0], : self.size[1]], self.full, cv2.INTER_CUBIC)

    def _pad(self, array: NDArray[np.uint8], border: int) -> NDArray[np.uint8]:
        down, right = (padded - side for padded, side in zip(self.padded, self.size, strict=True))
        return cv2.copyMakeBorder(array, 0, down, 0, right, border, value=0).astype(np.uint8, copy=False)


def composite(source: Image, painted: Image, hole: Mask) -> Image:
    """The source with the painted picture in the hole, fading in from its rim; outside all pixels are the source's."""
    opacity = soft_inside(hole)[..., None]
    mixed = np.rint(source + opacity * (painted.astype(np.float32) - source))
    return np.where(hole[..., None], mixed, source).astype(np.uint8)


def soft_inside(hole: Mask) -> NDArray[np.float32]:
    """(H, W) opacity: 0 outside the hole, rising over its rim to 1; the picture's border is no rim."""
    if hole.all():
        return np.ones(hole.shape, np.float32)
    inside = cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    width = max(1.0, FEATHER * float(hole.sum()) ** 0.5)
    return np.clip(inside / width, 0, 1).astype(np.float32)


def _resize(array: NDArray[np.uint8], size: tuple[int, int], how: int) -> NDArray[np.uint8]:
    if array.shape[:2] == size:
        return array
    return cv2.resize(array, (size[1], size[0]), interpolation=how).astype(np.uint8, copy=False)
