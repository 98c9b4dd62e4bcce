"""Relighting of a photo as night, dusk, golden hour or overcast. The geometry stays, pixel for pixel."""

import cv2
import numpy as np

from omniedit.imaging.color import (
    FloatImage,
    blur,
    from_linear,
    luma,
    mix,
    saturate,
    smoothstep,
    to_bytes,
    to_float,
    to_linear,
)
from omniedit.imaging.images import Image
from omniedit.imaging.procedural_noise import Field, fractal_noise
from omniedit.specialists.embedded.scene_cues import SceneCues


def night(image: Image, scene: SceneCues, rng: np.random.Generator) -> Image:
    """Relight as night: the blue, blurred vision of rods (Thompson, Shirley and Ferwerda 2002), stars, noise."""
    height, width = image.shape[:2]
    light = to_linear(to_float(image))
    moonlit = scotopic(flatten_light(light, scene))
    dim = moonlit * np.sqrt(luma(moonlit) + 0.02)[..., None] * np.float32(rng.uniform(0.34, 0.46))
    dim += 0.10 * blur(np.clip(dim - 0.06, 0, 1), 0.012 * width)
    dim *= (1 - 0.35 * scene.depth * (1 - scene.sky))[..., None]
    ground = mix(dim, blur(dim, 1.2), np.full((height, width), 0.6, np.float32))
    sky = starry_sky(height, width, scene.horizon, rng)
    clouds = 0.03 * np.clip(cloud_relief(image, scene, 1.0) - 1, 0, 1) * np.array([0.55, 0.70, 1.0], np.float32)
    shot = rng.normal(0, 0.010, (height, width, 1)) + rng.normal(0, 0.005, (height, width, 3))
    return to_bytes(from_linear(mix(ground, sky + clouds, scene.sky)) + blur(shot.astype(np.float32), 0.7))


def dusk(image: Image, scene: SceneCues, rng: np.random.Generator) -> Image:
    """Relight as the blue hour: dim blue light from above, the last rose and amber along a horizon that is visible."""
    height, width = image.shape[:2]
    light = flatten_light(to_linear(to_float(image)), scene)
    skylight = np.array([0.48, 0.60, 1.0], np.float32) * np.float32(rng.uniform(0.38, 0.48))
    ground = saturate(light, 0.72) * skylight
    zenith, middle = np.array([0.035, 0.065, 0.20], np.float32), np.array([0.20, 0.20, 0.42], np.float32)
    low = np.array([0.80, 0.42, 0.26], np.float32) * np.float32(rng.uniform(0.75, 1.0))
    sky = sky_gradient(height, width, scene.horizon, (zenith, middle, low))
    sky *= cloud_relief(image, scene, 0.55)
    afterglow = np.float32(min(0.05, 0.4 * scene.sky_share))
    rosy = mix(ground, ground + afterglow * low, scene.depth * (1 - scene.sky))
    return to_bytes(from_linear(mix(rosy, sky, scene.sky)))


def golden_hour(image: Image, scene: SceneCues, rng: np.random.Generator) -> Image:
    """Relight with a low warm sun from one side: golden lights, violet shadows, haze that glows towards the sun."""
    height, width = image.shape[:2]
    light = to_linear(to_float(image))
    grey = luma(light)
    lit = smoothstep(0.02, 0.45, grey / max(float(np.percentile(grey, 97)), 1e-3))
    gold, violet = np.array([1.42, 0.98, 0.50], np.float32), np.array([0.80, 0.70, 0.82], np.float32)
    warm = light * (violet + (gold - violet) * lit[..., None])
    towards = sunward(height, width, scene.horizon, from_left=bool(rng.random() < 0.5))
    low, high = np.array([1.0, 0.62, 0.24], np.float32), np.array([0.36, 0.40, 0.55], np.float32)
    evening = sky_gradient(height, width, scene.horizon, (high, np.array([0.80, 0.55, 0.40], np.float32), low))
    sky = mix(evening * cloud_relief(image, scene, 0.5), np.broadcast_to(low * 1.3, light.shape), 0.7 * towards**2)
    scattered = (
        towards
        * (0.10 + 0.38 * scene.depth * min(1.0, 0.35 + 4 * scene.sky_share))
        * np.float32(rng.uniform(0.8, 1.15))
    )
    ground = warm * (0.92 + 0.25 * towards[..., None]) + scattered[..., None] * low * 0.55
    return to_bytes(saturate(from_linear(mix(ground, sky, scene.sky * 0.88)), 1.12))


def overcast(image: Image, scene: SceneCues, rng: np.random.Generator) -> Image:
    """Relight with a grey sky: open shadows, muted highlights, dull and cool colours."""
    return to_bytes(dull_light(image, scene, rng, brightness=float(rng.uniform(0.80, 0.90))))


def dull_light(image: Image, scene: SceneCues, rng: np.random.Generator, brightness: float) -> FloatImage:
    """Return the photo under a cloud cover as sRGB floats; `brightness` 1 keeps the ground's mean luma."""
    height, width = image.shape[:2]
    soft = from_linear(flatten_light(to_linear(to_float(image)), scene))
    cool = np.array([0.97, 1.0, 1.05], np.float32)
    ground = saturate(soft, 0.62) * cool * np.float32(brightness)
    return mix(ground, cloud_cover(height, width, scene.horizon, rng) * np.float32(0.35 + 0.75 * brightness), scene.sky)


