"""Tests of a pair's images: stored unchanged, or converted with a reason; sizes follow the policy."""

import io
from typing import Any

import numpy as np
import PIL.Image
import pytest

from helpers.pair_files import make_image, make_mask
from omniedit.exchange.image_files import BadImage
from omniedit.exchange.pair_images import check_image, check_images
from omniedit.imaging.images import decode_image, decode_mask


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_upright_rgb_or_grey_file_is_kept_bit_identical(kind: str, mode: str) -> None:
    encoded, changes = make_image(kind=kind, mode=mode), {}
    kept, pixels = check_image(encoded, "source", changes)
    assert kept is encoded and changes == {} and pixels.shape == (32, 48, 3)


def sixteen_bits() -> bytes:
    file = io.BytesIO()
    PIL.Image.fromarray(np.arange(1536, dtype=np.uint16).reshape(32, 48) * 40).save(file, "PNG")
    return file.getvalue()


def rotated_jpeg() -> bytes:
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    return make_image(width=32, height=48, kind="JPEG", exif=exif)


@pytest.mark.parametrize(
    ("encoded", "reason"),
    [
        (make_image(kind="JPEG", mode="CMYK"), "re-encoded because of colours as CMYK"),
        (make_image(mode="RGBA"), "re-encoded because of transparency"),
        (sixteen_bits(), "re-encoded because of 16 bits per channel"),
        (rotated_jpeg(), "re-encoded because of rotation by EXIF data"),
    ],
    ids=["cmyk", "alpha", "16-bit", "exif"],
)
def test_other_files_are_reencoded_with_a_reason(encoded: bytes, reason: str) -> None:
    changes: dict[str, str] = {}
    kept, pixels = check_image(encoded, "source", changes)
    assert changes == {"source": reason} and kept.startswith(b"\x89PNG") and pixels.shape == (32, 48, 3)
    assert (decode_image(kept) == decode_image(encoded)).all()
    assert check_image(kept, "source", {})[0] is kept


@pytest.mark.parametrize("encoded", [b"", b"<html>", b"GIF89a", make_image()[:500], make_image(kind="JPEG")[:600]])
def test_unreadable_image_is_named(encoded: bytes) -> None:
    with pytest.raises(BadImage, match=r"^edited: "):
        check_image(encoded, "edited", {})


def check(width: int, height: int, sizes: Any, mask: bytes | None = None) -> Any:
    return check_images(make_image(), make_image(1, width, height), mask, sizes)


def test_edited_image_of_nearly_the_same_shape_is_resized() -> None:
    images = check(50, 32, "resize")
    assert decode_image(images.edited).shape == (32, 48, 3)
    assert images.changes == {"edited": "resized from 50 x 32 pixels"}
    assert decode_image(check(96, 64, "resize").edited).shape == (32, 48, 3)


def test_other_sizes_are_rejected_by_policy_or_shape() -> None:
    with pytest.raises(BadImage, match=r"edited: 50 x 32 pixels, its source 48 x 32$"):
        check(50, 32, "reject")
    with pytest.raises(BadImage, match="edited: 32 x 48 pixels, its source 48 x 32; resizing would distort it"):
        check(32, 48, "resize")


def test_mask_is_resized_or_kept_bit_identical() -> None:
    mask = make_mask()
    assert check(48, 32, "reject", mask).mask is mask
    images = check(48, 32, "resize", make_mask(96, 64))
    assert (decode_mask(images.mask) == decode_mask(mask)).all()
    assert images.changes == {"mask": "resized from 96 x 64 pixels"}
    with pytest.raises(BadImage, match="mask: 96 x 64 pixels"):
        check(48, 32, "reject", make_mask(96, 64))
    with pytest.raises(BadImage, match="mask: not a readable image"):
        check(48, 32, "reject", b"no mask")


def test_masks_are_read_upright_at_any_depth_and_opaque_where_light() -> None:
    inside = np.zeros((32, 48), bool)
    inside[:, :24] = True
    wide = np.where(inside, 40_000, 20_000).astype(np.uint16)
    clear = np.dstack([np.full((32, 48, 3), 255, np.uint8), inside.astype(np.uint8) * 255])
    turned = PIL.Image.Exif()
    turned[0x112] = 6
    for image, options in (
        (PIL.Image.fromarray(wide), {}),
        (PIL.Image.fromarray(clear), {}),
        (PIL.Image.fromarray(np.rot90(inside.astype(np.uint8) * 255)), {"exif": turned}),
    ):
        file = io.BytesIO()
        image.save(file, "PNG", **options)
        images = check_images(make_image(0), make_image(1), file.getvalue(), "reject")
        assert images.mask is not None and (decode_mask(images.mask) == inside).all()
