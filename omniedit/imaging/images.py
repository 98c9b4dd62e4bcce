"""Images as arrays and as encoded bytes."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import numpy as np
from numpy.typing import NDArray

from omniedit.errors import UserError, one_line
from omniedit.imaging.decode import exif_orientation, open_image, upright_rgb

Image = NDArray[np.uint8]
"""(H, W, 3) RGB, 0-255."""
Mask = NDArray[np.bool_]
"""(H, W); True is inside."""
CLEAR_LEVELS = 24
"""Difference in grey levels from which a pixel has clearly changed."""

_PNG = [
    *(cv2.IMWRITE_PNG_COMPRESSION, 1),
    *(cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE),
    *(cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_AVG),
]
"""PNG options. The sample photos take 42 ms to encode, 23 ms to decode and 1.52 MB per megapixel. With level 2 alone,
where libpng tries all filters on each row, they take 110 ms, 36 ms and 1.49 MB (one core)."""


def levels(shares: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Convert values in [0, 1], of any shape, to levels in 0-255."""
    return np.rint(255 * shares).astype(np.uint8)


def pixels_sha256(image: Image) -> str:
    """Return the digest of shape and pixels, so that even a flat image and its transpose differ."""
    digest = hashlib.sha256(repr(image.shape).encode())
    digest.update(np.ascontiguousarray(image).data)
    return digest.hexdigest()


def encode_png(image: Image) -> bytes:
    """Encode an (H, W, 3) RGB, (H, W, 4) RGBA or (H, W) grey image as PNG; the same image gives the same bytes."""
    to_bgr = cv2.COLOR_RGBA2BGRA if image.shape[-1] == 4 else cv2.COLOR_RGB2BGR
    bgr = cv2.cvtColor(image, to_bgr) if image.ndim == 3 else image
    ok, encoded = cv2.imencode(".png", bgr, _PNG)
    if not ok:
        raise ValueError(f"cannot encode an array of shape {image.shape} and type {image.dtype} as PNG")
    return encoded.tobytes()


def decode_image(encoded: bytes, label: str = "image") -> Image:
    """Decode an image file's bytes to (H, W, 3) RGB; `label` names the image in the error."""
    with _decoder(encoded, label):
        return np.array(upright_rgb(open_image(encoded)), np.uint8)


def encoded_size(encoded: bytes, label: str = "image") -> tuple[int, int]:
    """Return width and height of an image file's upright image, from its header; `label` names it in the error."""
    with _decoder(encoded, label):
        image = open_image(encoded)
        return image.size if exif_orientation(image) < 5 else image.size[::-1]


def encode_mask(mask: Mask) -> bytes:
    return encode_png(mask.astype(np.uint8) * 255)


def decode_mask(encoded: bytes, label: str = "mask") -> Mask:
    """Decode an image file's bytes to an (H, W) mask, True where light; `label` names the mask in the error."""
    with _decoder(encoded, label):
        return np.asarray(open_image(encoded).convert("L")) > 127


def convert_mask(encoded: bytes) -> Mask:
    """Decode a mask of any mode, depth and orientation to (H, W), True where light and opaque."""
    with _decoder(encoded, "mask"):
        return np.asarray(upright_rgb(open_image(encoded), background="black").convert("L")) > 127


def encode_cutout(image: Image, mask: Mask) -> bytes:
    """Encode an (H, W, 3) image as PNG whose pixels inside the (H, W) mask are transparent."""
    return encode_png(np.dstack([image, np.where(mask, 0, 255).astype(np.uint8)]))


def decode_cutout(encoded: bytes) -> Mask:
    """Decode an image to an (H, W) mask: True where it is transparent or, in an image without transparency, where it is
    light.
    """
    with _decoder(encoded, "mask"):
        if not open_image(encoded).has_transparency_data:
            return convert_mask(encoded)
        on_black, on_white = (
            np.asarray(upright_rgb(open_image(encoded), background=colour)) for colour in ("black", "white")
        )
        return (on_black != on_white).any(axis=2)


@contextmanager
def _decoder(encoded: bytes, label: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # Unreadable, or whatever Pillow raises for broken data
        raise UserError(f"{label}: not a readable image ({len(encoded)} bytes): {one_line(error)}") from None


def resize_cover(image: Image, width: int, height: int) -> Image:
    """Scale an (H, W, 3) or (H, W) image until it covers width x height, then crop both sides equally."""
    scale = max(width / image.shape[1], height / image.shape[0])
    scaled_w, scaled_h = max(width, round(image.shape[1] * scale)), max(height, round(image.shape[0] * scale))
    image = resize(image, scaled_w, scaled_h)
    left, top = (scaled_w - width) // 2, (scaled_h - height) // 2
    return image[top : top + height, left : left + width]


def resize(image: Image, width: int, height: int) -> Image:
    """Scale an (H, W, 3) or (H, W) image to width x height, each side by its own factor."""
    if (height, width) == image.shape[:2]:
        return image
    shrinks = width * height < image.shape[1] * image.shape[0]
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return cv2.resize(image, (width, height), interpolation=interpolation).astype(np.uint8, copy=False)


def resize_to_fit(image: Image, max_side: int) -> Image:
    """Scale an image down until its longer side has at most `max_side` pixels."""
    height, width = image.shape[:2]
    scale = max_side / max(height, width)
    if scale >= 1:
        return image
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def random_crop(image: Image, width: int, height: int, min_share: float, rng: np.random.Generator) -> Image:
    """Return a random crop of an image, (height, width, 3), mirrored half of the time.

    Args:
        min_share: smallest side of the crop, as a share of the largest that fits.
    """
    rows, columns = image.shape[:2]
    side = min(columns / width, rows / height) * rng.uniform(min_share, 1)
    crop_w, crop_h = max(1, int(side * width)), max(1, int(side * height))
    left, top = rng.integers(columns - crop_w + 1), rng.integers(rows - crop_h + 1)
    crop = image[top : top + crop_h, left : left + crop_w]
    return resize_cover(np.ascontiguousarray(crop if rng.random() < 0.5 else crop[:, ::-1]), width, height)


def shrink(image: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Reduce an image or a mask to about side^2 pixels; a smaller one keeps its size."""
    height, width = image.shape[:2]
    scale = min(1.0, side / (height * width) ** 0.5)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def resize_contain(image: Image, width: int, height: int) -> Image:
    """Scale an (H, W, 3) image until it fits in width x height, and centre it on mid-grey."""
    scale = min(width / image.shape[1], height / image.shape[0])
    scaled_w, scaled_h = (max(1, round(side * scale)) for side in image.shape[1::-1])
    canvas = np.full((height, width, 3), 127, np.uint8)
    left, top = (width - scaled_w) // 2, (height - scaled_h) // 2
    canvas[top : top + scaled_h, left : left + scaled_w] = resize(image, scaled_w, scaled_h)
    return canvas


def resize_cover_mask(mask: Mask, width: int, height: int) -> Mask:
    """Resize a mask as `resize_cover` does. A pixel is inside if any part of its area is."""
    grey = resize_cover(mask.astype(np.uint8) * 255, width, height)
    return grey > 0
