"""A photo file of any kind to upright 8-bit RGB."""

import io
import warnings
from pathlib import Path

import numpy as np
import PIL.Image

from omniedit.images import Image
from omniedit.sources.listing import SUPPORTED
from omniedit.upright import Unreadable, exif_orientation, foreign_profile, upright_exif, upright_rgb

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff"}
MAX_PIXELS = 178_956_970
"""Twice Pillow's own limit for a warning: a picture that claims more is taken for a decompression bomb."""

_FORMATS = ("JPEG", "PNG", "WEBP", "TIFF")


class EncodedPhoto:
    """A photo file of which only the header has been read.

    Args:
        source: its path or its bytes.

    `suffix` is '.jpg', '.png' or '.webp' where the file's own bytes are upright 8-bit sRGB in one frame, else None.

    Raises:
        Unreadable: not a picture, an unsupported one, or more than MAX_PIXELS.
    """

    def __init__(self, source: Path | bytes) -> None:
        # Pillow lets almost any exception out on broken bytes: OSError, SyntaxError, struct.error, KeyError ...
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                file = io.BytesIO(source) if isinstance(source, bytes) else source
                self._image = PIL.Image.open(file, formats=_FORMATS)
            self._orientation = exif_orientation(self._image)
            self.suffix = self._plain_suffix()
        except PIL.Image.DecompressionBombError:
            raise Unreadable(f"more than {MAX_PIXELS} pixels, taken for a decompression bomb") from None
        except PIL.UnidentifiedImageError:
            raise Unreadable(f"not a {SUPPORTED.replace(' ', ', ')} picture") from None
        except Exception as error:
            raise Unreadable(f"broken header: {_one_line(error)}") from None

    def __enter__(self) -> "EncodedPhoto":
        return self

    def __exit__(self, *_: object) -> None:
        self._image.close()

    @property
    def size(self) -> tuple[int, int]:
        """Width and height once upright."""
        width, height = self._image.size
        return (height, width) if self._orientation >= 5 else (width, height)

    @property
    def upright_exif(self) -> bytes:
        """For the same picture once upright; b"" where there is none."""
        return upright_exif(self._image)

    @property
    def left_out(self) -> list[str]:
        """What 8-bit RGB of one frame does not hold of it."""
        image = self._image
        sixteen = image.mode.startswith("I") or (image.tile and ";16" in str(image.tile[0][3]))
        several = image.format != "MPO" and getattr(image, "n_frames", 1) > 1
        there = {"transparency": image.has_transparency_data, "frames but the first": several, "16 bits": sixteen}
        return [name for name, is_there in there.items() if is_there]

    def decode(self) -> Image:
        """The first frame as (H, W, 3) RGB: upright, sRGB, alpha composited on white.

        Raises:
            Unreadable: truncated or broken data, or pixels of 32 bits whose range is unknown.
        """
        try:
            return np.array(upright_rgb(self._image), np.uint8)
        except Unreadable:
            raise
        except Exception as error:
            raise Unreadable(f"broken data: {_one_line(error)}") from None

    def _plain_suffix(self) -> str | None:
        image = self._image
        if self._orientation != 1 or image.mode != "RGB" or image.has_transparency_data or foreign_profile(image):
            return None
        if image.format in ("JPEG", "MPO"):
            return ".jpg"
        if getattr(image, "is_animated", False):
            return None
        if image.format == "PNG":
            # Pillow opens 16-bit colour as 8-bit "RGB"; only how it unpacks the bytes tells them apart.
            return ".png" if image.tile[0][3] == "RGB" else None
        return ".webp" if image.format == "WEBP" else None


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
