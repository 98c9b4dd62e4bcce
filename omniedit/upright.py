"""A picture of any mode and orientation as upright 8-bit sRGB."""

import io

import numpy as np
import PIL.Image
from PIL import ImageCms

_EXIF_ORIENTATION = 0x0112
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
_OF_PIXELS = frozenset(
    tag
    for first, last in (
        *((254, 266), (273, 273), (277, 281), (284, 284), (288, 293), (301, 301), (317, 317), (320, 325), (330, 336)),
        *((338, 347), (512, 521), (529, 532), (34377, 34377), (34675, 34675), (37724, 37724)),
    )
    for tag in range(first, last + 1)
)
"""Tags of a TIFF file that say how its pixels are stored, or hold them once more: strips, palette, profile, layers."""
_SIXTEEN_BIT = ("I;16", "I;16L", "I;16B", "I;16N")
_SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


class Unreadable(Exception):
    """A file is no picture that can be read; the text says why."""


def upright_rgb(image: PIL.Image.Image) -> PIL.Image.Image:
    """A picture of any mode as 8-bit sRGB: upright by its EXIF data, alpha composited on white.

    Raises:
        Unreadable: pixels of 32 bits, whose range is unknown.
        Exception: whatever Pillow lets out on broken data.
    """
    # Before the pixels: a PNG may have EXIF data behind them, which whoever read only its header has not seen.
    orientation = exif_orientation(image)
    image.load()
    rgb = _rgb(image)
    return rgb.transpose(_UPRIGHT[orientation]) if orientation != 1 else rgb


def _rgb(image: PIL.Image.Image) -> PIL.Image.Image:
    if image.mode in _SIXTEEN_BIT:
        return PIL.Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if image.mode in ("I", "F"):
        raise Unreadable("32 bits a pixel; save it with 8 or 16")
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        white = PIL.Image.new("RGBA", rgba.size, "white")
        return PIL.Image.alpha_composite(white, rgba).convert("RGB")
    profile = foreign_profile(image)
    if profile is not None:
        converted = ImageCms.profileToProfile(image, profile, _SRGB, outputMode="RGB")
        assert converted is not None
        return converted
    return image if image.mode == "RGB" else image.convert("RGB")


def foreign_profile(image: PIL.Image.Image) -> ImageCms.ImageCmsProfile | None:
    """The colour profile that a picture carries, where it is a valid one, fits the mode and is not sRGB."""
    icc = image.info.get("icc_profile")
    if not icc:
        return None
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        name = ImageCms.getProfileDescription(profile)
    except (ImageCms.PyCMSError, OSError):
        return None
    fits = profile.profile.xcolor_space.strip() == image.mode
    return profile if fits and "srgb" not in name.lower() else None


def upright_exif(image: PIL.Image.Image) -> bytes:
    """A picture's EXIF data for the same one turned upright, without its preview; b"" where it has none or broken."""
    try:
        exif = PIL.Image.Image.getexif(image)
        for tag in (_EXIF_ORIENTATION, *_OF_PIXELS):
            exif.pop(tag, None)
        return exif.tobytes() if len(exif) else b""
    except Exception:  # as above
        return b""


def exif_orientation(image: PIL.Image.Image) -> int:
    try:
        # A PNG's own getexif would decode the whole picture to look for EXIF data behind its pixels.
        orientation = PIL.Image.Image.getexif(image).get(_EXIF_ORIENTATION, 1)
    except Exception:  # broken EXIF data: as above, Pillow lets anything out, and the picture may still be good
        return 1
    return orientation if orientation in _UPRIGHT else 1
