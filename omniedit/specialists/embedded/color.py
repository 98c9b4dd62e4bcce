"""Named colours in CIE L*a*b*: naming the colour of an object, and painting it in another."""

import numpy as np

from omniedit.imaging.color import FloatImage, smoothstep
from omniedit.imaging.color_names import ALIASES, COLOURS
from omniedit.imaging.images import Mask
from omniedit.imaging.procedural import Field

NEUTRAL_CHROMA = 9.0
"""Chroma below which a surface is called white, grey or black."""

HUE_SPREAD = 45.0
"""Distance in degrees from an object's own hue within which pixels count as that colour."""


NEUTRAL_REACH = 50.0
"""Largest change of L* when an object turns white, grey or black; beyond it, shading is lost or noise appears."""


def can_become(own: np.ndarray, colour: str) -> bool:
    """Return whether an object of this Lab colour can change to the named colour, and visibly so."""
    wanted = np.array(COLOURS[colour])
    if nearest_colour(own) == colour or float(np.linalg.norm(wanted - own)) < 35:
        return False
    return abs(float(wanted[0]) - reachable_lightness(own, colour)) < 24


def reachable_lightness(own: np.ndarray, colour: str) -> float:
    """Return the L* of a painted object: the colour's own, or as near as shading allows (dark objects stay dark)."""
    reach = NEUTRAL_REACH if is_neutral(colour) else float(min(30, 0.65 * own[0]))
    return float(np.clip(COLOURS[colour][0], own[0] - reach, own[0] + reach))


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
    """Return the name of a colour. Lightness counts half, because colours are named by hue first."""
    lightness, a, b = (float(v) for v in lab_3)
    if np.hypot(a, b) < NEUTRAL_CHROMA:
        return "black" if lightness < 28 else "white" if lightness > 76 else "grey"
    chromatic = [name for name in COLOURS if not is_neutral(name)]
    weights = np.array([0.5, 1, 1])
    return min(chromatic, key=lambda name: float(np.linalg.norm(weights * (np.array(COLOURS[name]) - lab_3))))


def own_colour(lab: FloatImage, region: Mask, name: str = "") -> np.ndarray:
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
    counts, _ = np.histogram(_hue(lab_N3) % 360, bins=36, range=(0, 360), weights=chroma)
    smooth = counts + np.roll(counts, 1) + np.roll(counts, -1)
    return float(10 * np.argmax(smooth) + 5)


def hue_degrees(lab_3: np.ndarray) -> float:
    """Return the hue in degrees, in (-180, 180]."""
    return float(_hue(lab_3))


def hue_distance(lab: np.ndarray, degrees: float) -> np.ndarray:
    """Return the distance in degrees, in [0, 180], between each pixel's hue and the given one."""
    return np.abs((_hue(lab) - degrees + 180) % 360 - 180)


def membership(lab: FloatImage, own: np.ndarray) -> Field:
    """Return (H, W) in [0, 1]: how much a pixel has the object's own colour; 1 everywhere for a grey object."""
    if np.hypot(own[1], own[2]) < NEUTRAL_CHROMA:
        return np.ones(lab.shape[:2], np.float32)
    near = 1 - smoothstep(HUE_SPREAD, HUE_SPREAD + 20, hue_distance(lab, hue_degrees(own)))
    return near * smoothstep(3, 9, np.hypot(lab[..., 1], lab[..., 2]))


def recolor(lab: FloatImage, own: np.ndarray, colour: str) -> FloatImage:
    """Paint a surface of colour `own` in another one; shading, highlights and small variations stay.

    Lightness follows a gamma curve from the old lightness to the new one, so that black stays black and white stays
    white. Chroma is scaled by each pixel's ratio to the old chroma, so that highlights stay clear.
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
    """Map L* along the power curve through (0, 0), (old, new) and (100, 100)."""
    inside = np.clip([old / 100, new / 100], 0.03, 0.97)
    gamma = float(np.log(inside[1]) / np.log(inside[0]))
    return (100 * np.power(np.clip(lightness / 100, 0, 1), np.float32(gamma))).astype(np.float32)


def _hue(lab: np.ndarray) -> np.ndarray:
    return np.degrees(np.arctan2(lab[..., 2], lab[..., 1]))