def flatten_light(light: FloatImage, scene: SceneCues) -> FloatImage:
    """Remove the sun from linear light: large-scale contrast is halved, fine detail stays (Durand and Dorsey 2002)."""
    log_light = np.log(np.maximum(luma(light), 1e-3))
    small = cv2.resize(log_light, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    base = cv2.resize(cv2.bilateralFilter(small, 9, 0.8, 12), log_light.shape[::-1], interpolation=cv2.INTER_LINEAR)
    ground = scene.sky < 0.5
    middle = float(np.median(base[ground])) if ground.any() else 0.0
    return light * np.exp(-0.5 * (base - middle))[..., None]


def scotopic(light: FloatImage) -> FloatImage:
    """Return rod vision as blue-grey linear RGB (Thompson, Shirley and Ferwerda 2002, eq. 1; Jensen et al. 2000)."""
    x = light @ np.array([0.4124, 0.3576, 0.1805], np.float32)
    y = light @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    z = light @ np.array([0.0193, 0.1192, 0.9505], np.float32)
    rods = np.clip(y * (1.33 * (1 + (y + z) / np.maximum(x, 1e-4)) - 1.68), 0, 1.2)
    blue = rods[..., None] * np.array([0.32, 0.47, 0.86], np.float32)
    return (0.80 * blue + 0.20 * light * np.array([0.5, 0.6, 0.9], np.float32)).astype(np.float32)


def starry_sky(height: int, width: int, horizon: float, rng: np.random.Generator) -> FloatImage:
    """Return (H, W, 3) linear light of a dark sky, paler above the horizon, with stars of power-law brightness."""
    zenith, low = np.array([0.002, 0.004, 0.014], np.float32), np.array([0.012, 0.022, 0.055], np.float32)
    sky = sky_gradient(height, width, horizon, (zenith, (zenith + low) / 2, low))
    stars = np.zeros((height, width), np.float32)
    count = height * width // 2600
    brightness = np.minimum(0.03 * (1 - rng.random(count)) ** -0.8, 1.5)
    np.add.at(stars, (rng.integers(0, height, count), rng.integers(0, width, count)), brightness)
    points = 4.0 * blur(stars, 0.75) + 2.5 * blur(np.maximum(stars - 0.6, 0), 2.0)
    milky = 0.012 * fractal_noise(height, width, 0.6 * max(height, width), rng) ** 3
    return sky + (points + milky)[..., None] * np.array([0.92, 0.95, 1.0], np.float32)


def sky_gradient(
    height: int, width: int, horizon: float, colours: tuple[FloatImage, FloatImage, FloatImage]
) -> FloatImage:
    """Return (H, W, 3) linear light: the zenith's colour at the top, a middle one, then the horizon's."""
    rows = np.linspace(0, 1, height, dtype=np.float32) / max(horizon, 0.15)
    stops = np.stack(colours)
    line = np.stack([np.interp(rows, (0.0, 0.6, 1.0), stops[:, c]) for c in range(3)], axis=1)
    return np.repeat(blur(line.astype(np.float32)[:, None], height / 60), width, axis=1).astype(np.float32)


def cloud_relief(image: Image, scene: SceneCues, strength: float) -> FloatImage:
    """Return an (H, W, 1) factor that keeps the photo's own clouds visible in a new sky; mean about 1 in the sky."""
    grey = luma(to_float(image))
    in_sky = scene.sky > 0.5
    middle = float(np.median(grey[in_sky])) if in_sky.any() else 1.0
    return (1 + strength * np.clip((grey - middle) / max(middle, 0.2), -0.6, 0.9))[..., None]


def sunward(height: int, width: int, horizon: float, from_left: bool) -> Field:
    """Return (H, W) in [0, 1]: 1 at the low sun on one side of the horizon, falling off around it."""
    x = np.linspace(0, 1, width, dtype=np.float32)[None] - np.float32(0.02 if from_left else 0.98)
    y = (np.linspace(0, 1, height, dtype=np.float32)[:, None] - np.float32(max(horizon - 0.05, 0.05))) * (
        height / width
    )
    return np.exp(-(x * x + 1.6 * y * y) / (2 * 0.42**2))


def cloud_cover(height: int, width: int, horizon: float, rng: np.random.Generator) -> FloatImage:
    """Return (H, W, 3) sRGB of grey stratus, flatter and paler towards the horizon, where it is seen from the side."""
    noise = fractal_noise(height, width, 0.55 * width, rng, octaves=6)
    flat = fractal_noise(height, max(2, width // 3), 0.25 * height, rng, octaves=5)
    layered = cv2.resize(flat, (width, height), interpolation=cv2.INTER_CUBIC)
    down = np.clip(np.linspace(0, 1, height, dtype=np.float32)[:, None] / max(horizon, 0.15), 0, 1)
    billows = (0.5 * noise + 0.5 * layered - 0.5) * (1 - 0.6 * down)
    grey = 0.64 + 0.12 * down + 0.60 * billows
    return grey[..., None] * np.array([0.97, 0.99, 1.03], np.float32)
