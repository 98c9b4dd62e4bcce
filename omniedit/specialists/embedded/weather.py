"""Weather effects that use a photo's depth (fog, rain and snow), and the colours of autumn."""

import cv2
import numpy as np

from omniedit.imaging.color import (
    FloatImage,
    blur,
    from_lab,
    luma,
    mix,
    saturate,
    smoothstep,
    to_bytes,
    to_float,
    to_lab,
)
from omniedit.imaging.images import Image
from omniedit.imaging.procedural_noise import Field, fractal_noise, line_kernel
from omniedit.specialists.embedded.relighting import dull_light
from omniedit.specialists.embedded.scene_cues import SceneCues

RAIN_LAYERS = ((0.014, 0.45, 0.006, 0.16), (0.032, 0.7, 0.0009, 0.24), (0.070, 1.0, 0.00009, 0.28))
"""Layers from far to near: streak length as a fraction of the image's side, streak thickness in pixels, share of pixels
in which a streak starts, opacity."""


def fog(image: Image, scene: SceneCues, rng: np.random.Generator) -> Image:
    """Add drifting banks of fog by Koschmieder's law: I = J t + A (1 - t), t = exp(-beta depth) (He et al. 2009)."""
    height, width = image.shape[:2]
    soft = saturate(dull_light(image, scene, rng, brightness=1.0), 0.9)
    beta = rng.uniform(1.7, 2.5)
    banks = 0.75 + 0.5 * fractal_noise(height, width, 0.5 * width, rng)
    transmission = np.exp(-np.float32(beta) * banks * (0.04 + 0.96 * scene.depth**1.3))
    return to_bytes(mix(soft, airlight(height, width, rng), 1 - transmission))


def airlight(height: int, width: int, rng: np.random.Generator) -> FloatImage:
    """Return the (H, W, 3) light of the fog: pale, faintly cloudy, a little brighter above."""
    rows = np.linspace(1.02, 0.95, height, dtype=np.float32)[:, None]
    drift = 0.97 + 0.05 * fractal_noise(height, width, 0.7 * width, rng, octaves=3)
    return (rows * drift)[..., None] * np.array([0.82, 0.84, 0.86], np.float32)


def rain(image: Image, scene: SceneCues, rng: np.random.Generator) -> Image:
    """Add rain: a dull sky, mist in the distance, darker wet surfaces with a sheen, streaks at three distances."""
    height, width = image.shape[:2]
    dull = dull_light(image, scene, rng, brightness=float(rng.uniform(0.70, 0.80)))
    wet = mix(dull, wet_surface(dull, scene), 1 - scene.sky)
    mist = 1 - np.exp(-np.float32(rng.uniform(0.8, 1.2)) * scene.depth)
    misty = mix(wet, np.broadcast_to(np.array([0.60, 0.63, 0.66], np.float32), dull.shape), 0.8 * mist)
    falling = rain_streaks(height, width, rng)
    return to_bytes(misty + falling[..., None] * (0.92 - misty) * np.array([0.95, 0.98, 1.0], np.float32))


