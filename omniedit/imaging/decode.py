"""Decoder of all images: any format, mode, bit depth, colour profile and orientation to upright 8-bit sRGB."""

import io
import warnings
from functools import lru_cache
from pathlib import Path

import numpy as np
import PIL.Image
from PIL import ImageCms, PngImagePlugin
from PIL.ExifTags import Base
from PIL.TiffImagePlugin import TiffImageFile

from omniedit.errors import one_line
from omniedit.imaging.formats import NO_FILE, REMEDY, explain_unidentified
from omniedit.imaging.png_chunks import find_late_exif
from omniedit.imaging.tiff import find_missing_rows, prepare_tiff

MAX_PIXELS = 178_956_970
"""Twice the size at which Pillow warns; an image whose header gives more pixels is rejected as a decompression bomb."""

_FORMATS = ("JPEG", "PNG", "WEBP", "TIFF")
_UPRIGHT = {
    2: PIL.Image.Transpose.FLIP_LEFT_RIGHT,
    3: PIL.Image.Transpose.ROTATE_180,
    4: PIL.Image.Transpose.FLIP_TOP_BOTTOM,
    5: PIL.Image.Transpose.TRANSPOSE,
    6: PIL.Image.Transpose.ROTATE_270,
    7: PIL.Image.Transpose.TRANSVERSE,
    8: PIL.Image.Transpose.ROTATE_90,
}
"""EXIF orientation -> transposition that undoes it; 1 and unknown orientations are upright."""
_PIXEL_TAGS = frozenset(
    tag
    for first, last in (
        *((254, 266), (273, 273), (277, 281), (284, 284), (288, 293), (301, 301), (317, 317), (320, 325), (330, 336)),
        *((338, 347), (512, 521), (529, 532), (34377, 34377), (34675, 34675), (37724, 37724)),
    )
    for tag in range(first, last + 1)
)
"""TIFF tags that describe the storage of the pixels, or hold another copy of them: strips, palette, profile, layers."""
_SIXTEEN_BIT = ("I;16", "I;16L", "I;16B", "I;16N")
_STEPS = {"L;2": 85, "L;4": 17}
"""Raw mode of a PNG's grey pixels -> size of one step in 8-bit levels."""
_SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
_PROBE = np.stack(np.meshgrid(*[np.arange(0, 256, 17).astype(np.uint8)] * 3), -1).reshape(64, 64, 3)
"""4096 colours that distinguish a profile from sRGB."""

# Text and profile chunks of a PNG may be large, because workflows and prompts are stored there. These limits bound the
# size of one chunk and of all chunks once decompressed; more is a bomb. Pillow's own limits are 1 and 64 MiB.
PngImagePlugin.MAX_TEXT_CHUNK = max(PngImagePlugin.MAX_TEXT_CHUNK, 64 << 20)
PngImagePlugin.MAX_TEXT_MEMORY = max(PngImagePlugin.MAX_TEXT_MEMORY, 256 << 20)


class UnreadableImage(Exception):
    """Error for an image that cannot be read; the message gives the reason."""


Unreadable = UnreadableImage
"""Earlier name of `UnreadableImage`."""


def open_image(source: Path | bytes) -> PIL.Image.Image:
    """Open an image file by its path or bytes; only its header is read.

    Raises:
        UnreadableImage: the file does not exist, is not an image of a supported format, or has more than MAX_PIXELS.
    """
    if isinstance(source, Path) and not source.is_file():
        missing = "a broken link" if source.is_symlink() else "no such file"
        other = "a folder, not a file" if source.is_dir() else NO_FILE
        raise UnreadableImage(other if source.exists() else missing)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = PIL.Image.open(io.BytesIO(source) if isinstance(source, bytes) else source, formats=_FORMATS)
        if isinstance(image, TiffImageFile):
            if lost := find_missing_rows(image):
                raise UnreadableImage(lost)
            prepare_tiff(image)
        if image.format == "PNG" and "exif" not in image.info and (exif := find_late_exif(source)):
            image.info["exif"] = exif
        return image
    except UnreadableImage:
        raise
    except PIL.Image.DecompressionBombError:
        raise UnreadableImage(f"more than {MAX_PIXELS} pixels, rejected as a decompression bomb") from None
    except PIL.UnidentifiedImageError:
        raise UnreadableImage(explain_unidentified(source)) from None
    except Exception as error:  # Pillow raises almost anything: OSError, SyntaxError, struct.error, KeyError ...
        raise unreadable(error, "header") from None


