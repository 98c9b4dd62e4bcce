"""What the student sees of a pair: a few small pictures, computed from source and edited picture alone."""

import cv2
import numpy as np
from numpy.typing import NDArray

from omniedit.images import Image
from omniedit.scoring.measures import lightness

VIEWS = ("source", "edited", "difference", "detail")
VIEWS_VERSION = 1
"""Counts the changes of what they show: a student understands the views that it learnt from."""


def views(source: Image, edited: Image, side: int) -> NDArray[np.uint8]:
    """(V, side, side, 3) the pictures named in `VIEWS`.

    `source` and `edited` are the whole pictures, squeezed to a square. `difference` shows, a channel each, how
    lightness moved, how much any colour moved, and how fine detail grew or shrank, so that noise and blur of single
    pixels, which no thumbnail shows, are seen. `detail` is a window of the edited picture, pixel for pixel, where most
    has changed.
    """
    red, green, blue = cv2.split(cv2.absdiff(source, edited))
    change = np.asarray(cv2.max(cv2.max(red, green), blue), np.uint8)
    return np.stack(
        [
            _squeezed(source, side),
            _squeezed(edited, side),
            _difference(source, edited, change, side),
            _detail(edited, change, side),
        ]
    )


def _difference(source: Image, edited: Image, change: NDArray[np.uint8], side: int) -> Image:
    before, after = lightness(source), lightness(edited)
    moved = _squeezed(after - before, side)
    finer = _squeezed(_fine(after) - _fine(before), side)
    channels = [128 + 2.5 * moved, 2.5 * _squeezed(change.astype(np.float32), side), 128 + 25 * finer]
    return np.clip(np.dstack(channels), 0, 255).astype(np.uint8)


def _fine(luma: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.abs(cv2.Laplacian(luma, cv2.CV_32F))


def _detail(edited: Image, change: NDArray[np.uint8], side: int) -> Image:
    """The window of side x side pixels around where most has changed; the picture's middle where nothing has."""
    height, width = change.shape
    if min(height, width) <= side:
        return _squeezed(edited, side)
    density = cv2.boxFilter(change, cv2.CV_32F, (side, side), normalize=True, borderType=cv2.BORDER_CONSTANT)
    row, column = np.unravel_index(int(density.argmax()), density.shape) if change.any() else (height // 2, width // 2)
    top = int(np.clip(row - side // 2, 0, height - side))
    left = int(np.clip(column - side // 2, 0, width - side))
    return edited[top : top + side, left : left + side]


def _squeezed(picture: NDArray, side: int) -> NDArray:
    return cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)
