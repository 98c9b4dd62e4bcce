"""Whatever a photo's file is like, it comes out as upright 8-bit sRGB, or is refused with the reason."""

import io
import zlib

import cv2
import numpy as np
import PIL.Image
import pytest
from PIL import ImageCms

from omniedit.sources.decode import MAX_PIXELS, EncodedPhoto, Unreadable

RED, GREEN = (255, 0, 0), (0, 255, 0)


def red_over_green() -> np.ndarray:
    """(20, 30, 3): red above, green below, so that every orientation looks different from upright."""
    image = np.zeros((20, 30, 3), np.uint8)
    image[:10], image[10:] = RED, GREEN
    image[:10, :5] = (0, 0, 255)
    return image


def encoded(image: PIL.Image.Image, format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def decoded(content: bytes) -> np.ndarray:
    with EncodedPhoto(content) as photo:
        image = photo.decode()
        assert photo.size == (image.shape[1], image.shape[0])
    return image


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_undone(orientation: int) -> None:
    stored = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: np.rot90(a, 1),
        7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
        8: lambda a: np.rot90(a, -1),
    }[orientation](red_over_green())
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    content = encoded(PIL.Image.fromarray(np.ascontiguousarray(stored)), "PNG", exif=exif)
    assert (decoded(content) == red_over_green()).all()
    with EncodedPhoto(content) as photo:
        assert photo.suffix == (".png" if orientation == 1 else None)


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "LAB"])
def test_white_is_white_in_every_colour_mode(mode: str) -> None:
    picture = PIL.Image.fromarray(np.full((8, 8, 3), 255, np.uint8)).convert("RGB")
    if mode == "LAB":
        to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
        picture = ImageCms.applyTransform(picture, to_lab)
    image = decoded(encoded(picture.convert(mode) if mode != "LAB" else picture, "TIFF"))
    assert image.shape == (8, 8, 3) and image.min() >= 250


def test_cmyk_jpeg() -> None:
    image = decoded(encoded(PIL.Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG"))
    assert image[0, 0, 0] > 200 and image[0, 0, 1] < 60


def test_16_bit_grey_keeps_its_high_byte() -> None:
    ramp = (np.arange(256, dtype=np.uint16) * 257).reshape(16, 16)
    for format in ("PNG", "TIFF"):
        assert (decoded(encoded(PIL.Image.fromarray(ramp), format))[..., 0] == np.arange(256).reshape(16, 16)).all()


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_16_bit_colour(suffix: str) -> None:
    ramp = np.arange(192, dtype=np.uint16).reshape(8, 8, 3) * 257
    content = cv2.imencode(suffix, ramp[..., ::-1])[1].tobytes()
    assert (decoded(content) == ramp // 257).all()
    with EncodedPhoto(content) as photo:
        assert photo.suffix is None


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_alpha_is_composited_on_white(mode: str) -> None:
    picture = PIL.Image.new(mode, (8, 8), 0)
    picture.putpixel((0, 0), (0,) * (len(mode) - 1) + (255,))
    image = decoded(encoded(picture, "PNG"))
    assert (image[0, 0] == 0).all() and (image[1, 1] == 255).all()


def test_transparent_palette() -> None:
    picture = PIL.Image.new("P", (8, 8), 0)
    picture.putpalette([10, 20, 30, 200, 0, 0])
    picture.putpixel((0, 0), 1)
    image = decoded(encoded(picture, "PNG", transparency=0))
    assert image[0, 0].tolist() == [200, 0, 0] and image[1, 1].tolist() == [255, 255, 255]


@pytest.mark.parametrize("format", ["WEBP", "TIFF", "PNG"])
def test_first_frame_of_several(format: str) -> None:
    frames = [PIL.Image.new("RGB", (8, 8), colour) for colour in (RED, GREEN)]
    lossless = {"lossless": True} if format == "WEBP" else {}
    content = encoded(frames[0], format, save_all=True, append_images=frames[1:], **lossless)
    assert decoded(content)[0, 0].tolist() == list(RED)
    with EncodedPhoto(content) as photo:
        assert photo.suffix is None


def srgb_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def test_foreign_colour_profile_becomes_srgb() -> None:
    """A profile whose red is sRGB's green."""
    swapped = srgb_profile().replace(b"rXYZ", b"tXYZ").replace(b"gXYZ", b"rXYZ").replace(b"tXYZ", b"gXYZ")
    swapped = swapped.replace("sRGB".encode("utf-16-be"), "swap".encode("utf-16-be"))
    content = encoded(PIL.Image.new("RGB", (8, 8), RED), "PNG", icc_profile=swapped)
    assert np.abs(decoded(content)[0, 0].astype(int) - GREEN).max() < 8
    with EncodedPhoto(content) as photo:
        assert photo.suffix is None


def test_profile_that_is_srgb_broken_or_of_another_mode_changes_nothing() -> None:
    xyz = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    for profile in (srgb_profile(), xyz, b"nonsense"):
        content = encoded(PIL.Image.new("RGB", (8, 8), (100, 150, 200)), "PNG", icc_profile=profile)
        assert decoded(content)[0, 0].tolist() == [100, 150, 200]


def test_more_pixels_than_the_limit_are_refused_unread() -> None:
    side = int(MAX_PIXELS**0.5) + 1
    content = bytearray(encoded(PIL.Image.new("1", (8, 8)), "PNG"))
    content[16:24] = side.to_bytes(4, "big") * 2
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    with pytest.raises(Unreadable, match="decompression bomb"):
        EncodedPhoto(bytes(content))


def test_float_pixels_are_refused() -> None:
    with pytest.raises(Unreadable, match="32 bits"):
        decoded(encoded(PIL.Image.fromarray(np.ones((4, 4), np.float32)), "TIFF"))


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_any_cut_gives_unreadable_or_a_whole_picture(format: str) -> None:
    content = encoded(PIL.Image.fromarray(red_over_green()), format)
    for end in range(0, len(content), max(1, len(content) // 40)):
        try:
            decoded(content[:end])
        except Unreadable:
            continue


def test_half_a_jpeg_is_unreadable() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    content = encoded(PIL.Image.fromarray(noise), "JPEG")
    with pytest.raises(Unreadable, match="truncated"):
        decoded(content[: len(content) // 2])


def test_not_a_picture() -> None:
    with pytest.raises(Unreadable, match="not a jpeg, png, webp, tiff picture"):
        EncodedPhoto(b"hello")