def wet_surface(rgb: FloatImage, scene: SceneCues) -> FloatImage:
    """Return wet ground: darker and purer in colour, with the sky's light smeared downwards."""
    height = rgb.shape[0]
    darker = saturate(rgb * 0.82, 1.35)
    smear = cv2.blur(luma(rgb), (3, max(3, height // 24)))
    ground = smoothstep(scene.horizon, 1.0, np.linspace(0, 1, height, dtype=np.float32)[:, None])
    sheen = ground * smoothstep(0.35, 0.8, smear) * 0.22
    return darker + sheen[..., None] * np.array([0.9, 0.95, 1.0], np.float32)


def rain_streaks(height: int, width: int, rng: np.random.Generator) -> Field:
    """Return the (H, W) opacity of falling drops, motion-blurred along the wind; distant ones are short, fine and
    numerous.
    """
    side = np.sqrt(height * width)
    lean = rng.uniform(68, 86) if rng.random() < 0.5 else rng.uniform(94, 112)
    total = np.zeros((height, width), np.float32)
    for length, thickness, share, strength in RAIN_LAYERS:
        pixels = max(7, round(length * side))
        drops = (rng.random((height, width), dtype=np.float32) < share).astype(np.float32)
        trails = cv2.filter2D(blur(drops, thickness), -1, line_kernel(pixels, lean + rng.normal(0, 1.5)))
        trails *= pixels * 2 * thickness * np.sqrt(np.pi)
        gusts = 0.55 + 0.9 * fractal_noise(height, width, 0.4 * side, rng, octaves=3)
        total += np.float32(strength) * np.clip(trails, 0, 1) * gusts
    return np.clip(total, 0, 0.6)


def snow(image: Image, scene: SceneCues, rng: np.random.Generator) -> Image:
    """Add snow on surfaces that face the sky, a white sky, haze and flakes at four distances."""
    height, width = image.shape[:2]
    dull = dull_light(image, scene, rng, brightness=1.0)
    covered = mix(dull, snow_surface(dull), snow_cover(image, scene, rng))
    haze = 0.55 * scene.depth**1.5
    white = np.broadcast_to(np.array([0.84, 0.86, 0.89], np.float32), dull.shape)
    return to_bytes(mix(mix(covered, white, haze), np.ones_like(dull), snowflakes(height, width, rng)))


def snow_cover(image: Image, scene: SceneCues, rng: np.random.Generator) -> Field:
    """Return the (H, W) opacity of snow cover: most on grass and open ground, some on the upper sides of everything
    else.
    """
    height, width = image.shape[:2]
    rgb = to_float(image)
    grey = luma(rgb)
    drifts = fractal_noise(height, width, 0.12 * width, rng)
    fine = (grey - blur(grey, 4.0)) / max(float((grey - blur(grey, 4.0)).std()), 1e-3)
    rows = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    open_ground = smoothstep(0.2, 0.7, blur(scene.plants, 0.01 * width)) * smoothstep(
        scene.horizon - 0.02, scene.horizon + 0.1, rows
    )
    broad = blur(grey, 0.003 * height)
    upward = smoothstep(0.02, 0.16, broad - _lower(broad, round(0.012 * height)))
    on_ground = open_ground * smoothstep(-1.9, 0.1, 0.8 * fine + 2.2 * (drifts - 0.42))
    on_edges = 0.6 * upward * smoothstep(0.25, 0.6, drifts) * smoothstep(0.2, 0.5, grey)
    dusting = 0.5 * scene.plants * smoothstep(0.2, 1.8, fine) * smoothstep(0.12, 0.4, grey)
    return np.clip(np.maximum(np.maximum(on_ground * 0.97, on_edges), dusting) * (1 - scene.sky), 0, 1)


def snow_surface(rgb: FloatImage) -> FloatImage:
    """Return snow with the relief of the surface below it: bright, and blue in the hollows."""
    relief = blur(luma(rgb), 1.5)
    relief = relief - blur(relief, 25.0)
    bright = np.clip(0.86 + 0.55 * relief, 0.55, 1.0)
    return bright[..., None] - np.clip(0.9 - bright, 0, 1)[..., None] * np.array([0.22, 0.10, -0.05], np.float32)


def snowflakes(height: int, width: int, rng: np.random.Generator) -> Field:
    """Return the (H, W) opacity of blown flakes: many small and sharp ones far away, few large and soft ones near."""
    side = np.sqrt(height * width)
    total = np.zeros((height, width), np.float32)
    wind = rng.uniform(-35, 35)
    for radius, per_megapixel, strength in ((0.8, 2600, 0.6), (1.5, 1100, 0.85), (2.8, 330, 0.85), (6.5, 40, 0.5)):
        size = radius * side / 1200
        layer = _scatter_discs(height, width, size, round(per_megapixel * height * width / 1e6), rng)
        trail = line_kernel(max(3, round(2.2 * size)), 90 + wind + rng.normal(0, 8))
        total = np.maximum(total, np.float32(strength) * cv2.filter2D(blur(layer, 0.35 * size), -1, trail))
    return np.clip(total, 0, 1)


def autumn(image: Image, scene: SceneCues, rng: np.random.Generator) -> Image:
    """Turn green to gold, orange and russet in patches; everything but plants only gets slightly warmer."""
    height, width = image.shape[:2]
    lab = to_lab(to_float(image))
    patches = fractal_noise(height, width, 0.22 * width, rng, octaves=6)
    grass = smoothstep(0.7, 0.95, blur(scene.plants, 0.03 * width))
    hue = np.deg2rad(88 - (40 - 27 * grass) * smoothstep(0.25, 0.8, patches) + rng.uniform(-6, 2)).astype(np.float32)
    old_chroma = np.hypot(lab[..., 1], lab[..., 2])
    chroma = old_chroma * 1.2 + 8 * smoothstep(5, 20, old_chroma)
    lightness = lab[..., 0] * 1.03 + 2
    turned = from_lab(np.dstack([lightness, chroma * np.cos(hue), chroma * np.sin(hue)]))
    warm = to_float(image) * np.array([1.03, 1.0, 0.94], np.float32)
    return to_bytes(mix(warm, turned, np.clip(blur(scene.plants, 1.0), 0, 1)))


def _lower(field: Field, rows: int) -> Field:
    """Return the values `rows` below each pixel."""
    return np.vstack([field[rows:], np.repeat(field[-1:], rows, axis=0)])


def _scatter_discs(height: int, width: int, radius: float, count: int, rng: np.random.Generator) -> Field:
    canvas = np.zeros((height, width), np.uint8)
    centres = rng.uniform((0, 0), (width, height), (count, 2))
    radii = radius * rng.uniform(0.6, 1.4, count)
    for (x, y), r in zip(centres, radii, strict=True):
        cv2.circle(canvas, (round(x * 16), round(y * 16)), max(8, round(r * 16)), 255, -1, cv2.LINE_AA, 4)
    return canvas.astype(np.float32) / 255
