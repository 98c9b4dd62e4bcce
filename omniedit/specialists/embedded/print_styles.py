"""Styles of prints and digital graphics: halftone, comic, pixel art, faded photographs."""

import cv2
import numpy as np

from omniedit.imaging.color import FloatImage, blur, from_lab, luma, saturate, smoothstep, to_bytes, to_float, to_lab
from omniedit.imaging.images import Image
from omniedit.imaging.procedural_noise import Field, white_noise
from omniedit.specialists.embedded.drawing_styles import xdog
from omniedit.specialists.embedded.painting_styles import brush_radius, kuwahara

SCREEN_DEGREES = (15.0, 75.0, 0.0, 45.0)
"""Angles of the cyan, magenta, yellow and black screens in offset printing, in degrees."""


def halftone_print(image: Image, rng: np.random.Generator) -> Image:
    """Print as four-colour newsprint: one screen of round dots for each ink, at its own angle."""
    rgb = saturate(blur(to_float(image), 1.5), 1.25)
    pitch = float(np.sqrt(image.shape[0] * image.shape[1]) / rng.uniform(185, 215))
    printed = np.full_like(rgb, (0.965, 0.945, 0.895))
    inks = np.array([[0.05, 0.62, 0.87], [0.90, 0.10, 0.50], [0.99, 0.88, 0.10], [0.10, 0.10, 0.11]], np.float32)
    for coverage, ink, degrees in zip(separations(np.clip(rgb, 0, 1)), inks, SCREEN_DEGREES, strict=True):
        dots = screen(coverage, pitch, degrees)
        printed *= 1 - dots[..., None] * (1 - ink)
    return to_bytes(printed)


def comic_book(image: Image, rng: np.random.Generator) -> Image:
    """Draw flat quantised colours under ink lines (Winnemoeller et al. 2006, section 3), with dots in half shadow."""
    rgb = to_float(image)
    flat = kuwahara(kuwahara(rgb, brush_radius(image)), brush_radius(image))
    lab = to_lab(saturate(flat, 1.6))
    lab[..., 0] = quantize_lightness(lab[..., 0], bins=7, sharpness=0.5)
    colours = from_lab(lab)
    shadow = 0.55 * smoothstep(0.62, 0.18, luma(flat))
    dots = screen(shadow, pitch=float(np.sqrt(image.shape[0] * image.shape[1]) / 150), degrees=45)
    ink = xdog(luma(flat), 1.6, strength=16.0, threshold=0.12, steepness=12.0)
    return to_bytes(colours * (1 - 0.22 * dots[..., None]) * ink[..., None])


def pixel_art(image: Image, rng: np.random.Generator) -> Image:
    """Draw square cells in a palette of 32 colours chosen from the photo (k-means in Lab)."""
    height, width = image.shape[:2]
    cell = max(4, round(np.sqrt(height * width) / rng.uniform(125, 150)))
    small_size = (-(-width // cell), -(-height // cell))
    small = to_lab(saturate(cv2.resize(to_float(image), small_size, interpolation=cv2.INTER_AREA), 1.25))
    big = cv2.resize(
        to_bytes(from_lab(reduce_palette(small, 32))), None, fx=cell, fy=cell, interpolation=cv2.INTER_NEAREST
    )
    return big[:height, :width].astype(np.uint8, copy=False)


def sepia_photograph(image: Image, rng: np.random.Generator) -> Image:
    """Imitate a print of about 1900: blue-sensitive plate, sepia tone, dark corners, grain."""
    rgb = blur(to_float(image), 0.8)
    height, width = rgb.shape[:2]
    plate = 0.15 * rgb[..., 0] + 0.4 * rgb[..., 1] + 0.45 * rgb[..., 2]
    plate = np.clip(plate / max(float(np.percentile(plate, 97)), 0.1), 0, 1)
    glow = 0.75 * plate + 0.25 * blur(plate, np.sqrt(height * width) / 80)
    grain = blur(white_noise(height, width, rng) - 0.5, 0.7)
    tone = np.clip(0.04 + 0.92 * smoothstep(0.0, 0.95, glow) + 0.10 * grain, 0, 1) * vignette(height, width, 0.38)
    brown, paper = np.array([0.13, 0.075, 0.04], np.float32), np.array([0.96, 0.88, 0.74], np.float32)
    return to_bytes(brown + (paper - brown) * tone[..., None])


def separations(rgb: FloatImage) -> list[Field]:
    """Return coverage in [0, 1] of the cyan, magenta, yellow and black plates; black takes 0.75 of the grey."""
    cmy = 1 - rgb
    black = 0.75 * cmy.min(axis=2)
    return [np.clip((cmy[..., i] - black) / np.maximum(1 - black, 1e-3), 0, 1) for i in range(3)] + [black]


def screen(coverage: Field, pitch: float, degrees: float) -> Field:
    """Draw antialiased round dots whose area is the local coverage; `pitch` is their distance in pixels."""
    height, width = coverage.shape
    angle = np.deg2rad(degrees)
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    u = (columns * np.cos(angle) + rows * np.sin(angle)) * (2 * np.pi / pitch)
    v = (-columns * np.sin(angle) + rows * np.cos(angle)) * (2 * np.pi / pitch)
    height_of_spot = 0.5 + 0.25 * (np.cos(u) + np.cos(v))
    softness = 1.6 / pitch
    return smoothstep(-softness, softness, coverage - (1 - height_of_spot)).astype(np.float32)


def quantize_lightness(lightness: Field, bins: int, sharpness: float) -> Field:
    """Quantise lightness in soft steps (Winnemoeller et al. 2006, eq. 8).

    A sharpness of 0.5 gives visible but smooth steps.
    """
    width = 100 / bins
    nearest = (np.floor(lightness / width) + 0.5) * width
    return (nearest + width / 2 * np.tanh(sharpness * (lightness - nearest))).astype(np.float32)


def reduce_palette(lab: FloatImage, colours: int) -> FloatImage:
    """Replace each pixel with the nearest of `colours` k-means centres of the image."""
    cv2.setRNGSeed(0)
    criteria = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 20, 0.5)
    samples = np.ascontiguousarray(lab.reshape(-1, 3))
    _, labels, centres = cv2.kmeans(samples, colours, None, criteria, 1, cv2.KMEANS_PP_CENTERS)  # type: ignore[call-overload]
    return centres[labels.ravel()].reshape(lab.shape)


def vignette(height: int, width: int, strength: float) -> Field:
    """Return an (H, W) light factor: 1 in the middle, 1 - strength in the corners."""
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None]
    return 1 - np.float32(strength) * smoothstep(0.35, 1.9, x * x + y * y)
