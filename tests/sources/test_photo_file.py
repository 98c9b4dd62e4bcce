"""Decoding of photo files: any file becomes upright 8-bit sRGB, or is rejected with the reason."""

import io
import zlib

import cv2
import numpy as np
import PIL.Image
import pytest
from PIL import ImageCms

from omniedit.imaging.decode import MAX_PIXELS, UnreadableImage
from omniedit.sources.photo_file import EncodedPhoto

RED, GREEN = (255, 0, 0), (0, 255, 0)


def red_over_green() -> np.ndarray:
    """Return (20, 30, 3) pixels, red above green with a blue corner, so that every orientation looks different."""
    image = np.zeros((20, 30, 3), np.uint8)
    image[:10], image[10:] = RED, GREEN
    image[:10, :5] = (0, 0, 255)
    return image


def encode_image(image: PIL.Image.Image, format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def decode_content(content: bytes) -> np.ndarray:
    with EncodedPhoto(content) as photo:
        image = photo.decode()
        assert photo.size == (image.shape[1], image.shape[0])
    return image


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "LAB"])
def test_white_is_white_in_every_colour_mode(mode: str) -> None:
    written = PIL.Image.fromarray(np.full((8, 8, 3), 255, np.uint8)).convert("RGB")
    if mode == "LAB":
        to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
        written = ImageCms.applyTransform(written, to_lab)
    image = decode_content(encode_image(written.convert(mode) if mode != "LAB" else written, "TIFF"))
    assert image.shape == (8, 8, 3) and image.min() >= 250


def test_cmyk_jpeg_is_converted_to_rgb() -> None:
    image = decode_content(encode_image(PIL.Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG"))
    assert image[0, 0, 0] > 200 and image[0, 0, 1] < 60


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_16_bit_colour_is_reduced_to_8_bits(suffix: str) -> None:
    ramp = np.arange(192, dtype=np.uint16).reshape(8, 8, 3) * 257
    content = cv2.imencode(suffix, ramp[..., ::-1])[1].tobytes()
    assert (decode_content(content) == ramp // 257).all()


def test_transparent_palette_entry_becomes_white() -> None:
    written = PIL.Image.new("P", (8, 8), 0)
    written.putpalette([10, 20, 30, 200, 0, 0])
    written.putpixel((0, 0), 1)
    image = decode_content(encode_image(written, "PNG", transparency=0))
    assert image[0, 0].tolist() == [200, 0, 0] and image[1, 1].tolist() == [255, 255, 255]


@pytest.mark.parametrize("format", ["WEBP", "TIFF", "PNG"])
def test_first_of_several_frames_is_decoded(format: str) -> None:
    frames = [PIL.Image.new("RGB", (8, 8), colour) for colour in (RED, GREEN)]
    lossless = {"lossless": True} if format == "WEBP" else {}
    content = encode_image(frames[0], format, save_all=True, append_images=frames[1:], **lossless)
    assert decode_content(content)[0, 0].tolist() == list(RED)


def test_first_frame_is_decoded_if_a_later_one_is_damaged() -> None:
    first = PIL.Image.fromarray(red_over_green())
    content = bytearray(encode_image(first, "TIFF", save_all=True, append_images=[first]))
    directory = int.from_bytes(content[4:8], "little")
    pointer = directory + 2 + 12 * int.from_bytes(content[directory : directory + 2], "little")
    second = int.from_bytes(content[pointer : pointer + 4], "little")
    content[second : second + 2] = (1).to_bytes(2, "little")  # only one of its tags: no height
    with EncodedPhoto(bytes(content)) as photo:
        assert photo.left_out == ["frames but the first"]
        assert (photo.decode() == red_over_green()).all()


def test_image_over_the_pixel_limit_is_rejected_unread() -> None:
    side = int(MAX_PIXELS**0.5) + 1
    content = bytearray(encode_image(PIL.Image.new("1", (8, 8)), "PNG"))
    content[16:24] = side.to_bytes(4, "big") * 2
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    with pytest.raises(UnreadableImage, match="decompression bomb"):
        EncodedPhoto(bytes(content))


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_truncated_file_is_unreadable_or_decodes_completely(format: str) -> None:
    content = encode_image(PIL.Image.fromarray(red_over_green()), format)
    for end in range(0, len(content), max(1, len(content) // 40)):
        try:
            decode_content(content[:end])
        except UnreadableImage:
            continue


def test_half_a_jpeg_is_unreadable() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    content = encode_image(PIL.Image.fromarray(noise), "JPEG")
    with pytest.raises(UnreadableImage, match="truncated"):
        decode_content(content[: len(content) // 2])
