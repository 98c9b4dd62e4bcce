"""Chunks of a PNG file."""

import io
import struct
from pathlib import Path

_SIGNATURE = 8
_LARGEST = 1 << 24
"""Maximum size in bytes of an EXIF chunk that is read; cameras write less than 64 KiB."""


def find_late_exif(source: Path | bytes) -> bytes:
    """Return the EXIF data that follows a PNG's pixels, b"" if there is none. Pillow reads it only with the pixels."""
    with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
        file.seek(_SIGNATURE)
        while len(header := file.read(8)) == 8:
            size, kind = struct.unpack(">I4s", header)
            if kind == b"IEND":
                break
            if kind == b"eXIf":
                return b"Exif\0\0" + file.read(size) if size <= _LARGEST else b""
            file.seek(size + 4, io.SEEK_CUR)
    return b""
