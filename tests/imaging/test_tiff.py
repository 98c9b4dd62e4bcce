"""Tests that a TIFF without all of its rows is rejected with the reason."""

import io
import struct
from typing import Any

import numpy as np
import PIL.Image
import pytest
from PIL.ExifTags import Base

from helpers.decoding import decode
from omniedit.imaging.decode import UnreadableImage, open_image

ROWS = 80
STRIPS = {"raw": {}, "lzw": {"compression": "tiff_lzw"}, "jpeg": {"compression": "jpeg"}}


def tiff(rows_per_strip: int = 16, **options: Any) -> bytes:
    """Encode an 80 x 48 gradient."""
    y, x = np.mgrid[0:ROWS, 0:48]
    image = PIL.Image.fromarray(np.stack([100 + x, 100 + y, 100 + (x + y) // 2], -1).astype(np.uint8))
    file = io.BytesIO()
    image.save(file, "TIFF", tiffinfo={int(Base.RowsPerStrip): rows_per_strip}, **options)
    return file.getvalue()


def with_tags(encoded: bytes, **values: int) -> bytes:
    """Replace the values of tags in a little-endian TIFF."""
    changed = bytearray(encoded)
    (start,) = struct.unpack_from("<I", encoded, 4)
    (count,) = struct.unpack_from("<H", encoded, start)
    for entry in range(start + 2, start + 2 + 12 * count, 12):
        tag, kind = struct.unpack_from("<HH", encoded, entry)
        for name, value in values.items():
            if tag == Base[name]:
                struct.pack_into("<H" if kind == 3 else "<I", changed, entry + 8, value)
    return bytes(changed)


@pytest.mark.parametrize("options", STRIPS.values(), ids=STRIPS)
def test_a_tiff_that_claims_more_rows_than_its_strips_hold_is_rejected(options: dict[str, Any]) -> None:
    encoded = tiff(**options)
    assert decode(encoded).shape == (ROWS, 48, 3)
    for rows, needed in ((81, 6), (200, 13)):
        with pytest.raises(UnreadableImage, match=f"^truncated: it holds 5 of the {needed} strips of its {rows} rows"):
            open_image(with_tags(encoded, ImageLength=rows))


def test_a_tiff_whose_only_strip_is_a_shorter_jpeg_is_rejected() -> None:
    encoded = tiff(ROWS, compression="jpeg")
    assert decode(encoded).shape == (ROWS, 48, 3)
    with pytest.raises(UnreadableImage, match=f"^truncated: it holds {ROWS} of its 120 rows"):
        open_image(with_tags(encoded, ImageLength=120, RowsPerStrip=120))
