"""Lights and styles of the world: deterministic functions of a whole image, so that the truth is known.

Each function takes and returns (H, W, 3) float32 RGB. The caller clips the result to [0, 1].
"""

from collections.abc import Callable
from functools import cache

import cv2
import numpy as np

from omniedit.imaging.color import FloatImage, blur, from_lab, luma, mix, saturate, to_lab
from omniedit.imaging.color_names import COLOURS
from omniedit.imaging.procedural_noise import Field

Effect = Callable[[FloatImage], FloatImage]

SKY_TO_GROUND = (1.0, 0.35)
"""Share of the air's colour at the upper and lower edge."""


def air(rgb: FloatImage, strength: float) -> Field:
    """Return the (H, W) share of light that comes from the air in front of a pixel, larger at the top than below."""
    rows = np.linspace(*SKY_TO_GROUND, rgb.shape[0], dtype=np.float32)[:, None]
    return np.broadcast_to(strength * rows, rgb.shape[:2])


def tint_image(rgb: FloatImage, tint: tuple[float, float, float]) -> FloatImage:
    return rgb * np.array(tint, np.float32)


def night(rgb: FloatImage) -> FloatImage:
    return tint_image(saturate(rgb, 0.5) ** np.float32(1.3), (0.28, 0.34, 0.55))


def fog(rgb: FloatImage) -> FloatImage:
    return mix(saturate(rgb, 0.7), np.full_like(rgb, 0.8), air(rgb, 0.85))


def sunset(rgb: FloatImage) -> FloatImage:
    glow = np.broadcast_to(np.array([1.0, 0.5, 0.15], np.float32), rgb.shape)
    return mix(tint_image(rgb, (1.1, 0.78, 0.55)), glow, air(rgb, 0.5))


def autumn(rgb: FloatImage) -> FloatImage:
    """Turn greens to rust and gold, and make everything else a little warmer."""
    lab = to_lab(np.clip(rgb, 0, 1))
    return from_lab(np.dstack([lab[..., 0], np.abs(lab[..., 1]) + 8, lab[..., 2] + 14]))


def snow(rgb: FloatImage) -> FloatImage:
    """Add a pale, cold light and flakes that always fall at the same places."""
    pale = mix(saturate(rgb, 0.35), np.broadcast_to(np.array([0.8, 0.85, 0.92], np.float32), rgb.shape), air(rgb, 0.5))
    return mix(pale, np.ones_like(rgb), flakes(*rgb.shape[:2]))


@cache
def flakes(height: int, width: int) -> Field:
    """Return the (H, W) opacity of 70 flakes of about a fortieth of the image."""
    centres = np.random.default_rng(7).random((70, 2)) * (height, width)
    rows, columns = np.mgrid[:height, :width]
    radius = width / 70
    distances = np.hypot(rows[..., None] - centres[:, 0], columns[..., None] - centres[:, 1]).min(axis=-1)
    return np.clip(1.5 - distances / radius, 0, 1).astype(np.float32)


def black_and_white(rgb: FloatImage) -> FloatImage:
    return np.repeat(luma(rgb)[..., None], 3, axis=2)


def sepia(rgb: FloatImage) -> FloatImage:
    return tint_image(0.15 + 0.85 * black_and_white(rgb), (1.05, 0.82, 0.58))


def negative(rgb: FloatImage) -> FloatImage:
    return 1 - rgb


def pencil(rgb: FloatImage) -> FloatImage:
    """Draw dark lines on white where lightness falls off, by dividing the image by its blur."""
    grey = luma(rgb)
    lines = np.clip(grey / (blur(grey, rgb.shape[1] / 32) + 0.02), 0, 1) ** np.float32(2.5)
    return np.repeat(lines[..., None], 3, axis=2)


def mosaic(rgb: FloatImage) -> FloatImage:
    """Reduce the image to sixteen by sixteen tiles of one colour each."""
    tiles = cv2.resize(rgb, (16, 16), interpolation=cv2.INTER_AREA)
    return cv2.resize(tiles, rgb.shape[1::-1], interpolation=cv2.INTER_NEAREST).astype(np.float32, copy=False)


def poster(rgb: FloatImage) -> FloatImage:
    """Make colours strong and reduce each channel to four levels."""
    return np.round(np.clip(saturate(rgb, 2.2), 0, 1) * 3) / 3