def upright_rgb(image: PIL.Image.Image, background: str = "white") -> PIL.Image.Image:
    """Convert an image of any mode to 8-bit sRGB: upright by its EXIF data, alpha composited on the background.

    Raises:
        UnreadableImage: the range of the pixels is unknown.
        Exception: whatever Pillow raises for broken data.
    """
    orientation = exif_orientation(image)
    transparent = _transparent_level(image)
    image.load()
    if transparent is not None:
        image.info["transparency"] = transparent
    colours, alpha = _split_alpha(image)
    rgb = _to_srgb(colours, image.info.get("icc_profile"))
    if alpha is not None:
        rgba = rgb.copy()
        rgba.putalpha(alpha)
        rgb = PIL.Image.alpha_composite(PIL.Image.new("RGBA", rgb.size, background), rgba).convert("RGB")
    return rgb.transpose(_UPRIGHT[orientation]) if orientation != 1 else rgb


def exif_orientation(image: PIL.Image.Image) -> int:
    """Return the EXIF orientation still to be undone; 1 for a TIFF, because Pillow undoes it with the pixels."""
    if isinstance(image, TiffImageFile):
        return 1
    try:
        # A PNG's own getexif would decode all pixels to look for EXIF data after them.
        orientation = PIL.Image.Image.getexif(image).get(Base.Orientation, 1)
    except Exception:  # broken EXIF data: Pillow raises almost anything, and the pixels may still be good
        return 1
    return orientation if orientation in _UPRIGHT else 1


def describe_conversion(image: PIL.Image.Image) -> str:
    """Return why the file's own pixels differ from the upright 8-bit sRGB ones, '' if they do not.

    Grey and palette images count as equal: every program converts them to the same RGB.
    """
    reasons = {
        "16 bits per channel": is_sixteen_bit(image),
        f"colours as {image.mode}": not is_sixteen_bit(image)
        and image.mode not in ("1", "L", "P", "RGB", "LA", "PA", "RGBA"),
        "transparency": image.has_transparency_data,
        "rotation by EXIF data": exif_orientation(image) != 1,
        "a colour profile": _has_foreign_profile(image),
        "several frames": has_frames(image),
    }
    return ", ".join(reason for reason, holds in reasons.items() if holds)


def is_sixteen_bit(image: PIL.Image.Image) -> bool:
    return image.mode.startswith("I") or ";16" in str(getattr(image, "tile", None))


def has_frames(image: PIL.Image.Image) -> bool:
    """Return whether a file has frames besides the first; the previews in an MPO file do not count."""
    try:
        return image.format != "MPO" and getattr(image, "n_frames", 1) > 1
    except Exception:  # a later frame of a TIFF is damaged; Pillow raises almost anything
        return True


def _has_foreign_profile(image: PIL.Image.Image) -> bool:
    """Return whether a colour profile changes the colours of an image."""
    icc = image.info.get("icc_profile")
    return bool(icc) and srgb_transform(icc, image.mode if image.mode in ("L", "CMYK") else "RGB") is not None


def upright_exif(image: PIL.Image.Image) -> bytes:
    """Return the EXIF data for the upright image, without its preview; b"" if there is none or it is broken."""
    try:
        image.load()  # rotates a TIFF by the orientation that is removed below
        exif = PIL.Image.Exif()
        exif.load(PIL.Image.Image.getexif(image).tobytes())
        for tag in (Base.Orientation, *_PIXEL_TAGS):
            exif.pop(tag, None)
        return exif.tobytes() if len(exif) else b""
    except Exception:  # as in exif_orientation
        return b""


def unreadable(error: Exception, part: str) -> UnreadableImage:
    """Return an `UnreadableImage` for an error that Pillow raised in a part of a file: its header or its data."""
    if "MAX_TEXT" in str(error):
        return UnreadableImage(
            "more than 64 MiB of text in a chunk or 256 MiB in all, rejected as a decompression bomb"
        )
    return UnreadableImage(f"broken {part}: {one_line(error)}")


