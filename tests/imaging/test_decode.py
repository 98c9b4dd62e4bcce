"""Tests that decoded pixels match a reference for each format, mode, bit depth, colour profile and orientation.

The references are the pixels before encoding, littleCMS on an RGB copy, and alpha composited in floating point.
"""

import io
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from PIL import ImageCms
from PIL.Image import Transpose

from helpers.decoding import decode
from helpers.icc import ADOBE_RGB, GREY, LINEAR, SRGB, make_profile
from omniedit.cli.edit_paths import FORMATS
from omniedit.imaging.decode import UnreadableImage, open_image, srgb_transform, upright_exif, upright_rgb

STORED = {
    1: None,
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_90,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_270,
}
"""Orientation -> transposition of the upright pixels in its file."""


UNDONE = {6: Transpose.ROTATE_270, 8: Transpose.ROTATE_90}
"""Orientation -> transposition that undoes it, if it is not the same one."""


MODES = {
    "JPEG": ("RGB", "L", "CMYK"),
    "PNG": ("RGB", "RGBA", "P", "PA", "L", "LA", "1", "I;16"),
    "WEBP": ("RGB", "RGBA"),
    "TIFF": ("RGB", "RGBA", "P", "L", "LA", "1", "I;16", "CMYK"),
}


PROFILES = {
    "none": None,
    "sRGB": SRGB,
    "wide, called sRGB": make_profile("sRGB IEC61966-2.1", 2.2, ADOBE_RGB),
    "linear": LINEAR,
    "grey": GREY,
    "broken": b"no profile",
}


GREYS = ("L", "LA", "1", "I;16")


def combinations() -> Iterator[tuple[str, str, str]]:
    for format, modes in MODES.items():
        for mode in modes:
            yield from ((format, mode, profile) for profile in PROFILES)


def pattern() -> PIL.Image.Image:
    """Return (32, 48) colours whose transpositions all differ, smooth enough for JPEG to preserve."""
    y, x = np.mgrid[0:32, 0:48]
    return PIL.Image.fromarray(np.stack([40 + 4 * x, 220 - 5 * y, 60 + 2 * x + 2 * y], -1).astype(np.uint8))


def alpha_ramp() -> PIL.Image.Image:
    return PIL.Image.fromarray(np.tile(np.arange(48, dtype=np.uint8) * 5, (32, 1)))


def in_mode(mode: str) -> tuple[PIL.Image.Image, PIL.Image.Image, PIL.Image.Image | None]:
    """Return the pattern in a mode, its colours in RGB, grey or CMYK, and its alpha."""
    rgb = pattern()
    if mode == "I;16":
        grey = rgb.convert("L")
        return PIL.Image.fromarray(np.asarray(grey).astype(np.uint16) * 257), grey, None
    if mode in ("RGBA", "LA"):
        image = rgb.convert(mode[:-1])
        colours = image.copy()
        image.putalpha(alpha_ramp())
        return image, colours, alpha_ramp()
    if mode in ("P", "PA"):
        image = rgb.quantize(16)
        alpha = None
        if mode == "PA":
            levels = np.arange(16, dtype=np.uint8) * 17
            image.info["transparency"] = levels.tobytes()
            alpha = PIL.Image.fromarray(levels[np.asarray(image)])
        return image, rgb.quantize(16).convert("RGB"), alpha
    image = rgb.convert(mode)
    return image, image.convert("L") if mode == "1" else image, None


