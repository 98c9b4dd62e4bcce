"""Source photo as every later stage sees it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from omniedit.imaging.images import Image

FractionBox = tuple[float, float, float, float]
"""(left, top, right, bottom) as fractions of the image's width and height, in [0, 1]."""


@dataclass(frozen=True)
class NamedObject:
    """Named object in a photo, such as 'wine bottle', with its box if known."""

    name: str
    box: FractionBox | None = None


@dataclass(frozen=True)
class Photo:
    """Decoded source photo: upright, 8-bit RGB, cropped to one of the seven ratios.

    Args:
        source_id: unique within a run; ASCII letters, digits, '_' and '-'.
        image: (H, W, 3) RGB.
        ratio: one of `omniedit.aspect.RATIOS`.
        caption: one sentence, '' if unknown.
        objects: boxes are fractions of the cropped image.
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


def round_box(box: Sequence[float]) -> list[float]:
    """Return a box of fractions with four decimals, as truths store it."""
    return [round(float(edge), 4) for edge in box]
