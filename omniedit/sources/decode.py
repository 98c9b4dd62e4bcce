"""A photo file of any kind to upright 8-bit RGB."""

import io
import warnings
from pathlib import Path

import numpy as np
import PIL.Image
from PIL import ImageCms

from omniedit.images import Image

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff"}
SUPPORTED = "jpeg png webp tiff"
MAX_PIXELS = 178_956_970
"""Twice Pillow's own limit for a warning: a picture that claims more is taken for a decompression bomb."""

_FORMATS = ("JPEG", "PNG", "WEBP", "TIFF")
_ORIENTATION = 0x0112
_UPRIGHT = {
    2: PIL.Image.Transpose.FLIP_LEFT_RIGHT,
    3: PIL.Image.Transpose.ROTATE_180,
    4: PIL.Image.Transpose.FLIP_TOP_BOTTOM,
    5: PIL.Image.Transpose.TRANSPOSE,
    6: PIL.Image.Transpose.ROTATE_270,
    7: PIL.Image.Transpose.TRANSVERSE,
    8: PIL.Image.Transpose.ROTATE_90,
}
"""What undoes each EXIF orientation; 1 and unknown ones are upright."""
_SIXTEEN_BIT = ("I;16", "I;16L", "I;16B", "I;16N")
_SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


class Unreadable(Exception):
    """A file is no picture that can be read; the text says why."""


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
            self._orientation = self._read_orientation()
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

    def decode(self) -> Image:
        """The first frame as (H, W, 3) RGB: upright, sRGB, alpha composited on white.

        Raises:
            Unreadable: truncated or broken data, or pixels of 32 bits whose range is unknown.
        """
        try:
            self._image.load()
            rgb = self._to_rgb()
            if self._orientation != 1:
                rgb = rgb.transpose(_UPRIGHT[self._orientation])
            return np.array(rgb, np.uint8)
        except Unreadable:
            raise
        except Exception as error:
            raise Unreadable(f"broken data: {_one_line(error)}") from None

    def _to_rgb(self) -> PIL.Image.Image:
        image = self._image
        if image.mode in _SIXTEEN_BIT:
            return PIL.Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
        if image.mode in ("I", "F"):
            raise Unreadable("32 bits a pixel; save it with 8 or 16")
        if image.has_transparency_data:
            rgba = image.convert("RGBA")
            white = PIL.Image.new("RGBA", rgba.size, "white")
            return PIL.Image.alpha_composite(white, rgba).convert("RGB")
        profile = self._foreign_profile()
        if profile is not None:
            converted = ImageCms.profileToProfile(image, profile, _SRGB, outputMode="RGB")
            assert converted is not None
            return converted
        return image if image.mode == "RGB" else image.convert("RGB")

    def _foreign_profile(self) -> ImageCms.ImageCmsProfile | None:
        """The colour profile that the file carries, where it is a valid one, fits the mode and is not sRGB."""
        icc = self._image.info.get("icc_profile")
        if not icc:
            return None
        try:
            profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
            name = ImageCms.getProfileDescription(profile)
        except (ImageCms.PyCMSError, OSError):
            return None
        fits = profile.profile.xcolor_space.strip() == self._image.mode
        return profile if fits and "srgb" not in name.lower() else None

    def _plain_suffix(self) -> str | None:
        image = self._image
        if self._orientation != 1 or image.mode != "RGB" or image.has_transparency_data or self._foreign_profile():
            return None
        if image.format in ("JPEG", "MPO"):
            return ".jpg"
        if getattr(image, "is_animated", False):
            return None
        if image.format == "PNG":
            # Pillow opens 16-bit colour as 8-bit "RGB"; only how it unpacks the bytes tells them apart.
            return ".png" if image.tile[0][3] == "RGB" else None
        return ".webp" if image.format == "WEBP" else None

    def _read_orientation(self) -> int:
        try:
            # A PNG's own getexif would decode the whole picture to look for EXIF data behind its pixels.
            orientation = PIL.Image.Image.getexif(self._image).get(_ORIENTATION, 1)
        except Exception:  # broken EXIF data: as above, Pillow lets anything out, and the picture may still be good
            return 1
        return orientation if orientation in _UPRIGHT else 1


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