def reference(colours: PIL.Image.Image, alpha: PIL.Image.Image | None, icc: bytes | None) -> np.ndarray:
    """Return the colours converted by littleCMS and composited on white in floating point."""
    rgb = colours.convert("RGB")
    if icc and icc != b"no profile" and colours.mode != "CMYK":
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        is_grey = profile.profile.xcolor_space == "GRAY"
        if colours.mode == "L" or not is_grey:
            twin = colours if is_grey else rgb
            rgb = ImageCms.profileToProfile(twin, profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
    levels = np.asarray(rgb, float)
    if alpha is None:
        return levels
    share = np.asarray(alpha, float)[..., None] / 255
    return share * levels + (1 - share) * 255


def encode(
    image: PIL.Image.Image, format: str, orientation: int = 1, icc: bytes | None = None, **options: Any
) -> bytes:
    if STORED[orientation] is not None:
        image = image.transpose(STORED[orientation])
    options: dict[str, Any] = {"icc_profile": icc} if icc else {}
    if format == "TIFF":
        options |= {"tiffinfo": {274: orientation}}
    else:
        exif = PIL.Image.Exif()
        exif[274] = orientation
        options |= {"exif": exif}
    options |= {"JPEG": {"quality": 100, "subsampling": 0}, "WEBP": {"lossless": True, "exact": True}}.get(format, {})
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize(("format", "mode", "profile"), combinations())
def test_decoded_pixels_match_the_reference(format: str, mode: str, profile: str, orientation: int) -> None:
    image, colours, alpha = in_mode(mode)
    content = encode(image, format, orientation, PROFILES[profile])
    if format == "JPEG":  # JPEG does not keep the pixels
        colours = PIL.Image.open(io.BytesIO(content))
        if STORED[orientation] is not None:
            colours = colours.transpose(UNDONE.get(orientation, STORED[orientation]))
    expected = reference(colours, alpha, PROFILES[profile])
    got = decode(content)
    assert got.shape == expected.shape and np.abs(got - expected).max() <= 1.5
    loaded = open_image(content)
    loaded.load()
    assert (np.asarray(upright_rgb(loaded)) == got).all()


@pytest.mark.parametrize(
    ("icc", "mode", "changes"),
    [
        (SRGB, "RGB", False),
        (make_profile("c2", 2.2, ADOBE_RGB), "RGB", True),
        (make_profile("sRGB", 1, ADOBE_RGB), "RGB", True),
        (SRGB, "L", False),
        (GREY, "L", True),
        (GREY, "RGB", False),
        (SRGB, "CMYK", False),
        (SRGB[:300], "RGB", False),
        (b"", "RGB", False),
        (ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes(), "RGB", False),
    ],
)
def test_profile_is_applied_by_its_content_not_its_name(icc: bytes, mode: str, changes: bool) -> None:
    assert (srgb_transform(icc, mode) is not None) == changes


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


@pytest.mark.parametrize("kind", ["zTXt", "iTXt", "tEXt", "iCCP"])
def test_large_text_or_profile_chunk_is_accepted(kind: str) -> None:
    png = encode(pattern(), "PNG")
    text = b"a workflow of many nodes " * 200_000
    data = {
        "zTXt": b"workflow\0\0" + zlib.compress(text),
        "iTXt": b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(text),
        "tEXt": b"workflow\0" + text,
        "iCCP": b"large\0\0" + zlib.compress(text),
    }[kind]
    assert (decode(png[:33] + png_chunk(kind.encode(), data) + png[33:]) == np.asarray(pattern())).all()


def test_decompression_bomb_is_rejected_without_decompression() -> None:
    png = encode(pattern(), "PNG")
    bomb = zlib.compress(bytes(65 << 20), 1)
    with pytest.raises(UnreadableImage, match="rejected as a decompression bomb"):
        decode(png[:33] + png_chunk(b"zTXt", b"workflow\0\0" + bomb) + png[33:])
    with pytest.raises(UnreadableImage, match="rejected as a decompression bomb"):
        decode(png[:-12] + png_chunk(b"zTXt", b"workflow\0\0" + bomb) + png[-12:])


def test_exif_is_read_without_rotating_the_pixels_twice(tmp_path: Path) -> None:
    for format in ("JPEG", "TIFF", "PNG"):
        image = open_image(encode(pattern(), format, orientation=6))
        upright_exif(image)
        assert upright_rgb(image).size == (48, 32)


@pytest.mark.parametrize("orientation", [3, 6, 7])
def test_png_is_upright_by_exif_data_behind_its_pixels(orientation: int) -> None:
    upright, png = encode(pattern(), "PNG"), encode(pattern(), "PNG", orientation)
    at = png.index(b"eXIf") - 4
    end = at + 12 + struct.unpack(">I", png[at : at + 4])[0]
    late = png[:at] + png[end:-12] + png[at:end] + png[-12:]
    assert (decode(late) == decode(upright)).all()


def test_non_image_content_is_named(tmp_path: Path) -> None:
    for content, reason in (
        (b"", "an empty file"),
        (b"hello", "not a jpeg, png, webp, tiff image"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "a Git LFS pointer"),
        (b"\n<!DOCTYPE html><title>404</title>", "an HTML page"),
        (b"\xef\xbb\xbf<html>", "an HTML page"),
        (
            b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>',
            "HTML or XML text, such as a server's error",
        ),
        (b'{"error": "not found"}', "JSON text"),
    ):
        (tmp_path / "a.jpg").write_bytes(content)
        for source in (content, tmp_path / "a.jpg"):
            with pytest.raises(UnreadableImage, match=f"^{reason}"):
                open_image(source)


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("HEIC", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"),
        ("HEIC", b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic"),
        ("AVIF", b"\0\0\0\x1cftypavif\0\0\0\0avifmif1"),
        ("a video", b"\0\0\0\x18ftypisom\0\0\0\0"),
        ("a camera's raw format", b"II*\0\x10\0\0\0CR\2\0"),
        ("JPEG XL", b"\xff\x0a\xfa\x1f"),
        ("GIF", b"GIF89a\1\0\1\0"),
        ("SVG", b'<?xml version="1.0"?>\n<svg width="1">'),
        ("a zip archive", b"PK\3\4\x14\0"),
    ],
)
def test_unsupported_format_behind_a_photo_suffix_is_named(kind: str, content: bytes) -> None:
    with pytest.raises(
        UnreadableImage, match=rf"^its content is {kind}, which is not supported; convert it to jpeg, png"
    ):
        open_image(content + bytes(400))


def test_pipe_or_missing_file_raises_error_without_blocking(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "lost.png").symlink_to(tmp_path / "nowhere")
    (tmp_path / "loop.png").symlink_to("loop.png")
    nowhere = "a broken link"
    reasons = {"pipe.png": "a pipe", "lost.png": nowhere, "loop.png": nowhere, "gone.png": "no such file"}
    for name, reason in reasons.items():
        with pytest.raises(UnreadableImage, match=f"^{reason}"):
            open_image(tmp_path / name)


def test_only_the_decode_module_opens_images() -> None:
    """Check that no other module opens files with OpenCV or Pillow; the others decode only what the package encoded."""
    package = Path(open_image.__code__.co_filename).parents[1]
    found = {
        path.name
        for path in package.rglob("*.py")
        for word in ("Image.open", "imdecode", "imread", "exif_transpose", "read_image(", "decode_jpeg")
        if f"{word}(" in path.read_text().replace("((", "(")
    }
    assert found == {"decode.py", "defects.py", "codecs.py", "zarr_codecs.py", "subject.py"}
    assert set(FORMATS) >= {".jpg", ".png", ".webp", ".tif"}
