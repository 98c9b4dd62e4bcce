"""PNG and TIFF of every bit depth are decoded to eight bits."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

from helpers.decoding import decode
from omniedit.imaging.decode import UnreadableImage
from omniedit.sources.photo_file import EncodedPhoto


def pack_bits(samples_HWC: np.ndarray, bits: int, endian: str = ">") -> bytes:
    """Pack rows of samples, each padded to whole bytes."""
    rows = samples_HWC.reshape(len(samples_HWC), -1)
    if bits in (16, 32):
        return rows.astype(f"{endian}u{bits // 8}").tobytes()
    bits_of = (rows[..., None] >> np.arange(bits - 1, -1, -1)) & 1
    return np.packbits(bits_of.reshape(len(rows), -1).astype(np.uint8), axis=1).tobytes()


def raw_png(samples_HWC: np.ndarray, bits: int, transparent: tuple[int, ...] = ()) -> bytes:
    """Return a grey or RGB PNG of any bit depth, which Pillow cannot write."""
    height, width, channels = samples_HWC.shape

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    lines = pack_bits(samples_HWC, bits)
    size = len(lines) // height
    filtered = b"".join(b"\0" + lines[row * size : (row + 1) * size] for row in range(height))
    level = chunk(b"tRNS", struct.pack(f">{channels}H", *transparent)) if transparent else b""
    header = struct.pack(">IIBBBBB", width, height, bits, 2 if channels == 3 else 0, 0, 0, 0)
    body = chunk(b"IHDR", header) + level + chunk(b"IDAT", zlib.compress(filtered)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def raw_tiff(
    samples_HWC: np.ndarray,
    bits: int,
    endian: str = "<",
    white_is_zero: bool = False,
    sample_format: int = 1,
    orientation: int = 1,
    planes: bool = False,
) -> bytes:
    """Return an uncompressed TIFF with any bit depth, which Pillow cannot write; `planes`: a strip for each channel."""
    height, width, channels = samples_HWC.shape
    parts = np.split(samples_HWC, channels, axis=-1) if planes else [samples_HWC]
    strips = [
        part.astype(f"{endian}f4").tobytes() if sample_format == 3 else pack_bits(part, bits, endian) for part in parts
    ]
    data = b"".join(strips)
    size = len(data) // len(strips)
    tags = {
        **{256: (4, [width]), 257: (4, [height]), 258: (3, [bits] * channels), 259: (3, [1])},
        262: (3, [2 if channels == 3 else int(not white_is_zero)]),
        273: (4, [8 + size * number for number in range(len(strips))]),
        **{274: (3, [orientation]), 277: (3, [channels]), 278: (4, [height]), 279: (4, [size] * len(strips))},
        **{284: (3, [2 if planes else 1]), 339: (3, [sample_format])},
    }
    start = 8 + len(data) + len(data) % 2
    fields, more = b"", b""
    for tag, (kind, values) in tags.items():
        packed = struct.pack(f"{endian}{len(values)}{'I' if kind == 4 else 'H'}", *values)
        if len(packed) > 4:
            place = start + 2 + 12 * len(tags) + 4 + len(more)
            more, packed = more + packed, struct.pack(f"{endian}I", place)
        fields += struct.pack(f"{endian}HHI", tag, kind, len(values)) + packed.ljust(4, b"\0")
    head = (b"II*\0" if endian == "<" else b"MM\0*") + struct.pack(f"{endian}I", start)
    body = struct.pack(f"{endian}H", len(tags)) + fields + bytes(4) + more
    return head + data + bytes(len(data) % 2) + body


def samples(bits: int, channels: int = 1) -> np.ndarray:
    """Return (5, 11, channels) samples with the smallest and the largest value; rows do not fill whole bytes."""
    values = np.random.default_rng(bits).integers(0, 2**bits, (5, 11, channels))
    values[0, 0], values[0, 1] = 0, 2**bits - 1
    return values


def in_eight_bits(values: np.ndarray, bits: int) -> np.ndarray:
    return np.broadcast_to(values * 255 / (2**bits - 1), (*values.shape[:2], 3))


@pytest.mark.parametrize(("bits", "channels"), [(1, 1), (2, 1), (4, 1), (8, 1), (16, 1), (8, 3), (16, 3)])
def test_png_of_any_bit_depth_and_transparent_level_is_decoded(bits: int, channels: int) -> None:
    values = samples(bits, channels)
    expected = in_eight_bits(values, bits)
    assert np.abs(decode(raw_png(values, bits)) - expected).max() <= 1
    for row, column in ((0, 0), (0, 1), (2, 3)):
        transparent = values[row, column]
        is_transparent = (values == transparent).all(-1, keepdims=True)
        got = decode(raw_png(values, bits, tuple(transparent)))
        assert np.abs(got - np.where(is_transparent, 255, expected)).max() <= 1


@pytest.mark.parametrize(
    ("bits", "endian", "white_is_zero"),
    [(bits, endian, white) for bits in (1, 2, 4, 8) for endian in "<>" for white in (False, True)]
    + [(12, "<", False), (16, "<", False), (16, ">", False), (16, "<", True)],
)
def test_grey_tiff_of_any_bit_depth_is_decoded(bits: int, endian: str, white_is_zero: bool) -> None:
    values = samples(bits)
    expected = in_eight_bits(2**bits - 1 - values if white_is_zero else values, bits)
    assert np.abs(decode(raw_tiff(values, bits, endian, white_is_zero)) - expected).max() <= 1


@pytest.mark.parametrize("endian", "<>")
def test_tiff_with_16_bit_colours_is_decoded(endian: str) -> None:
    values = samples(16, 3)
    assert np.abs(decode(raw_tiff(values, 16, endian)) - in_eight_bits(values, 16)).max() <= 1


@pytest.mark.parametrize("endian", "<>")
@pytest.mark.parametrize("bits", [8, 16])
def test_tiff_with_a_plane_for_each_colour_is_decoded(bits: int, endian: str) -> None:
    values = samples(bits, 3)
    assert np.abs(decode(raw_tiff(values, bits, endian, planes=True)) - in_eight_bits(values, bits)).max() <= 1


@pytest.mark.parametrize(("bits", "channels"), [(8, 1), (16, 1), (8, 3), (16, 3)])
@pytest.mark.parametrize("orientation", [1, 6])
def test_tiff_file_and_its_bytes_give_the_same_upright_pixels(
    bits: int, channels: int, orientation: int, tmp_path: Path
) -> None:
    values = samples(bits, channels)
    content = raw_tiff(values, bits, orientation=orientation)
    (tmp_path / "photo.tif").write_bytes(content)
    with EncodedPhoto(tmp_path / "photo.tif") as photo:
        got = photo.decode()
    upright = np.rot90(in_eight_bits(values, bits), -1 if orientation == 6 else 0)
    assert np.abs(got - upright).max() <= 1
    assert (got == decode(content)).all()


@pytest.mark.parametrize(
    ("bits", "channels", "sample_format"),
    [(10, 1, 1), (14, 1, 1), (12, 3, 1), (32, 1, 1), (32, 1, 3), (16, 1, 2), (8, 1, 2)],
)
def test_unsupported_bit_depths_are_rejected_with_a_remedy(bits: int, channels: int, sample_format: int) -> None:
    with pytest.raises(UnreadableImage, match="save it with 8 or 16 bits per channel"):
        decode(raw_tiff(samples(bits, channels), bits, sample_format=sample_format))
