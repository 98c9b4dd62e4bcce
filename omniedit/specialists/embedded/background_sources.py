"""Backgrounds for background swap: skies, studio paper, table tops and other photos."""

from collections.abc import Callable

import cv2
import numpy as np

from omniedit.imaging.color import FloatImage, blur, from_lab, luma, mix, smoothstep, to_float, to_lab
from omniedit.imaging.images import Image, Mask, resize_cover
from omniedit.imaging.procedural_noise import Field, fractal_noise
from omniedit.specialists.embedded.procedural_materials import MATERIALS
from omniedit.specialists.embedded.relighting import cloud_cover
from omniedit.specialists.embedded.scene_cues import focus_share

Sky = Callable[[int, int, float, np.random.Generator], FloatImage]
"""Function of (height, width, horizon as a fraction of the height, rng) that returns (H, W, 3) sRGB."""


def fair_sky(height: int, width: int, horizon: float, rng: np.random.Generator) -> FloatImage:
    """Paint a sky that is deep blue above and pale at the horizon, with white cumulus."""
    down = _down(height, width, horizon)
    blue = _between(down, (0.16, 0.36, 0.72), (0.68, 0.82, 0.94))
    return mix(blue, np.ones_like(blue) * np.float32(0.98), _cumulus(height, width, horizon, rng, cover=0.52))


def hazy_sky(height: int, width: int, horizon: float, rng: np.random.Generator) -> FloatImage:
    """Paint a pale and milky sky, a little warm at the horizon, with thin high clouds."""
    veil = _between(_down(height, width, horizon), (0.66, 0.76, 0.86), (0.93, 0.91, 0.86))
    return mix(veil, np.ones_like(veil) * np.float32(0.95), 0.5 * _cumulus(height, width, horizon, rng, cover=0.35))


def storm_sky(height: int, width: int, horizon: float, rng: np.random.Generator) -> FloatImage:
    """Paint dark, heavy layers of cloud with a pale gap above the horizon."""
    heavy = np.clip(cloud_cover(height, width, horizon, rng) - 0.26, 0.06, 1)
    contrast = np.clip((heavy - 0.42) * 1.35 + 0.40, 0.1, 0.9)
    pale = np.broadcast_to(np.array([0.74, 0.77, 0.78], np.float32), contrast.shape)
    return mix(contrast, pale, 0.6 * smoothstep(0.6, 1.1, _down(height, width, horizon)))


SKIES: dict[str, Sky] = {
    "a blue sky with white clouds": fair_sky,
    "a pale, hazy sky": hazy_sky,
    "a dark, stormy sky": storm_sky,
}
"""Skies for a landscape in daylight. A sunset is left out, because the white light on the land would not match it."""

PAPERS: dict[str, tuple[float, float, float]] = {
    "a pale blue studio backdrop": (82, -5, -14),
    "a warm grey studio backdrop": (72, 1, 4),
    "a sage green studio backdrop": (70, -13, 12),
    "a dusty pink studio backdrop": (76, 18, 6),
    "a dark grey studio backdrop": (30, 0, -1),
}
"""Lab colours of seamless studio paper."""

TABLE_TOPS = {
    "a wooden table top": "polished wood",
    "a white marble table top": "white marble",
    "a granite table top": "granite",
}
"""Surfaces seen from above, with their keys in MATERIALS."""


def studio(height: int, width: int, paper: str, rng: np.random.Generator) -> FloatImage:
    """Paint seamless paper under a soft lamp: brightest behind the middle, darker towards the edges, with slight
    grain.
    """
    x = np.linspace(-1, 1, width, dtype=np.float32)[None] - np.float32(rng.uniform(-0.35, 0.35))
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None] + np.float32(rng.uniform(0.0, 0.35))
    lamp = np.exp(-(x * x + 0.8 * y * y) / 1.6)
    colour = np.array(PAPERS[paper], np.float32)
    grain = rng.normal(0, 0.6, (height, width)).astype(np.float32)
    lightness = colour[0] * (0.74 + 0.34 * lamp) + grain
    flat = np.ones_like(lightness)
    return from_lab(np.dstack([np.clip(lightness, 0, 98), colour[1] * flat, colour[2] * flat]))


def table_top(image: Image, mask: Mask, surface: str, rng: np.random.Generator) -> FloatImage:
    """Paint another surface under the light and shadows of the old one, which must be plain."""
    height, width = mask.shape
    flat = np.zeros((height, width), np.float32)
    plain = from_lab(MATERIALS[TABLE_TOPS[surface]](flat, flat, rng))
    return np.clip(plain * shading(image, mask)[..., None], 0, 1)


