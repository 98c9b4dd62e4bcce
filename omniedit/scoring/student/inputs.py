"""Inputs of the student: a few small images of a pair, computed only from source and edited image."""

from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from omniedit.imaging.images import Image
from omniedit.scoring.reference.fields import Field, gaussian_blur, gradient, lightness

VIEWS = ("source", "edited", "difference", "marks", "detail before", "detail")


@dataclass(frozen=True)
class _SourceFields:
    """Fields of a source image that the views of all its edits share: lightness, texture, and the image, resized."""

    lightness: Field
    texture: tuple[Field, Field, Field]
    small: Image

    @classmethod
    def of(cls, source: Image, side: int) -> Self:
        luma = lightness(source)
        return cls(luma, _texture(luma, side), _resize_to_square(source, side))


class StudentInputs:
    """Cached `student_inputs`: results that successive pairs share are computed once.

    A pair and its defects have the same source; a pair with a wrong instruction has the same images.
    """

    def __init__(self, side: int) -> None:
        self.side = side
        self._source: Image | None = None
        self._edited: Image | None = None

    def __call__(self, source: Image, edited: Image) -> NDArray[np.uint8]:
        """Return the (V, side, side, 3) views; they are cached, so do not write to them."""
        if source is not self._source:
            self._known = _SourceFields.of(source, self.side)
        if source is not self._source or edited is not self._edited:
            self._views = student_inputs(source, edited, self.side, self._known)
        self._source, self._edited = source, edited
        return self._views


def student_inputs(source: Image, edited: Image, side: int, known: _SourceFields | None = None) -> NDArray[np.uint8]:
    """Return the (V, side, side, 3) views named in `VIEWS`.

    `source` and `edited` are the whole images, squeezed to a square. The channels of `difference` and `marks` show
    details that no thumbnail shows. `difference`: change of lightness, size of the colour change, change of fine
    detail. `marks`: fine detail of the edited image, change of its sharpness, change of its edges, on scales of ratios.
    `detail` is a window of the edited image, pixel for pixel, where most has changed; `detail before` is the same of
    the source.

    Args:
        known: fields of the source, if other edits of it needed them.
    """
    known = known or _SourceFields.of(source, side)
    red, green, blue = cv2.split(cv2.absdiff(source, edited))
    change = np.asarray(cv2.max(cv2.max(red, green), blue), np.uint8)
    before, after = known.lightness, lightness(edited)
    fine, sharp, steep = known.texture
    fine_now, sharp_now, steep_now = _texture(after, side)
    return np.stack(
        [
            known.small,
            _resize_to_square(edited, side),
            _channels(
                128 + 2.5 * _resize_to_square(after - before, side),
                2.5 * _resize_to_square(change.astype(np.float32), side),
                128 + 25 * (fine_now - fine),
            ),
            _channels(
                64 + 32 * np.log2(fine_now + 0.25),
                128 + 100 * np.log2(sharp_now / sharp),
                128 + 40 * np.log2(steep_now / steep),
            ),
            *_windows((source, edited), change, side),
        ]
    )


def _texture(luma: Field, side: int) -> tuple[Field, Field, Field]:
    """Return (side, side) maps of detail finer than two pixels, of sharpness, and of the steepest steps.

    Sharpness is defined as in the reference judge: the share of the gradient that is fine. Steps are maxima, because a
    seam is only a pixel wide.
    """
    steps = gradient(luma)
    all_of_it, coarse = (
        gaussian_blur(_resize_to_square(slope, side), 0.7) + 0.1
        for slope in (steps, gradient(gaussian_blur(luma, 1.5)))
    )
    steepest = cv2.dilate(steps, np.ones((3, 3), np.uint8))
    return (
        _resize_to_square(np.abs(cv2.Laplacian(luma, cv2.CV_32F)), side),
        all_of_it / coarse,
        _resize_to_square(steepest, side) + 0.5,
    )


def _windows(images: tuple[Image, Image], change: NDArray[np.uint8], side: int) -> list[Image]:
    """Return windows of side x side pixels around the largest change, or in the middle if nothing has."""
    height, width = change.shape
    if min(height, width) <= side:
        return [_resize_to_square(image, side) for image in images]
    density = cv2.boxFilter(change, cv2.CV_32F, (side, side), normalize=True, borderType=cv2.BORDER_CONSTANT)
    row, column = np.unravel_index(int(density.argmax()), density.shape) if change.any() else (height // 2, width // 2)
    top = int(np.clip(row - side // 2, 0, height - side))
    left = int(np.clip(column - side // 2, 0, width - side))
    return [image[top : top + side, left : left + side] for image in images]


def _channels(*fields: Field) -> Image:
    return np.clip(np.dstack(fields), 0, 255).astype(np.uint8)


def _resize_to_square(image: NDArray, side: int) -> NDArray:
    return cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
