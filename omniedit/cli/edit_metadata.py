"""EXIF data of edited images."""

import struct
from pathlib import Path

import PIL.Image
from PIL.ExifTags import IFD, TAGS

from omniedit.cli.edit_paths import FORMATS

NESTED_ENTRIES = (IFD.Exif, IFD.GPSInfo)
"""EXIF entries that contain other entries."""


def save(image: PIL.Image.Image, file: Path, suffix: str, exif: bytes) -> list[str]:
    """Write an image with as much of its EXIF data as the format takes; return the names of the dropped entries.

    If not all entries fit, the largest are dropped first, because a camera's own notes may exceed the space in a JPEG.
    """
    kind, options = FORMATS[suffix]
    remaining, dropped = PIL.Image.Exif(), list[str]()
    remaining.load(exif)
    if kind == "TIFF" and any(group in remaining for group in NESTED_ENTRIES):
        options = {}  # the TIFF compressor cannot write nested entries
    while True:
        try:
            image.save(file, format=kind, **options, **({"exif": remaining.tobytes()} if len(remaining) else {}))
        except (ValueError, TypeError, RuntimeError, struct.error):
            if not len(remaining):
                raise
            dropped.append(_drop_largest(remaining))
        else:
            return dropped


def _drop_largest(exif: PIL.Image.Exif) -> str:
    """Remove the largest entry and return its name; an entry that contains others is removed after them."""
    groups = [exif, *(exif.get_ifd(group) for group in NESTED_ENTRIES if group in exif)]
    entries = [(group, tag) for group in groups for tag in group if not (tag in NESTED_ENTRIES and exif.get_ifd(tag))]
    group, tag = max(entries, key=lambda entry: len(repr(entry[0][entry[1]])))
    del group[tag]
    return TAGS.get(tag, f"{tag:#06x}")
