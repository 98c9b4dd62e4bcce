"""Colours by name, measured and given, in CIE L*a*b*."""

import numpy as np

from omniedit.imaging.color import FloatImage, smoothstep
from omniedit.imaging.images import Mask
from omniedit.imaging.procedural import Field

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
"""What each name means: L in [0, 100], a, b."""

ALIASES = {"gray": "grey", "golden": "yellow", "violet": "purple", "teal": "turquoise"}

NEUTRAL_CHROMA = 9.0
"""Below this a surface is called white, grey or black."""

HUE_SPREAD = 45.0
"""Degrees on either side of an object's own hue within which its pixels are taken to be of that colour."""


NEUTRAL_REACH = 50.0
"""Largest change of L* when a thing is turned white, grey or black: beyond it, shading is lost or noise appears."""


def can_become(own: np.ndarray, colour: str) -> bool:
    """Whether a thing of this Lab colour would be seen to change to the named one, and could."""
    wanted = np.array(COLOURS[colour])
    if nearest_colour(own) == colour or float(np.linalg.norm(wanted - own)) < 35:
        return False
    return abs(float(wanted[0]) - reachable_lightness(own, colour)) < 24


def reachable_lightness(own: np.ndarray, colour: str) -> float:
    """L* that a thing takes on when painted: the colour's own, or as near as shading allows (dark things stay dark)."""
    reach = NEUTRAL_REACH if is_neutral(colour) else float(min(30, 0.65 * own[0]))
    return float(np.clip(COLOURS[colour][0], own[0] - reach, own[0] + reach))


def colour_word(name: str) -> str | None:
    """The colour in an object's name ('red' of 'red bowl'), by its key in COLOURS."""
    words = [ALIASES.get(word, word) for word in name.lower().split()]
    return next((word for word in words if word in COLOURS), None)


def without_colour(name: str) -> str:
    """'bowl' of 'red bowl'."""
    kept = [word for word in name.split() if ALIASES.get(word.lower(), word.lower()) not in COLOURS]
    return " ".join(kept) or name


def is_neutral(colour: str) -> bool:
    return COLOURS[colour][1:] == (0, 0)


def nearest_colour(lab_3: np.ndarray) -> str:
    """The name of a colour; lightness counts half, as names are given by hue first."""
    lightness, a, b = (float(v) for v in lab_3)
    if np.hypot(a, b) < NEUTRAL_CHROMA:
        return "black" if lightness < 28 else "white" if lightness > 76 else "grey"
    chromatic = [name for name in COLOURS if not is_neutral(name)]
    weights = np.array([0.5, 1, 1])
    return min(chromatic, key=lambda name: float(np.linalg.norm(weights * (np.array(COLOURS[name]) - lab_3))))


def own_colour(lab: FloatImage, region: Mask, name: str = "") -> np.ndarray:
    """(3,) Lab that a region is called after: the median of its pixels of the dominant hue, or of the named one.

    Args:
        lab: (H, W, 3).
        name: key of COLOURS whose hue is known to be meant, '' to find the dominant one.
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
    """Degrees: the peak of the histogram of hues, each pixel weighted by its chroma."""
    chroma = np.hypot(lab_N3[:, 1], lab_N3[:, 2])
    counts, _ = np.histogram(_hue(lab_N3) % 360, bins=36, range=(0, 360), weights=chroma)
    smooth = counts + np.roll(counts, 1) + np.roll(counts, -1)
    return float(10 * np.argmax(smooth) + 5)


def hue_degrees(lab_3: np.ndarray) -> float:
    """Degrees in (-180, 180]."""
    return float(_hue(lab_3))


def hue_distance(lab: np.ndarray, degrees: float) -> np.ndarray:
    """Degrees in [0, 180] between each pixel's hue and the given one."""
    return np.abs((_hue(lab) - degrees + 180) % 360 - 180)


def membership(lab: FloatImage, own: np.ndarray) -> Field:
    """(H, W) in [0, 1]: how surely a pixel has the object's own colour; 1 everywhere where that is a grey."""
    if np.hypot(own[1], own[2]) < NEUTRAL_CHROMA:
        return np.ones(lab.shape[:2], np.float32)
    near = 1 - smoothstep(HUE_SPREAD, HUE_SPREAD + 20, hue_distance(lab, hue_degrees(own)))
    return near * smoothstep(3, 9, np.hypot(lab[..., 1], lab[..., 2]))


def recolor(lab: FloatImage, own: np.ndarray, colour: str) -> FloatImage:
    """A surface of `own` colour painted in another one: shading, highlights and small variations stay.

    Lightness follows a gamma curve that takes the own to the wanted one, so that black stays black and white white;
    chroma is scaled pixel by pixel as it was to the own, so that highlights stay clear.
    """
    wanted = np.array(COLOURS[colour], np.float32)
    target = reachable_lightness(own, colour)
    lightness = gamma_through(lab[..., 0], float(own[0]), target)
    own_chroma = float(np.hypot(own[1], own[2]))
    if is_neutral(colour):
        return np.dstack([lightness, 0.06 * lab[..., 1:]])
    if own_chroma < NEUTRAL_CHROMA:
        strength = 1 - 0.8 * smoothstep(max(80.0, target + 8), 101, lightness)
        turn = np.zeros_like(lightness)
    else:
        strength = np.clip(np.hypot(lab[..., 1], lab[..., 2]) / own_chroma, 0, 1.3)
        turn = 0.4 * np.clip((_hue(lab) - hue_degrees(own) + 180) % 360 - 180, -30, 30)
    full = 0.92 * float(np.hypot(wanted[1], wanted[2])) * min(1.0, target / float(wanted[0]))
    chroma = full * strength * smoothstep(-5, 28, lightness)
    hue = np.deg2rad(hue_degrees(wanted) + turn)
    return np.dstack([lightness, chroma * np.cos(hue), chroma * np.sin(hue)]).astype(np.float32)


def gamma_through(lightness: Field, old: float, new: float) -> Field:
    """L* on the power curve through (0, 0), (old, new) and (100, 100)."""
    inside = np.clip([old / 100, new / 100], 0.03, 0.97)
    gamma = float(np.log(inside[1]) / np.log(inside[0]))
    return (100 * np.power(np.clip(lightness / 100, 0, 1), np.float32(gamma))).astype(np.float32)


def _hue(lab: np.ndarray) -> np.ndarray:
    return np.degrees(np.arctan2(lab[..., 2], lab[..., 1]))
