"""Names of colours: their places in CIE L*a*b*, and the colour of an object by the words of its name or its pixels."""

import numpy as np

from omniedit.imaging.color import FloatImage
from omniedit.imaging.images import Mask

COLOURS: dict[str, tuple[float, float, float]] = {
    "red": (46, 64, 44),
    "orange": (64, 42, 64),
    "yellow": (82, 2, 76),
    "green": (50, -46, 36),
    "turquoise": (66, -36, -10),
    "blue": (43, 10, -54),
    "purple": (40, 42, -44),
    "pink": (66, 54, -8),
    "brown": (38, 17, 26),
    "white": (89, 0, 0),
    "grey": (58, 0, 0),
    "black": (17, 0, 0),
}
"""Lab values of the colour names: L in [0, 100], a, b."""

ALIASES = {"gray": "grey", "golden": "yellow", "violet": "purple", "teal": "turquoise"}
"""Other word for a colour -> its name in `COLOURS`."""

NEUTRAL_CHROMA = 9.0
"""Chroma below which a surface is called white, grey or black."""

HUE_SPREAD = 45.0
"""Distance in degrees from an object's own hue within which pixels count as that colour."""


def colour_word(name: str) -> str | None:
    """Return the key in COLOURS of the colour in an object's name ('red' in 'red bowl'), or None."""
    words = [ALIASES.get(word, word) for word in name.lower().split()]
    return next((word for word in words if word in COLOURS), None)


def without_colour(name: str) -> str:
    """Return an object's name without its colour: 'bowl' for 'red bowl'."""
    words = [word for word in name.split() if ALIASES.get(word.lower(), word.lower()) not in COLOURS]
    return " ".join(words) or name


def is_neutral(colour: str) -> bool:
    return COLOURS[colour][1:] == (0, 0)


def nearest_colour(lab_3: np.ndarray) -> str:
    """Return the name of a colour. Lightness has half the weight, because colours are named by hue first."""
    lightness, a, b = (float(v) for v in lab_3)
    if np.hypot(a, b) < NEUTRAL_CHROMA:
        return "black" if lightness < 28 else "white" if lightness > 76 else "grey"
    chromatic = [name for name in COLOURS if not is_neutral(name)]
    weights = np.array([0.5, 1, 1])
    return min(chromatic, key=lambda name: float(np.linalg.norm(weights * (np.array(COLOURS[name]) - lab_3))))


def region_colour(lab: FloatImage, region: Mask, name: str = "") -> np.ndarray:
    """Return the (3,) Lab colour of a region: the median of its pixels of the dominant or the named hue.

    Args:
        lab: (H, W, 3).
        name: key of COLOURS if the hue is known; '' to find the dominant one.
    """
    pixels = lab[region]
    chroma = np.hypot(pixels[:, 1], pixels[:, 2])
    if name and not is_neutral(name):
        degrees = hue_degrees(np.array(COLOURS[name]))
    elif float(np.median(chroma)) < NEUTRAL_CHROMA:
        return np.median(pixels, axis=0)
    else:
        degrees = dominant_hue(pixels)
    near = (hue_distance(pixels, degrees) < HUE_SPREAD) & (chroma > NEUTRAL_CHROMA)
    return np.median(pixels[near], axis=0) if near.sum() >= 16 else np.median(pixels, axis=0)


def dominant_hue(lab_N3: np.ndarray) -> float:
    """Return the peak in degrees of the hue histogram, in which each pixel is weighted by its chroma."""
    chroma = np.hypot(lab_N3[:, 1], lab_N3[:, 2])
    counts, _ = np.histogram(hue_angle(lab_N3) % 360, bins=36, range=(0, 360), weights=chroma)
    smooth = counts + np.roll(counts, 1) + np.roll(counts, -1)
    return float(10 * np.argmax(smooth) + 5)


def hue_degrees(lab_3: np.ndarray) -> float:
    """Return the hue in degrees, in (-180, 180]."""
    return float(hue_angle(lab_3))


def hue_distance(lab: np.ndarray, degrees: float) -> np.ndarray:
    """Return the distance in degrees, in [0, 180], between each pixel's hue and the given one."""
    return np.abs((hue_angle(lab) - degrees + 180) % 360 - 180)


def hue_angle(lab: np.ndarray) -> np.ndarray:
    """Return hues in degrees, in (-180, 180]."""
    return np.degrees(np.arctan2(lab[..., 2], lab[..., 1]))
