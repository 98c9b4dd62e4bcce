"""Checks of a pair's image files. Files that decode to upright RGB are stored bit for bit; others are re-encoded, and
the reason is recorded."""

from dataclasses import dataclass, field

import numpy as np

from omniedit.config.pairs import Sizes
from omniedit.errors import UserError, one_line
from omniedit.exchange.image_files import BadImage
from omniedit.imaging.decode import UnreadableImage, describe_conversion, open_image, upright_rgb
from omniedit.imaging.images import (
    Image,
    Mask,
    convert_mask,
    decode_cutout,
    decode_mask,
    encode_mask,
    encode_png,
    resize,
)

MAX_STRETCH = 0.05
"""Maximum relative difference between two aspect ratios for an image to be resized to the other size. A larger
difference means that the edit shows another part of the scene, and resizing would distort it."""


@dataclass
class PairImages:
    """Checked images of a pair.

    Args:
        source_image: decoded source.
        changes: reason for each image, by name, whose file is not stored unchanged.
    """

    source: bytes
    source_image: Image
    edited: bytes
    mask: bytes | None
    changes: dict[str, str] = field(default_factory=dict)


def check_images(source: bytes, edited: bytes, mask: bytes | None, sizes: Sizes, is_cutout: bool = False) -> PairImages:
    """Decode a pair's images and return the files to store.

    Args:
        is_cutout: whether transparent pixels are inside the mask.

    Raises:
        BadImage: an image cannot be read, or its size does not fit; the message names it.
    """
    changes: dict[str, str] = {}
    encoded, source_image = check_image(source, "source", changes)
    edited_encoded, edited_image = check_image(edited, "edited", changes)
    size = (source_image.shape[1], source_image.shape[0])
    if edited_image.shape != source_image.shape:
        _check_stretch(edited_image, size, "edited", sizes)
        edited_encoded = encode_png(resize(edited_image, *size))
        _note(changes, "edited", f"resized from {edited_image.shape[1]} x {edited_image.shape[0]} pixels")
    if mask is not None and is_cutout:
        mask = _read_cutout(mask, changes)
    checked = None if mask is None else _check_mask(mask, size, sizes, changes)
    return PairImages(encoded, source_image, edited_encoded, checked, changes)


def check_image(encoded: bytes, name: str, changes: dict[str, str]) -> tuple[bytes, Image]:
    """Return the file to store and the (H, W, 3) RGB pixels; a conversion is noted in `changes`.

    Raises:
        BadImage: the file cannot be read.
    """
    try:
        image = open_image(encoded)
        reason = describe_conversion(image)
        pixels = np.array(upright_rgb(image), np.uint8)
    except UnreadableImage as error:
        raise BadImage(f"{name}: {error}") from None
    except Exception as error:  # whatever Pillow raises for broken data
        raise BadImage(f"{name}: broken data: {one_line(error, 200)}") from None
    if not reason:
        return encoded, pixels
    _note(changes, name, f"re-encoded because of {reason}")
    return encode_png(pixels), pixels


def _read_cutout(encoded: bytes, changes: dict[str, str]) -> bytes:
    """Convert a mask whose transparent pixels are inside to a mask file whose light pixels are inside."""
    try:
        if not open_image(encoded).has_transparency_data:
            return encoded
        mask = decode_cutout(encoded)
    except (UserError, UnreadableImage) as error:
        raise BadImage(f"mask: {str(error).removeprefix('mask: ')}"[:300]) from None
    _note(changes, "mask", "read from the transparency")
    return encode_mask(mask)


def _check_mask(encoded: bytes, size: tuple[int, int], sizes: Sizes, changes: dict[str, str]) -> bytes:
    """Return the mask file to store. Light pixels are inside the mask; transparent ones are outside."""
    try:
        mask = decode_mask(encoded)
        reason = describe_conversion(open_image(encoded))
        mask = convert_mask(encoded) if reason else mask
    except UserError as error:
        raise BadImage(str(error)[:300]) from None
    if (mask.shape[1], mask.shape[0]) != size:
        _check_stretch(mask, size, "mask", sizes)
        _note(changes, "mask", f"resized from {mask.shape[1]} x {mask.shape[0]} pixels")
        return encode_mask(resize(mask.astype(np.uint8) * 255, *size) > 127)
    if not reason:
        return encoded
    _note(changes, "mask", f"re-encoded because of {reason}")
    return encode_mask(mask)


def _check_stretch(image: Image | Mask, size: tuple[int, int], name: str, sizes: Sizes) -> None:
    """Check that an image may be resized to the source's size.

    Raises:
        BadImage: it may not.
    """
    height, width = image.shape[:2]
    problem = f"{name}: {width} x {height} pixels, its source {size[0]} x {size[1]}"
    if sizes == "reject":
        raise BadImage(problem)
    if abs((width / height) / (size[0] / size[1]) - 1) > MAX_STRETCH:
        raise BadImage(f"{problem}; resizing would distort it")


def _note(changes: dict[str, str], name: str, change: str) -> None:
    changes[name] = f"{changes[name]}; {change}" if name in changes else change
