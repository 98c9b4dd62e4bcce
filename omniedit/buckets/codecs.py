"""Codecs of a bucket's images. Each image is one chunk of a Zarr array, encoded on its own.

    zstd        zstd of the pixels; every reader of Zarr v3 decodes it
    filtered    lossless, smaller: PNG's Up filter on planes of G, R - G and B - G, then zstd
    jpeg        quality 95 without chroma subsampling: visually lossless, smallest

benchmarks/codecs.py measures them. Masks are always zstd. `omniedit.buckets.zarr_codecs` has the others for
zarr-python.

Shapes: H W image height and width in pixels.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import pyarrow as pa

from omniedit.imaging.images import Image

ZSTD_LEVEL = 1
"""Photos shrink to 66 % of their bytes at level 1 (53 ms per megapixel), and to 59 % at level 3 (119 ms)."""
JPEG_QUALITY = 95
FILTER_NAME, JPEG_NAME = "omniedit.up_filter", "omniedit.jpeg"
"""Names of the codecs in zarr.json."""
BAND = 16
"""Rows that are summed at once; all bucket sizes are multiples of it."""
_JPEG = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
_JPEG += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]


@dataclass(frozen=True)
class Codec:
    """Codec of one image.

    Args:
        metadata: entries of zarr.json, in the order of encoding.
        encode: from an (H, W, 3) or (H, W) uint8 image to bytes; the same image gives the same bytes.
        decode: from these bytes into a contiguous array of the image's shape.
    """

    metadata: tuple[dict[str, Any], ...]
    encode: Callable[[Image], bytes]
    decode: Callable[[bytes, Image], None]


def filter_rows(image: Image) -> Image:
    """Return the planes G, R - G, B - G of an (H, W, 3) image, (3, H, W), each row minus the row above, modulo 256."""
    red, green, blue = (image[..., channel] for channel in range(3))
    planes = np.stack([green, red - green, blue - green])
    planes[:, 1:] -= planes[:, :-1].copy()
    return planes


def undo_filter(planes: Image, out: Image) -> None:
    """Undo `filter_rows` in place and write the (H, W, 3) image to `out`.

    First the rows within each band are summed, for all bands at once, then the bands. This takes a quarter of the time
    of summing row by row.
    """
    height, width = planes.shape[1:]
    band = math.gcd(height, BAND)
    bands = planes.reshape(3, height // band, band, width)
    for row in range(1, band):
        bands[:, :, row] += bands[:, :, row - 1]
    for index in range(1, height // band):
        bands[:, index] += bands[:, index - 1, -1:]
    green, red, blue = planes
    red += green
    blue += green
    cv2.merge([red, green, blue], dst=out)


def _decompress(data: bytes, size: int) -> np.ndarray:
    """Return `size` bytes of a zstd frame as a writable array."""
    pixels = np.frombuffer(pa.decompress(data, size, codec="zstd"), np.uint8)
    if len(pixels) != size:
        raise ValueError(f"{len(pixels)} bytes decoded, not {size}")
    return pixels


def _compress(pixels: np.ndarray) -> bytes:
    return pa.Codec("zstd", ZSTD_LEVEL).compress(np.ascontiguousarray(pixels), asbytes=True)


def _decode_zstd(data: bytes, out: Image) -> None:
    out.reshape(-1)[:] = _decompress(data, out.size)


def _decode_filtered(data: bytes, out: Image) -> None:
    height, width, _ = out.shape
    undo_filter(_decompress(data, out.size).reshape(3, height, width), out)


def encode_jpeg(image: Image) -> bytes:
    return cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), _JPEG)[1].tobytes()


def decode_jpeg(data: bytes, out: Image) -> None:
    """Decode a JPEG file's bytes into an (H, W, 3) array.

    Raises:
        ValueError: not a JPEG file, or of a different size.
    """
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    if image is None or image.shape != out.shape:
        raise ValueError("not a JPEG image of the bucket's size")
    out[...] = image


_BYTES: dict[str, Any] = {"name": "bytes"}
_ZSTD: dict[str, Any] = {"name": "zstd", "configuration": {"level": ZSTD_LEVEL, "checksum": False}}

CODECS = {
    "zstd": Codec((_BYTES, _ZSTD), _compress, _decode_zstd),
    "filtered": Codec(
        ({"name": FILTER_NAME}, _BYTES, _ZSTD), lambda image: _compress(filter_rows(image)), _decode_filtered
    ),
    "jpeg": Codec(({"name": JPEG_NAME},), encode_jpeg, decode_jpeg),
}


def find_codec(metadata: list[dict[str, Any]]) -> Codec | None:
    """Return the codec whose name zarr.json gives, or None if it is unknown."""
    names = [entry["name"] for entry in metadata if entry["name"] != "crc32c"]
    known = {tuple(entry["name"] for entry in codec.metadata): codec for codec in CODECS.values()}
    return known.get(tuple(names))
