"""A source photo as every later stage sees it."""

from dataclasses import dataclass, field

from omniedit.imaging.images import Image

FractionBox = tuple[float, float, float, float]
"""(left, top, right, bottom) as fractions of the picture's width and height, in [0, 1]."""


@dataclass(frozen=True)
class NamedObject:
    """Something in a photo, with its place where it is known: 'wine bottle'."""

    name: str
    box: FractionBox | None = None


@dataclass(frozen=True)
class Photo:
    """A kept photo: decoded, upright, 8-bit RGB, cropped to one of the seven ratios.

    Args:
        source_id: unique in a run; ASCII letters, digits, '_' and '-'.
        image: (H, W, 3) RGB.
        ratio: one of `omniedit.aspect.RATIOS`.
        caption: one sentence, '' where none is known.
        objects: boxes are fractions of the cropped picture.
    """

    source_id: str
    image: Image
    ratio: str
    caption: str = ""
    objects: tuple[NamedObject, ...] = field(default=())
    licence: str = "unknown"
    author: str = "unknown"
    origin: str = ""
    sha256: str = ""
    phash: str = ""