LIGHTS: dict[str, tuple[Effect, tuple[str, ...]]] = {
    "night": (
        night,
        (
            "Make it night.",
            "Turn day into night.",
            "Change the scene to night time.",
            "Make it look like it is night.",
            "Darken it to a moonlit night.",
            "It should be night.",
        ),
    ),
    "fog": (
        fog,
        (
            "Add thick fog.",
            "Make it a foggy day.",
            "Cover the scene in fog.",
            "Add fog.",
            "Make it foggy.",
            "Fill the air with mist.",
        ),
    ),
    "sunset": (
        sunset,
        (
            "Make it sunset.",
            "Change the light to sunset.",
            "Show the scene at sunset.",
            "Turn it into a sunset.",
            "Give it the golden light of the evening.",
            "Make it golden hour.",
        ),
    ),
    "autumn": (
        autumn,
        (
            "Make it autumn.",
            "Change the season to autumn.",
            "Give the scene autumn colours.",
            "Turn it into fall.",
            "Make the leaves autumn colours.",
            "Show it in autumn.",
        ),
    ),
    "snow": (
        snow,
        (
            "Make it snow.",
            "Add falling snow.",
            "Show the scene on a snowy day.",
            "Make it winter.",
            "Add snow.",
            "Make it a snowy winter day.",
        ),
    ),
}
"""Environments by name, each with its function and its instructions."""
STYLES: dict[str, tuple[Effect, tuple[str, ...]]] = {
    "black and white photo": (
        black_and_white,
        (
            "Make it a black and white photo.",
            "Remove all colour.",
            "Turn the picture into black and white.",
            "Make it black and white.",
            "Convert it to greyscale.",
            "Make it monochrome.",
        ),
    ),
    "old sepia photo": (
        sepia,
        (
            "Make it an old sepia photo.",
            "Give it a sepia tone.",
            "Turn the picture into a sepia print.",
            "Make it sepia.",
            "Make it look like an old photograph.",
            "Give it a vintage look.",
        ),
    ),
    "photographic negative": (
        negative,
        (
            "Make it a photographic negative.",
            "Invert the colours.",
            "Turn the picture into a negative.",
            "Make it a negative.",
            "Invert all colors.",
            "Show it as a film negative.",
        ),
    ),
    "pencil drawing": (
        pencil,
        (
            "Make it a pencil drawing.",
            "Sketch it in pencil.",
            "Turn the picture into a pencil drawing.",
            "Turn it into a pencil sketch.",
            "Make it a sketch.",
            "Draw it in pencil.",
        ),
    ),
    "mosaic": (
        mosaic,
        (
            "Make it a mosaic.",
            "Lay it in mosaic tiles.",
            "Turn the picture into a mosaic.",
            "Turn it into a mosaic.",
            "Make it out of small tiles.",
            "Pixelate it.",
        ),
    ),
    "pop art poster": (
        poster,
        (
            "Make it a pop art poster.",
            "Print it as pop art.",
            "Turn the picture into a pop art poster.",
            "Make it pop art.",
            "Turn it into a poster.",
            "Give it the bold colours of pop art.",
        ),
    ),
}


TONES: dict[str, tuple[Effect, tuple[str, ...]]] = {
    "warm tones": (
        lambda rgb: tint_image(rgb, (1.15, 1.0, 0.7)),
        ("Make the tones warm.", "Give the photo warm colours.", "Shift the colours towards orange."),
    ),
    "cold tones": (
        lambda rgb: tint_image(rgb, (0.7, 0.95, 1.2)),
        ("Make the tones cold.", "Give the photo cold colours.", "Shift the colours towards blue."),
    ),
    "faded tones": (
        lambda rgb: mix(saturate(rgb, 0.4), np.full_like(rgb, 0.6), np.full(rgb.shape[:2], 0.4, np.float32)),
        ("Fade the tones.", "Give the photo faded colours.", "Wash the colours out."),
    ),
}
"""Tones of the whole image with three wordings each, which other tasks never ask for."""
ROTATIONS: dict[str, tuple[Effect, tuple[str, ...]]] = {
    "upside down": (
        lambda rgb: rgb[::-1],
        ("Turn the picture upside down.", "Flip the image vertically.", "Put it on its head."),
    ),
    "mirrored": (
        lambda rgb: rgb[:, ::-1],
        ("Mirror the picture.", "Flip the image horizontally.", "Swap left and right."),
    ),
}
"""Turns of the whole image with three wordings each."""


def paint_cutout(cut_out: np.ndarray, colour: str) -> np.ndarray:
    """Paint a cut-out in another colour, with its own shading around the colour's lightness and a single hue.

    Args:
        cut_out: (h, w, 4) float32 in [0, 1], colours multiplied by alpha.
        colour: a key of `omniedit.imaging.color_names.COLOURS`.
    """
    alpha = cut_out[..., 3:]
    lab = to_lab(cut_out[..., :3] / np.maximum(alpha, 1e-3))
    lightness, a, b = COLOURS[colour]
    shading = lab[..., 0] - mean_lab(cut_out)[0]
    shade = np.clip(lightness + 0.7 * shading, 3, 97)
    chroma = np.minimum(1.3, shade / lightness)
    return np.dstack([from_lab(np.dstack([shade, a * chroma, b * chroma])) * alpha, alpha])


def mean_lab(cut_out: np.ndarray) -> np.ndarray:
    """Return the (3,) mean L*a*b* of an (h, w, 4) cut-out, weighted by alpha."""
    alpha = cut_out[..., 3:]
    lab = to_lab(np.clip(cut_out[..., :3] / np.maximum(alpha, 1e-3), 0, 1))
    return np.asarray((lab * alpha).sum((0, 1)) / alpha.sum())
