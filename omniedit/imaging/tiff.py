"""TIFF files that Pillow would decode to wrong pixels."""

from math import ceil

from PIL.ExifTags import Base
from PIL.TiffImagePlugin import TiffImageFile

_JPEG = 7
"""Compression of strips and tiles that are JPEG streams."""
_JPEG_FRAMES = (0xC0, 0xC1, 0xC2)
"""JPEG markers whose segment gives the number of rows."""


def prepare_tiff(image: TiffImageFile) -> None:
    """Prepare an opened TIFF so that Pillow decodes the pixels that the file describes."""
    if Base.Orientation not in image.tag_v2:
        image.info.pop("xmp", None)  # Pillow would rotate the pixels by it, but not the size
    image.filename = ""  # with a path, Pillow maps the file into memory and takes the upright size for the stored one
    if image.tag_v2.get(Base.PlanarConfiguration) == 2 and image.tag_v2.get(Base.BitsPerSample, (8,))[0] == 16:
        ending = ";16B" if image.tag_v2.prefix == b"MM" else ";16L"  # Pillow reads planes of 16 bits as of 8
        image.tile = [
            tile._replace(args=(f"{tile.args[0]}{ending}", *tile.args[1:]))
            if tile.codec_name == "raw" and isinstance(tile.args, tuple)
            else tile
            for tile in image.tile
        ]


def find_missing_rows(image: TiffImageFile) -> str | None:
    """Return why a TIFF does not hold all of its rows, or None. Pillow fills missing rows with black or white."""
    tags = image.tag_v2
    height = tags[Base.ImageLength]
    if Base.TileOffsets in tags:
        kind, offsets = "tiles", tags[Base.TileOffsets]
        needed = ceil(tags[Base.ImageWidth] / tags[Base.TileWidth]) * ceil(height / tags[Base.TileLength])
        rows = None
    else:
        kind, offsets = "strips", tags.get(Base.StripOffsets, ())
        rows = min(tags.get(Base.RowsPerStrip, height) or height, height)
        needed = ceil(height / rows)
    if tags.get(Base.PlanarConfiguration) == 2:
        needed *= tags.get(Base.SamplesPerPixel, 1)
    if len(offsets) < needed:
        return f"truncated: it holds {len(offsets)} of the {needed} {kind} of its {height} rows"
    if rows and needed == 1 and tags.get(Base.Compression) == _JPEG:
        held = _jpeg_rows(image, offsets[0])
        if held is not None and held < rows:
            return f"truncated: it holds {held} of its {height} rows"
    return None


def _jpeg_rows(image: TiffImageFile, offset: int) -> int | None:
    """Return the number of rows of the JPEG stream at an offset of the file; None if it has no frame."""
    file = image.fp
    assert file
    before = file.tell()
    try:
        file.seek(offset + 2)
        while len(head := file.read(4)) == 4 and head[0] == 0xFF:
            if head[1] in _JPEG_FRAMES:
                return int.from_bytes(file.read(3)[1:], "big")
            file.seek(int.from_bytes(head[2:], "big") - 2, 1)
        return None
    finally:
        file.seek(before)