def _transparent_level(image: PIL.Image.Image) -> int | tuple[int, ...] | None:
    """Return a PNG's transparent colour in 8-bit levels. For some modes, Pillow gives it in the file's own levels."""
    level = image.info.get("transparency")
    tiles = getattr(image, "tile", None)
    if not tiles or level is None:
        return None
    raw = tiles[0][3] if isinstance(tiles[0][3], str) else ""
    if image.mode == "L" and raw in _STEPS:
        return level * _STEPS[raw]
    return tuple(part >> 8 for part in level) if raw == "RGB;16B" else None


def _split_alpha(image: PIL.Image.Image) -> tuple[PIL.Image.Image, PIL.Image.Image | None]:
    """Return a loaded image's colours with 8 bits per channel, and its alpha channel if it has transparency."""
    if image.mode in ("I", "F") or _is_signed(image):
        raise UnreadableImage(f"32-bit or signed pixels, whose range is unknown; {REMEDY}")
    transparent = image.info.get("transparency")
    if image.mode in _SIXTEEN_BIT:
        samples = np.asarray(image)
        alpha = None if transparent is None else PIL.Image.fromarray((samples != transparent).astype(np.uint8) * 255)
        return PIL.Image.fromarray(_to_eight_bits(samples, image)), alpha
    if not image.has_transparency_data:
        return image, None
    if image.mode in ("LA", "La"):
        grey_alpha = image.convert("LA")
        return grey_alpha.getchannel("L"), grey_alpha.getchannel("A")
    rgba = image.convert("RGBA")
    colours = rgba.convert("RGB")
    return colours.getchannel("R") if image.mode in ("1", "L") else colours, rgba.getchannel("A")


def _is_signed(image: PIL.Image.Image) -> bool:
    """Return whether a TIFF has signed samples, which Pillow reads as unsigned if they have 8 bits."""
    return isinstance(image, TiffImageFile) and 2 in image.tag_v2.get(Base.SampleFormat, (1,))


def _to_eight_bits(samples: np.ndarray, image: PIL.Image.Image) -> np.ndarray:
    """Scale a grey image's 16-bit samples to 8 bits; a TIFF may use only 12 of them or store white as 0."""
    bits, inverted = 16, False
    if isinstance(image, TiffImageFile):
        bits = image.tag_v2.get(Base.BitsPerSample, (16,))[0]
        inverted = image.tag_v2.get(Base.PhotometricInterpretation) == 0
    levels = (samples >> (bits - 8)).astype(np.uint8)
    return 255 - levels if inverted else levels


def _to_srgb(colours: PIL.Image.Image, icc: bytes | None) -> PIL.Image.Image:
    """Convert an image without alpha to RGB, through its colour profile if that is valid and fits the mode."""
    if icc and colours.mode != "LAB":
        if colours.mode == "1":
            colours = colours.convert("L")
        elif colours.mode not in ("L", "CMYK"):
            colours = colours.convert("RGB")
        if (transform := srgb_transform(icc, colours.mode)) is not None:
            converted = transform.apply(colours.convert(transform.input_mode))
            converted.info = {}
            return converted
    return colours if colours.mode == "RGB" else colours.convert("RGB")


@lru_cache(maxsize=32)
def srgb_transform(icc: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Build the transform from a colour profile to sRGB.

    Args:
        mode: of the colours: L, RGB or CMYK.

    Returns:
        None if the profile is broken, is for a different colour space, or gives the same colours as sRGB. An RGB
        profile also fits grey, whose channels are then equal.
    """
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        input_mode = {"GRAY": "L", "RGB": "RGB", "CMYK": "CMYK"}.get(profile.profile.xcolor_space.strip())
        if input_mode is None or not (input_mode == mode or (input_mode, mode) == ("RGB", "L")):
            return None
        transform = ImageCms.buildTransform(profile, _SRGB, input_mode, "RGB")
        if input_mode == "CMYK":
            return transform
        probe = PIL.Image.fromarray(_PROBE).convert(input_mode)
        change = np.asarray(transform.apply(probe)).astype(int) - np.asarray(probe.convert("RGB"))
    except (ImageCms.PyCMSError, OSError):
        return None
    return transform if np.abs(change).max() > 1 else None