def shading(image: Image, mask: Mask) -> Field:
    """Return (H, W) light on the background relative to its lit part.

    Shadows are below 1, and the surface's own marks are smoothed away. Behind the kept object, the light around it is
    extended inwards.
    """
    grey = luma(to_float(image))
    behind = (~mask).astype(np.float32)
    around = blur(grey * behind, 12) / np.maximum(blur(behind, 12), 1e-3)
    filled = np.where(mask, around, grey).astype(np.float32)
    small = cv2.resize(filled, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    for _ in range(3):
        small = cv2.bilateralFilter(cv2.medianBlur(small, 5), 9, 0.12, 7)
    smooth = cv2.resize(small, grey.shape[::-1], interpolation=cv2.INTER_LINEAR)
    lit = float(np.percentile(smooth[~mask], 75))
    return np.clip(smooth / max(lit, 0.05), 0.12, 1.08).astype(np.float32)


def plainness(image: Image, mask: Mask) -> float:
    """Return the share of the background with one hue or grey and little structure: a table, a wall, concrete.

    An out-of-focus background gives 0, because it is not a surface at the object's own distance.
    """
    if focus_share(to_float(image), (~mask).astype(np.float32)) < 0.3:
        return 0.0
    lab = to_lab(blur(to_float(image), 2.0))
    behind = ~mask
    middle = np.median(lab[behind][:, 1:], axis=0)
    similar = np.linalg.norm(lab[..., 1:] - middle, axis=2) < 8
    fine = np.abs(lab[..., 0] - blur(lab[..., 0], 6.0)) < 6
    return float((similar & fine)[behind].mean())


def crop_donor_photo(donor: Image, height: int, width: int, softness: float) -> FloatImage:
    """Crop another photo to size and blur it by `softness`, a share of its side."""
    covering = to_float(resize_cover(donor, width, height))
    return np.clip(blur(covering, max(0.3, softness * float(np.sqrt(height * width)))), 0, 1)


def match_light(background: FloatImage, image: Image, behind: Mask, strength: float) -> FloatImage:
    """Shift mean and spread of the new background in Lab towards those of the old one, whose light falls on the object.

    `strength` in [0, 1] scales the shift (Reinhard et al. 2001, equations 10 and 11).
    """
    old, new = to_lab(to_float(image))[behind], to_lab(background)
    mean, spread = new[behind].mean(axis=0), new[behind].std(axis=0) + 1e-3
    scale = np.clip(old.std(axis=0) / spread, 0.6, 1.4)
    moved = (new - mean) * scale + old.mean(axis=0)
    return from_lab(new + np.float32(strength) * (moved - new).astype(np.float32))


def add_contact_shadow(background: FloatImage, mask: Mask) -> FloatImage:
    """Add the soft shadow that a standing object casts where it meets the ground."""
    height, width = mask.shape
    size = float(np.sqrt(mask.mean()) * np.sqrt(height * width))
    rows = np.arange(height)[:, None]
    lowest = np.where(mask.any(axis=0), height - 1 - np.argmax(mask[::-1], axis=0), -1)
    near_ground = lowest > lowest.max() - 0.35 * size
    foot = (mask & near_ground[None] & (rows > lowest[None] - 0.10 * size)).astype(np.float32)
    wide = blur(np.roll(foot, round(0.02 * size), axis=0), 0.07 * size)
    tight = blur(foot, 0.018 * size)
    return background * (1 - np.clip(0.50 * wide / max(float(wide.max()), 1e-3) + 0.45 * tight, 0, 0.8))[..., None]


def _down(height: int, width: int, horizon: float) -> Field:
    rows = np.linspace(0, 1, height, dtype=np.float32)[:, None] / max(horizon, 0.1)
    return np.repeat(np.clip(rows, 0, 1.2), width, axis=1)


def _between(share: Field, first: tuple[float, float, float], second: tuple[float, float, float]) -> FloatImage:
    t = np.clip(share, 0, 1)[..., None]
    return np.array(first, np.float32) * (1 - t) + np.array(second, np.float32) * t


def _cumulus(height: int, width: int, horizon: float, rng: np.random.Generator, cover: float) -> Field:
    """Return the opacity of cumulus clouds, flatter towards the horizon."""
    squeezed = fractal_noise(height, max(2, width // 2), 0.5 * height * max(horizon, 0.2), rng, octaves=7)
    heaps = cv2.resize(squeezed, (width, height), interpolation=cv2.INTER_CUBIC)
    fine = fractal_noise(height, width, 0.10 * width, rng, octaves=6)
    thickness = 0.75 * heaps + 0.25 * fine
    return smoothstep(cover, cover + 0.26, thickness).astype(np.float32)
