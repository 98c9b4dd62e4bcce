"""Objects of a photo with the properties that referring expressions use: kind, place, size, colour, in or outside a
mirror."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from omniedit.grounding.objects import FoundObject
from omniedit.imaging.boxes import FractionBox, share_inside
from omniedit.imaging.color import FloatImage, from_lab, image_to_lab
from omniedit.imaging.color_names import COLOURS, colour_word, nearest_colour, region_colour, without_colour
from omniedit.imaging.images import Image, Mask
from omniedit.imaging.morphology import bounding_box, erode
from omniedit.instructions.grammar import without_position
from omniedit.sources.photo import Photo

MIRROR = "mirror"
"""Last word of the name of an object that reflects others. A photo has one only if its listing gives its box."""
IN_MIRROR_SHARE = 0.9
"""Minimum share of an object's box inside a mirror's box for the object to be in the mirror."""
OUTSIDE_MIRROR_SHARE = 0.3
"""Maximum share at which the object is outside the mirror. Between the two shares, its position is unknown."""
MIN_COLOUR_SHARE = 0.5
"""Minimum share of an object's pixels that must have its colour. An object with many colours has no colour name."""
MAX_BLUE, MIN_PURPLE = 250.0, 262.0
"""Hues in degrees up to which a colour is blue, and from which it is purple."""
RIM = 0.03
"""Width of the outline that is left out of the colour, as a share of the square root of the object's area."""


@dataclass(frozen=True)
class Individual:
    """Object of a photo, as referring expressions see it.

    Args:
        noun: its kind without place or colour, such as 'dog' or 'wine bottle'.
        box: as fractions of the image.
        area: covered share of the image.
        colour: a key of COLOURS; '' if unknown or of several colours.
        lab: its colour in L*a*b*; None with `colour` ''.
        in_mirror: whether it is a reflection in a mirror; None if no mirror is known, or it is partly inside one.
    """

    noun: str
    box: FractionBox
    area: float
    colour: str = ""
    lab: tuple[float, float, float] | None = None
    in_mirror: bool | None = None

    @property
    def centre(self) -> tuple[float, float]:
        left, top, right, bottom = self.box
        return (left + right) / 2, (top + bottom) / 2


def describe_individuals(photo: Photo, objects: Sequence[FoundObject]) -> list[Individual]:
    """Return the objects of a photo as individuals, in order, measured in the image."""
    mirrors = [named.box for named in photo.objects if named.box and named.name.split()[-1].lower() == MIRROR]
    individuals = []
    for obj in objects:
        colour, lab = name_colour(photo.image, obj.mask, colour_word(obj.name) or "")
        noun = to_noun(obj.name)
        in_mirror = None if noun.endswith(MIRROR) else _is_in_mirror(obj.box, mirrors)
        individuals.append(Individual(noun, obj.box, obj.area, colour, lab, in_mirror))
    return individuals


def to_noun(name: str) -> str:
    """Return the name of an object without its place and colour: 'left red bowl' -> 'bowl'."""
    return without_colour(without_position(name)).lower()


def name_colour(image: Image, mask: Mask, word: str = "") -> tuple[str, tuple[float, float, float] | None]:
    """Return the name and the L*a*b* values of an object's colour; '' and None if it has several.

    Args:
        image: (H, W, 3) RGB.
        mask: (H, W).
        word: key of COLOURS if the object's name contains a colour.
    """
    left, top, right, bottom = bounding_box(mask)
    patch, inside = image[top:bottom, left:right], mask[top:bottom, left:right]
    core = erode(inside, max(1, round(RIM * float(inside.sum()) ** 0.5)))
    inside = core if core.sum() >= 64 else inside
    lab = image_to_lab(np.ascontiguousarray(patch))
    own = region_colour(lab, inside, word)
    values = (float(own[0]), float(own[1]), float(own[2]))
    if word:
        return word, values
    name = _resolve_blue_purple(nearest_colour(own), own)
    if not name:
        return "", None
    return (name, values) if _share_named(lab[inside], name) >= MIN_COLOUR_SHARE else ("", None)


def _resolve_blue_purple(name: str, own_3: np.ndarray) -> str:
    """Return 'blue' or 'purple' by the hue in HSV, because blue drifts towards purple in L*a*b*; '' for hues between
    both.
    """
    if name not in ("blue", "purple"):
        return name
    rgb = from_lab(own_3.astype(np.float32).reshape(1, 1, 3))
    degrees = float(cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV)[0, 0, 0])
    return "blue" if degrees < MAX_BLUE else "purple" if degrees > MIN_PURPLE else ""


def _share_named(lab_N3: FloatImage, name: str) -> float:
    """Return the share of pixels that have the hue of a colour (or no hue, if the colour is grey); shading does not
    matter.
    """
    chroma = np.hypot(lab_N3[:, 1], lab_N3[:, 2])
    colour = np.array(COLOURS[name][1:], np.float32)
    if not colour.any():
        return float((chroma < 14).mean())
    cosine = (lab_N3[:, 1:] @ colour) / np.maximum(chroma * np.linalg.norm(colour), 1e-6)
    return float(((cosine > 0.8) & (chroma > 6)).mean())


def _is_in_mirror(box: FractionBox, mirrors: Sequence[FractionBox]) -> bool | None:
    if not mirrors:
        return None
    share = max(share_inside(box, mirror) for mirror in mirrors)
    return True if share >= IN_MIRROR_SHARE else False if share <= OUTSIDE_MIRROR_SHARE else None
