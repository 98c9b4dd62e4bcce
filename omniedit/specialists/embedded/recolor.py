"""Painting of an object in another named colour, in CIE L*a*b*."""

import numpy as np

from omniedit.imaging.color import FloatImage, smoothstep
from omniedit.imaging.color_names import (
    COLOURS,
    HUE_SPREAD,
    NEUTRAL_CHROMA,
    hue_angle,
    hue_degrees,
    hue_distance,
    is_neutral,
    nearest_colour,
)
from omniedit.imaging.procedural_noise import Field

NEUTRAL_REACH = 50.0
"""Maximum change of L* when an object turns white, grey or black; beyond it, shading is lost or noise appears."""


def can_become(own: np.ndarray, colour: str) -> bool:
    """Return whether an object of this Lab colour can visibly change to the named colour."""
    target = np.array(COLOURS[colour])
    if nearest_colour(own) == colour or float(np.linalg.norm(target - own)) < 35:
        return False
    return abs(float(target[0]) - target_lightness(own, colour)) < 24


def target_lightness(own: np.ndarray, colour: str) -> float:
    """Return the L* of a painted object: the colour's own, or as near as shading allows (dark objects stay dark)."""
    reach = NEUTRAL_REACH if is_neutral(colour) else float(min(30, 0.65 * own[0]))
    return float(np.clip(COLOURS[colour][0], own[0] - reach, own[0] + reach))


def membership(lab: FloatImage, own: np.ndarray) -> Field:
    """Return (H, W) in [0, 1]: how much a pixel has the object's own colour; 1 everywhere for a grey object."""
    if np.hypot(own[1], own[2]) < NEUTRAL_CHROMA:
        return np.ones(lab.shape[:2], np.float32)
    near = 1 - smoothstep(HUE_SPREAD, HUE_SPREAD + 20, hue_distance(lab, hue_degrees(own)))
    return near * smoothstep(3, 9, np.hypot(lab[..., 1], lab[..., 2]))


def recolor(lab: FloatImage, own: np.ndarray, colour: str) -> FloatImage:
    """Paint a surface of colour `own` in another colour, preserving shading, highlights and small variations.

    Lightness follows a gamma curve from the old lightness to the new one, so that black stays black and white stays
    white. Chroma is scaled by each pixel's ratio to the old chroma, so that highlights stay clear.
    """
    goal = np.array(COLOURS[colour], np.float32)
    target = target_lightness(own, colour)
    lightness = gamma_through(lab[..., 0], float(own[0]), target)
    own_chroma = float(np.hypot(own[1], own[2]))
    if is_neutral(colour):
        return np.dstack([lightness, 0.06 * lab[..., 1:]])
    if own_chroma < NEUTRAL_CHROMA:
        strength = 1 - 0.8 * smoothstep(max(80.0, target + 8), 101, lightness)
        turn = np.zeros_like(lightness)
    else:
        strength = np.clip(np.hypot(lab[..., 1], lab[..., 2]) / own_chroma, 0, 1.3)
        turn = 0.4 * np.clip((hue_angle(lab) - hue_degrees(own) + 180) % 360 - 180, -30, 30)
    full = 0.92 * float(np.hypot(goal[1], goal[2])) * min(1.0, target / float(goal[0]))
    chroma = full * strength * smoothstep(-5, 28, lightness)
    hue = np.deg2rad(hue_degrees(goal) + turn)
    return np.dstack([lightness, chroma * np.cos(hue), chroma * np.sin(hue)]).astype(np.float32)


def gamma_through(lightness: Field, old: float, new: float) -> Field:
    """Map L* along the power curve through (0, 0), (old, new) and (100, 100)."""
    inside = np.clip([old / 100, new / 100], 0.03, 0.97)
    gamma = float(np.log(inside[1]) / np.log(inside[0]))
    return (100 * np.power(np.clip(lightness / 100, 0, 1), np.float32(gamma))).astype(np.float32)
