"""Painting styles: oil, watercolour and pointillism."""

import cv2
import numpy as np

from omniedit.imaging.color import FloatImage, blur, from_lab, luma, saturate, to_bytes, to_float, to_lab
from omniedit.imaging.images import Image
from omniedit.imaging.procedural_noise import Field, fractal_noise, white_noise


def oil_painting(image: Image, rng: np.random.Generator) -> Image:
    """Paint in oil: flat dabs that keep edges (Kuwahara), under brush relief along the contours, lit from the left."""
    rgb = to_float(image)
    radius = brush_radius(image)
    dabs = kuwahara(kuwahara(rgb, radius), max(2, radius // 2))
    bristles = brush_noise(luma(dabs), length=6 * radius, rng=rng)
    relief = cv2.Sobel(bristles, -1, 1, 0, scale=0.5) + cv2.Sobel(bristles, -1, 0, 1, scale=0.5)
    varied = dabs + 0.05 * (bristles[..., None] - 0.5)
    return to_bytes(saturate(varied, 1.3) + 0.16 * relief[..., None])


def watercolour(image: Image, rng: np.random.Generator) -> Image:
    """Paint thin washes on grainy paper, with pigment gathered along edges (Bousseau et al. 2006, section 4)."""
    rgb = to_float(image)
    height, width = rgb.shape[:2]
    washes = kuwahara(kuwahara(rgb, brush_radius(image)), brush_radius(image))
    lab = to_lab(saturate(washes, 1.35))
    lab[..., 0] = 26 + 0.76 * lab[..., 0]
    wash = from_lab(lab)
    edges = cv2.morphologyEx(blur(luma(wash), 1.2), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    flow = fractal_noise(height, width, min(height, width) / 5, rng)
    paper = 0.5 * fractal_noise(height, width, 4, rng, octaves=2) + 0.5 * blur(white_noise(height, width, rng), 0.8)
    density = 0.55 + 0.75 * flow + 0.35 * (paper - 0.5) + 2.2 * np.clip(edges, 0, 0.25)
    return to_bytes(apply_pigment(wash, density))


def pointillism(image: Image, rng: np.random.Generator) -> Image:
    """Paint two layers of round dabs on a cream ground; each dab's colour differs slightly from the photo's (after
    Seurat).
    """
    height, width = image.shape[:2]
    radius = max(3, round(np.sqrt(height * width) / 230))
    canvas = np.full_like(image, (236, 226, 205))
    for size in (1.5 * radius, float(radius)):
        paint_dots(canvas, image, size, rng)
    return canvas


def brush_radius(image: Image) -> int:
    """Return half the width of a brush in pixels: 5 for an image of one megapixel."""
    return max(2, round(np.sqrt(image.shape[0] * image.shape[1]) / 200))


def kuwahara(rgb: FloatImage, radius: int) -> FloatImage:
    """Apply the eight-sector Kuwahara filter: sector means weighted by their flatness (Papari et al. 2007, eq. 8).

    Box sectors replace Papari's smooth ones, so that the cost does not grow with `radius` (pixels).
    """
    side = radius + 1
    mean = cv2.blur(rgb, (side, side))
    grey = luma(rgb)
    variance = np.maximum(cv2.blur(grey * grey, (side, side)) - cv2.blur(grey, (side, side)) ** 2, 1e-5)
    total, weight_sum = np.zeros_like(rgb), np.zeros_like(grey)
    flatness = variance**-3
    for dy, dx in _compass(radius / 2):
        weight = _shift(flatness, dy, dx)
        total += _shift(mean, dy, dx) * weight[..., None]
        weight_sum += weight
    return total / weight_sum[..., None]


def brush_noise(grey: Field, length: int, rng: np.random.Generator) -> Field:
    """Return (H, W) noise in [0, 1], smeared along contours (line integral convolution, Cabral and Leedom 1993).

    Args:
        length: of a brush mark, in pixels.
    """
    height, width = grey.shape
    along_x, along_y = contour_direction(grey, sigma=length / 2)
    noise = blur(white_noise(height, width, rng), 1.8)
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    total = noise.copy()
    for sign in (-1, 1):
        x, y = columns.copy(), rows.copy()
        for _ in range(length // 4):
            step_x = cv2.remap(along_x, x, y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
            step_y = cv2.remap(along_y, x, y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
            x, y = x + 2 * sign * step_x, y + 2 * sign * step_y
            total += cv2.remap(noise, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    low, high = np.percentile(total, (1, 99))
    return np.clip((total - low) / max(high - low, 1e-6), 0, 1).astype(np.float32)


def contour_direction(grey: Field, sigma: float) -> tuple[Field, Field]:
    """Return unit vectors (x, y) along contours: the minor eigenvector of the structure tensor.

    The tensor is smoothed over `sigma` pixels.
    """
    gx, gy = cv2.Sobel(grey, -1, 1, 0), cv2.Sobel(grey, -1, 0, 1)
    xx, xy, yy = blur(gx * gx, sigma), blur(gx * gy, sigma), blur(gy * gy, sigma)
    across = 0.5 * np.arctan2(2 * xy, xx - yy)
    return -np.sin(across), np.cos(across)


def apply_pigment(colour: FloatImage, density: Field) -> FloatImage:
    """Apply watercolour pigment of varying density; density 1 keeps the colour (Bousseau et al. 2006, eq. 1)."""
    d = density[..., None]
    return colour * (1 - (1 - colour) * (d - 1))


def paint_dots(canvas: Image, image: Image, radius: float, rng: np.random.Generator) -> None:
    """Draw one layer of dots of about `radius` pixels on the canvas, in random order."""
    height, width = image.shape[:2]
    spacing = 1.5 * radius
    rows, columns = np.mgrid[0 : height + spacing : spacing, 0 : width + spacing : spacing]
    points = np.stack([columns.ravel(), rows.ravel()], axis=1) + rng.normal(0, spacing / 3, (rows.size, 2))
    x = np.clip(points[:, 0], 0, width - 1)
    y = np.clip(points[:, 1], 0, height - 1)
    colours = dab_colours(blur(to_float(image), radius / 2)[y.astype(int), x.astype(int)], rng)
    sizes = np.clip(radius * rng.normal(1, 0.15, len(x)), 1.5, None)
    for i in rng.permutation(len(x)):
        centre = (round(x[i] * 16), round(y[i] * 16))
        cv2.circle(canvas, centre, round(sizes[i] * 16), colours[i].tolist(), -1, cv2.LINE_AA, 4)


def dab_colours(rgb_N3: FloatImage, rng: np.random.Generator) -> Image:
    """Return divided colours: each dab is purer than the photo and drifts in hue, so that neighbours mix in the eye."""
    lab = to_lab(rgb_N3[None])[0]
    lab += rng.normal(0, (4, 4, 4), lab.shape).astype(np.float32)
    lab[:, 1:] *= 1.2
    return to_bytes(from_lab(lab[None])[0])


def _compass(reach: float) -> list[tuple[int, int]]:
    angles = np.arange(8) * np.pi / 4
    return [(round(reach * np.sin(a)), round(reach * np.cos(a))) for a in angles]


def _shift(field: np.ndarray, dy: int, dx: int) -> np.ndarray:
    height, width = field.shape[:2]
    margin = max(abs(dy), abs(dx))
    padded = cv2.copyMakeBorder(field, margin, margin, margin, margin, cv2.BORDER_REFLECT)
    return padded[margin + dy : margin + dy + height, margin + dx : margin + dx + width]
