"""Procedural materials for objects: their own colour and pattern, with the object's shading."""

from collections.abc import Callable

import numpy as np

from omniedit.imaging.color import FloatImage, blur, smoothstep
from omniedit.imaging.images import Mask
from omniedit.imaging.procedural_noise import Field, fractal_noise, streaks, white_noise

Surface = Callable[[Field, Field, np.random.Generator], FloatImage]
"""Function of (relief, detail, rng) that returns (H, W, 3) Lab. Relief is L minus its median, without detail finer than
a few pixels."""


def apply_material(lab: FloatImage, region: Mask, surface: Surface, rng: np.random.Generator) -> FloatImage:
    """Return the object with another surface as Lab; only pixels inside the region are meaningful."""
    inside = region.astype(np.float32)
    sigma = max(2.0, float(np.sqrt(region.sum())) / 110)
    smooth = blur(lab[..., 0] * inside, sigma) / np.maximum(blur(inside, sigma), 1e-2)
    relief = smooth - np.float32(np.median(smooth[region]))
    spread = max(float(relief[region].std()), 4.0)
    return surface(relief * min(1.0, 16 / spread), lab[..., 0] - smooth, rng)


def marble(relief: Field, detail: Field, rng: np.random.Generator) -> FloatImage:
    """Paint white marble with grey veins: ridges of noise that is itself displaced by noise (Perlin 1985)."""
    height, width = relief.shape
    side = float(np.sqrt(height * width))
    clouds = fractal_noise(height, width, side / 3, rng)
    veins = sum(
        weight * np.exp(-np.abs(fractal_noise(height, width, side / frequency, rng, 6) - 0.5) / thickness)
        for weight, frequency, thickness in ((1.0, 2.2, 0.012), (0.6, 4.0, 0.010), (0.35, 7.0, 0.012))
    )
    vein = np.clip(np.asarray(veins, np.float32) * (0.35 + 0.9 * clouds), 0, 1)
    lightness = 87 - 7 * clouds - 38 * vein + 0.85 * np.minimum(relief, 12) + 0.4 * detail
    return _lab(lightness, 0.4 + 0 * vein, 1.8 - 1.5 * vein)


def wood(relief: Field, detail: Field, rng: np.random.Generator) -> FloatImage:
    """Paint polished walnut: growth rings bent by noise, and fine pores along the grain."""
    height, width = relief.shape
    side = float(np.sqrt(height * width))
    degrees = float(rng.uniform(-25, 25))
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32) / side
    across = -columns * np.sin(np.deg2rad(degrees)) + rows * np.cos(np.deg2rad(degrees))
    along = columns * np.cos(np.deg2rad(degrees)) + rows * np.sin(np.deg2rad(degrees))
    bend = fractal_noise(height, width, side / 1.6, rng, octaves=3)
    phase = 16 * across + 5.0 * bend + 1.2 * np.sin(2.1 * along + 4 * bend)
    rings = (phase - np.floor(phase)) ** 1.6
    pores = streaks(height, width, round(side / 14), degrees, rng)
    tone = np.clip(0.55 * (1 - rings) + 0.45 * bend + 0.05 * pores, 0, 1)
    lightness = 27 + 25 * tone + 0.9 * relief + 0.4 * detail + 1.1 * pores
    return _lab(lightness, 15 + 4 * tone, 20 + 14 * tone)


def gold(relief: Field, detail: Field, rng: np.random.Generator) -> FloatImage:
    return _metal(
        relief, detail, np.array([[4, 8, 6], [30, 14, 32], [62, 8, 60], [84, 0, 56], [98, -2, 18]], np.float32)
    )


def copper(relief: Field, detail: Field, rng: np.random.Generator) -> FloatImage:
    return _metal(
        relief, detail, np.array([[3, 6, 5], [26, 24, 22], [54, 32, 34], [78, 22, 28], [97, 4, 8]], np.float32)
    )


def silver(relief: Field, detail: Field, rng: np.random.Generator) -> FloatImage:
    return _metal(relief, detail, np.array([[3, 0, 0], [30, 0, -2], [64, 0, -2], [86, 0, -1], [99, 0, 0]], np.float32))


def _metal(relief: Field, detail: Field, ramp: FloatImage) -> FloatImage:
    """Push shading to high contrast, add a second bright band like a reflected horizon, and colour it along a ramp."""
    shade = 54 + 1.7 * relief + 0.9 * detail
    lightness = shade + 13 * np.sin(shade / 100 * 4.2 * np.pi)
    stops = np.clip(lightness, 0, 100)
    return _lab(*(np.interp(stops, ramp[:, 0], ramp[:, c]) for c in range(3)))


def granite(relief: Field, detail: Field, rng: np.random.Generator) -> FloatImage:
    """Paint granite: grains of light feldspar, grey quartz and black mica."""
    height, width = relief.shape
    grains = 0.6 * fractal_noise(height, width, 6, rng, octaves=3) + 0.4 * blur(white_noise(height, width, rng), 0.9)
    mica = smoothstep(0.62, 0.72, fractal_noise(height, width, 7, rng, octaves=3))
    lightness = 56 + 60 * (grains - 0.5) - 26 * mica + 0.85 * relief + 0.35 * detail
    return _lab(lightness, 1.5 * (grains - 0.5) + 0.8, 2.0 + 3 * (grains - 0.5))


def ceramic(relief: Field, detail: Field, rng: np.random.Generator) -> FloatImage:
    """Paint glazed blue ceramic: smooth, deep in the shade, clear in the highlights, with faint pools of glaze."""
    height, width = relief.shape
    pools = fractal_noise(height, width, float(np.sqrt(height * width)) / 4, rng, octaves=3)
    lightness = 40 + 1.15 * relief + 0.4 * detail + 7 * (pools - 0.5) + 26 * smoothstep(14, 30, relief)
    clear = smoothstep(62, 92, lightness)
    return _lab(lightness, 10 - 10 * clear, -46 + 40 * clear + 6 * pools)


MATERIALS: dict[str, Surface] = {
    "white marble": marble,
    "polished wood": wood,
    "gold": gold,
    "copper": copper,
    "silver": silver,
    "granite": granite,
    "blue ceramic": ceramic,
}


def _lab(lightness: Field, a: Field, b: Field) -> FloatImage:
    return np.dstack([np.clip(lightness, 0, 100), a, b]).astype(np.float32)
