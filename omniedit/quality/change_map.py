"""Change map of a pair: the size and place of an edit, computed only from the images."""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from omniedit.imaging.images import Image

BLOCK = 8
"""Side of a block in pixels. The noise of JPEG, which codes blocks of this size, nearly cancels in their means."""
CHANGED = 6.0
"""Minimum difference of a block's mean, 0-255, that counts as a change."""


@dataclass(frozen=True)
class ChangeMap:
    """Differences between the block means of two images of equal size.

    Args:
        signed: (rows, columns, 3) mean of edited - source in RGB, 0-255, for each block.
    """

    signed: NDArray[np.float32]

    @classmethod
    def measure(cls, source: Image, edited: Image) -> "ChangeMap":
        """Compare two (H, W, 3) RGB images. Incomplete blocks at the right and bottom are ignored."""
        return cls(block_means(edited) - block_means(source))

    @cached_property
    def size(self) -> NDArray[np.float32]:
        """Largest absolute difference over the channels, for each block."""
        return np.abs(self.signed).max(axis=-1)

    @property
    def largest(self) -> float:
        """Largest change of the mean of 3 x 3 blocks. Re-encoding and resizing nearly cancel in it."""
        smooth = cv2.blur(self.signed, (3, 3), borderType=cv2.BORDER_REFLECT_101)
        return float(np.abs(smooth).max())

    @cached_property
    def changed(self) -> NDArray[np.bool_]:
        return self.size >= CHANGED

    @property
    def share(self) -> float:
        """Share of the blocks that changed, in [0, 1]."""
        return float(self.changed.mean())

    @property
    def border_share(self) -> float:
        """Share of the blocks along the image's border that changed. An edit of one object changes few of them."""
        border = np.ones_like(self.changed)
        border[1:-1, 1:-1] = False
        return float(self.changed[border].mean())


def block_means(image: Image) -> NDArray[np.float32]:
    """Return the (H // 8, W // 8, 3) means of an image's blocks, or the mean of the whole image if it is smaller than
    a block.
    """
    height, width = image.shape[0] // BLOCK, image.shape[1] // BLOCK
    whole = image[: max(1, height * BLOCK), : max(1, width * BLOCK)]
    size = max(1, width), max(1, height)
    return cv2.resize(whole, size, interpolation=cv2.INTER_AREA).astype(np.float32).reshape(size[1], size[0], 3)
