"""Drawing styles: pencil, coloured pencil, charcoal and linocut."""

import cv2
import numpy as np

from omniedit.imaging.color import blur, from_lab, luma, smoothstep, to_bytes, to_float, to_lab
from omniedit.imaging.filters import vector_length
from omniedit.imaging.images import Image
from omniedit.imaging.procedural_noise import Field, fractal_noise, line_kernel, streaks

DIRECTIONS = 8


def pencil_sketch(image: Image, rng: np.random.Generator) -> Image:
    """Draw in graphite on white paper: strokes times hatched tone (Lu, Xu and Jia 2012)."""
    grey = luma(to_float(image))
    drawn = pencil_strokes(grey) * hatch(pencil_tone(grey, 0.62), rng)
    return to_bytes(np.repeat(drawn[..., None], 3, axis=2))


def coloured_pencil(image: Image, rng: np.random.Generator) -> Image:
    """Draw in coloured pencil: lightness from the drawing, colours from the photo (Lu, Xu and Jia 2012, section 4)."""
    rgb = to_float(image)
    grey = luma(rgb)
    drawn = pencil_strokes(grey) * hatch(pencil_tone(grey, 0.45), rng)
    lab = to_lab(rgb)
    pigment = blur(lab[..., 1:], 2.0) * np.float32(1.25)
    return to_bytes(from_lab(np.dstack([16 + 84 * drawn, pigment * (0.35 + 0.65 * (1.2 - drawn[..., None]))])))


def charcoal(image: Image, rng: np.random.Generator) -> Image:
    """Draw in charcoal: rubbed tone, broad soft strokes that catch on the paper's tooth, heavy outlines."""
    grey = luma(to_float(image))
    height, width = grey.shape
    rubbed = 1 - blur(cv2.bilateralFilter(equalize_contrast(grey), 9, 0.2, 7), 2.0)
    length = max(15, round(min(height, width) / 20))
    strokes = blur(streaks(height, width, length, rng.uniform(40, 70), rng), 2.5) * np.float32(3.0)
    tooth = fractal_noise(height, width, 6, rng, octaves=3)
    caught = smoothstep(0.15, 0.85, rubbed + 0.05 * strokes + 0.6 * (0.5 - tooth))
    pressed = smoothstep(0.08, 0.6, 1 - pencil_strokes(blur(grey, 1.5)))
    coal = 0.15 * rubbed + 0.80 * caught * (0.35 + 0.65 * rubbed) + 0.75 * pressed * (1 - 0.5 * tooth)
    paper = np.array([0.955, 0.935, 0.90], np.float32) - 0.05 * tooth[..., None]
    return to_bytes(paper * (1 - 0.92 * np.clip(coal, 0, 1))[..., None])


def linocut(image: Image, rng: np.random.Generator) -> Image:
    """Print black ink on cream paper by extended differences of Gaussians (Winnemoeller et al. 2012, eq. 5 and 7)."""
    grey = equalize_contrast(luma(to_float(image)))
    height, width = grey.shape
    sigma = 1.1 * np.sqrt(height * width) / 1000
    cut = xdog(grey, sigma, strength=14.0, threshold=0.5, steepness=14.0)
    inked = 0.92 + 0.08 * fractal_noise(height, width, 3, rng, octaves=2)
    cream, black = np.array([0.955, 0.925, 0.86], np.float32), np.array([0.09, 0.085, 0.095], np.float32)
    return to_bytes(cream + (black - cream) * ((1 - cut) * inked)[..., None])


def pencil_strokes(grey: Field) -> Field:
    """Return outlines as crossing straight strokes; 1 is blank paper (Lu, Xu and Jia 2012, eq. 1 to 3)."""
    length = max(5, round(min(grey.shape) / 80))
    smooth = blur(grey, 0.7)
    magnitude = vector_length(cv2.Sobel(smooth, -1, 1, 0, scale=0.25), cv2.Sobel(smooth, -1, 0, 1, scale=0.25))
    kernels = [line_kernel(length, 180 * i / DIRECTIONS) for i in range(DIRECTIONS)]
    nearest = np.argmax([cv2.filter2D(magnitude, -1, kernel) for kernel in kernels], axis=0)
    lines = np.zeros_like(grey)
    for i, kernel in enumerate(kernels):
        lines += cv2.filter2D(np.where(nearest == i, magnitude, np.float32(0)), -1, kernel)
    darkest = float(np.percentile(lines, 99.5))
    return np.clip(1 - 0.9 * lines / max(darkest, 1e-6), 0.08, 1).astype(np.float32)


def pencil_tone(grey: Field, bright_share: float) -> Field:
    """Map grey levels to the histogram of real pencil drawings (Lu, Xu and Jia 2012, eq. 4 to 8).

    Args:
        bright_share: weight of the bright, nearly untouched paper; mid tones and dark tones share the rest.
    """
    levels = np.arange(256, dtype=np.float32)
    bright = np.exp(-(255 - levels) / 9) / 9
    middle = np.where((levels >= 105) & (levels <= 225), 1 / 121, 0)
    dark = np.exp(-((levels - 90) ** 2) / (2 * 11**2)) / (11 * np.sqrt(2 * np.pi))
    target = bright_share * bright + (0.95 - bright_share) * middle + 0.05 * dark
    wanted_cdf = np.cumsum(target / target.sum())
    byte_grey = (blur(equalize_contrast(grey), 1.5) * 255).clip(0, 255).astype(np.uint8)
    cdf = np.cumsum(np.bincount(byte_grey.ravel(), minlength=256)) / byte_grey.size
    table = np.interp(cdf, wanted_cdf, levels) / 255
    return table[byte_grey].astype(np.float32)


def hatch(tone: Field, rng: np.random.Generator) -> Field:
    """Render a tone as hatching: a texture raised to the power that gives the tone (Lu, Xu and Jia 2012, eq. 9)."""
    height, width = tone.shape
    length = max(9, round(min(height, width) / 28))
    angle = rng.uniform(35, 60)
    fine = streaks(height, width, length, angle, rng) + 0.35 * streaks(height, width, length, angle + 90, rng)
    texture = np.clip(0.72 + 0.13 * fine, 0.25, 0.98)
    layers = 0.85 * np.log(np.clip(tone, 0.05, 1)) / np.log(np.float32(0.72))
    return np.power(texture, layers)


def equalize_contrast(grey: Field) -> Field:
    """Equalise local contrast so that dark photos keep their detail (contrast-limited, 6 x 6 tiles)."""
    byte_grey = (np.clip(grey, 0, 1) * 255).astype(np.uint8)
    return cv2.createCLAHE(1.5, (6, 6)).apply(byte_grey).astype(np.float32) / 255


def xdog(grey: Field, sigma: float, strength: float, threshold: float, steepness: float) -> Field:
    """Compute the extended difference of Gaussians: 1 on paper, 0 on ink (Winnemoeller et al. 2012, eq. 5 and 7).

    Args:
        sigma: width of the drawn lines, in pixels.
        strength: p, the weight of edges against tone.
        threshold: epsilon, the grey level that becomes ink.
        steepness: phi of the tanh ramp below the threshold.
    """
    sharpened = (1 + strength) * blur(grey, sigma) - strength * blur(grey, 1.6 * sigma)
    soft = 1 + np.tanh(np.float32(steepness) * (sharpened - np.float32(threshold)))
    return np.where(sharpened >= threshold, np.float32(1), np.clip(soft, 0, 1)).astype(np.float32)
