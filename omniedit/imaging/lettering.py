"""Printed letters of one colour on plain ground: separated from their ground and redrawn.

A line of text is first made upright: a patch whose x axis is the line's base.

    h, w  size of the patch
"""

from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont
from numpy.typing import NDArray

from omniedit.imaging.harmonize import estimate_grain
from omniedit.imaging.images import Image, Mask
from omniedit.imaging.morphology import bounding_box, dilate

Field = NDArray[np.float32]
MARGIN = 0.45
"""Margin of a patch around the line, as a share of the line's height."""
PATCH_HEIGHT = 72
"""Smallest height of a line in its patch, in pixels."""
EDGE = 4
"""Width in pixels of the soft edge of letters in a patch."""
FONT_SIZE = 120
"""Size in pixels at which letters are drawn before they are scaled."""
STROKES = (0, 2, 4, 6, 8)
"""Widths in pixels by which letters are thickened, from regular to heavy."""
SOFTNESS = (0.0, 0.3, 0.6, 0.9, 1.2, 1.6, 2.1, 2.7, 3.5)
"""Standard deviations in pixels of the blur of the letters in the patch."""
MIN_CONTRAST = 45.0
"""Smallest distance in RGB between ink and ground."""
MAX_INK_DISTANCE = 14.0
"""Largest mean distance in RGB of a patch from ink on smooth ground."""


@dataclass(frozen=True)
class Patch:
    """Upright line of text.

    Args:
        image: (h, w, 3).
        matrix: (3, 3), from pixels of the photo to those of the patch.
        line: (left, top, right, bottom) of the line in the patch.
    """

    image: Image
    matrix: NDArray[np.float64]
    line: tuple[int, int, int, int]


@dataclass(frozen=True)
class Ink:
    """Letters and their ground.

    Args:
        opacity: (h, w) of the line's letters in [0, 1]; 0 where the patch shows parts of other lines.
        box: left, top, right and bottom of the letters in the patch.
        colour: (3,) RGB of the letters.
        ground: (h, w, 3) RGB without the letters.
        grain: standard deviation of the noise of the patch, in grey levels.
    """

    opacity: Field
    box: tuple[int, int, int, int]
    colour: Field
    ground: Field
    grain: float

    @property
    def contrast(self) -> float:
        return float(np.linalg.norm(self.colour - np.median(self.ground.reshape(-1, 3), axis=0)))


@dataclass(frozen=True)
class Face:
    """Style of drawn letters: thickness, softness, scale and position.

    Args:
        scale: (x, y) from drawn to patch pixels.
        origin: (x, y) of the middle of the text on its base line, in the patch.
    """

    stroke: int
    softness: float
    scale: tuple[float, float]
    origin: tuple[float, float]


def make_upright(image: Image, corners: NDArray[np.float32]) -> Patch:
    """Return the upright patch of a line with its margin."""
    width = (np.linalg.norm(corners[1] - corners[0]) + np.linalg.norm(corners[2] - corners[3])) / 2
    height = (np.linalg.norm(corners[3] - corners[0]) + np.linalg.norm(corners[2] - corners[1])) / 2
    scale = max(1.0, PATCH_HEIGHT / float(height))
    w, h = float(width) * scale, float(height) * scale
    margin = MARGIN * h
    target = np.array([(0, 0), (w, 0), (w, h), (0, h)], np.float32) + np.float32(margin)
    matrix = cv2.getPerspectiveTransform(corners.astype(np.float32), target)
    size = round(w + 2 * margin), round(h + 2 * margin)
    patch = cv2.warpPerspective(image, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    m = round(margin)
    return Patch(np.asarray(patch, np.uint8), matrix.astype(np.float64), (m, m, size[0] - m, size[1] - m))


def separate_ink(patch: Patch) -> Ink | None:
    """Separate letters of one colour from plain ground, or return None if the patch is not of that kind."""
    left, top, right, bottom = patch.line
    pixels = patch.image.astype(np.float32)
    inset = round(0.1 * (bottom - top))
    inside = pixels[top + inset : bottom - inset, left:right].reshape(-1, 3)
    cv2.setRNGSeed(0)
    criteria = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 20, 0.5)
    _, labels, centres = cv2.kmeans(inside, 2, None, criteria, 2, cv2.KMEANS_PP_CENTERS)  # type: ignore[call-overload]
    ground_at = int(labels.mean() > 0.5)
    colour, middle = centres[1 - ground_at], centres[ground_at]
    ground = np.broadcast_to(middle, pixels.shape).astype(np.float32)
    near = np.zeros(pixels.shape[:2], bool)
    near[top : bottom + 1, max(0, left - inset) : right + inset] = True
    near &= np.linalg.norm(pixels - middle, axis=2) < 0.4 * np.linalg.norm(colour - middle)
    for _ in range(3):
        opacity = _opacity(pixels, ground, colour)
        weight = (near & (cv2.dilate(opacity, np.ones((5, 5))) < 0.25)).astype(np.float32)
        if weight.sum() < 0.1 * len(inside):
            return None
        ground = _smooth_over(pixels, weight, 0.35 * (bottom - top))
        solid = (opacity > 0.8) & (np.linalg.norm(pixels - colour, axis=2) < 0.4 * np.linalg.norm(colour - middle))
        solid[:top], solid[bottom:] = False, False
        if solid.any():
            colour = np.median(pixels[solid], axis=0).astype(np.float32)
    opacity = _opacity(pixels, ground, colour)
    grain = estimate_grain(patch.image, weight > 0)
    letters = _find_letters(opacity, patch.line)
    if letters is None:
        return None
    box = bounding_box(letters)
    rows, columns = _around(box)
    own = np.where(dilate(letters, EDGE), opacity, 0).astype(np.float32)
    ink = Ink(own, box, colour, ground, grain)
    mixed = ground + own[..., None] * (colour - ground)
    apart = np.linalg.norm(pixels - mixed, axis=2)[rows, columns]
    if ink.contrast < MIN_CONTRAST or float(apart.mean()) > MAX_INK_DISTANCE:
        return None
    return ink


def match_face(ink: Ink, text: str) -> tuple[Face, float]:
    """Return the weight and place of drawn letters that are most similar to a line's, and the correlation of both.

    Args:
        text: text of the line.
    """
    left, top, right, bottom = ink.box
    near = _around(ink.box)
    faces = []
    for stroke in STROKES:
        glyphs, middle = draw_letters(text, stroke)
        rows, columns = np.flatnonzero(glyphs.max(axis=1) > 0.5), np.flatnonzero(glyphs.max(axis=0) > 0.5)
        scale = (
            float((right - left) / (columns[-1] + 1 - columns[0])),
            float((bottom - top) / (rows[-1] + 1 - rows[0])),
        )
        origin = (float(left + (middle[0] - columns[0]) * scale[0]), float(top + (middle[1] - rows[0]) * scale[1]))
        face = Face(stroke, 1.6, scale, origin)
        faces.append((face, _correlation(place_letters(text, face, ink.opacity.shape)[near], ink.opacity[near])))
    return max(faces, key=lambda pair: pair[1])


def match_softness(image: Image, patch: Patch, ink: Ink, text: str, face: Face) -> Face:
    """Return the look with which a line that is redrawn in the photo has edges as steep as its own.

    They are compared in the photo, because the way to the patch and back softens edges, too.

    Args:
        image: the photo.
        text: text of the line.
    """
    looks = [replace(face, softness=softness) for softness in SOFTNESS]
    drawn = [rewrite(image, patch, ink, text, look, np.random.default_rng(0)) for look in looks]
    left, top, right, bottom = bounding_box(drawn[0][1])
    goal, *slopes = (
        steepness(cv2.cvtColor(each[top:bottom, left:right], cv2.COLOR_RGB2GRAY).astype(np.float32))
        for each in (image, *(redrawn for redrawn, _ in drawn))
    )
    return looks[int(np.argmin([abs(slope - goal) for slope in slopes]))]


def steepness(values: Field) -> float:
    """Return the slope of the steeper edges of an (h, w) field, per pixel."""
    across, down = (cv2.Sobel(values, cv2.CV_32F, *axes, scale=1 / 8) for axes in ((1, 0), (0, 1)))
    slopes = np.hypot(across, down)
    steep = slopes[slopes > 0.1 * slopes.max()]
    return float(np.percentile(steep, 80)) if steep.size else 0.0


@lru_cache(maxsize=256)
def draw_letters(text: str, stroke: int) -> tuple[Field, tuple[float, float]]:
    """Draw a text in black and white.

    Returns:
        (h, w) opacity, and x and y of the middle of the text on its base line.
    """
    font = PIL.ImageFont.load_default(FONT_SIZE)
    width = round(font.getlength(text))
    pad = FONT_SIZE // 2
    canvas = PIL.Image.new("L", (width + 2 * pad, 2 * FONT_SIZE))
    base = round(1.3 * FONT_SIZE)
    PIL.ImageDraw.Draw(canvas).text((pad, base), text, 255, font, anchor="ls", stroke_width=stroke)
    return (np.asarray(canvas, np.float32) / 255).astype(np.float32), (pad + width / 2, float(base))


def letters_width(text: str, face: Face) -> float:
    """Return the width of a text in the patch, in pixels."""
    glyphs, _ = draw_letters(text, face.stroke)
    columns = np.flatnonzero(glyphs.max(axis=0) > 0.5)
    return float((columns[-1] + 1 - columns[0]) * face.scale[0])


def place_letters(text: str, face: Face, shape: tuple[int, ...]) -> Field:
    """Return the (h, w) opacity in [0, 1] of a text that is drawn in the given style on an empty patch."""
    glyphs, middle = draw_letters(text, face.stroke)
    smooth = cv2.GaussianBlur(glyphs, (0, 0), max(0.3, 0.35 / min(face.scale)))
    matrix = np.array(
        [
            [face.scale[0], 0, face.origin[0] - middle[0] * face.scale[0]],
            [0, face.scale[1], face.origin[1] - middle[1] * face.scale[1]],
        ]
    )
    placed = cv2.warpAffine(smooth, matrix, shape[1::-1], flags=cv2.INTER_LINEAR)
    soft = cv2.GaussianBlur(placed, (0, 0), face.softness) if face.softness else placed
    return np.clip(soft, 0, 1).astype(np.float32)


def rewrite(
    image: Image, patch: Patch, ink: Ink, text: str, face: Face, rng: np.random.Generator
) -> tuple[Image, Mask]:
    """Return the photo with a line's letters replaced by a text, and the mask of what changed."""
    opacity = place_letters(text, face, ink.opacity.shape)
    glyphs = ink.ground + opacity[..., None] * (ink.colour - ink.ground)
    inverse = np.linalg.inv(patch.matrix)
    size = image.shape[1::-1]
    touched = cv2.dilate(np.maximum(ink.opacity, opacity), np.ones((7, 7)))
    feather = cv2.GaussianBlur((touched > 0.08).astype(np.float32), (0, 0), 1.5)
    scale = patch.image.shape[0] / max(1.0, float(np.linalg.norm(inverse[:2, 1])) * patch.image.shape[0])
    soft = cv2.GaussianBlur(glyphs, (0, 0), 0.25 * scale) if scale > 1.2 else glyphs
    warped = cv2.warpPerspective(soft.astype(np.float32), inverse, size, flags=cv2.INTER_CUBIC)
    share = cv2.warpPerspective(feather, inverse, size, flags=cv2.INTER_LINEAR)
    share[share < 0.02] = 0
    mask = share > 0
    warped[mask] += rng.normal(0, ink.grain, (int(mask.sum()), 1)).astype(np.float32)
    under = image[mask].astype(np.float32)
    result = image.copy()
    result[mask] = np.rint(np.clip(under + share[mask][:, None] * (warped[mask] - under), 0, 255)).astype(np.uint8)
    return result, mask


def _opacity(pixels: Field, ground: Field, colour: Field) -> Field:
    """Return the (h, w) opacity in [0, 1]: the position of each pixel's colour between the ground's and the ink's."""
    along = colour - ground
    share = ((pixels - ground) * along).sum(axis=2) / np.maximum((along * along).sum(axis=2), 1.0)
    return np.clip(share, 0, 1).astype(np.float32)


def _smooth_over(pixels: Field, weight: Field, sigma: float) -> Field:
    """Return the (h, w, 3) mean of the weighted pixels near each pixel."""
    total = cv2.GaussianBlur(weight, (0, 0), sigma)[..., None]
    near = cv2.GaussianBlur(pixels * weight[..., None], (0, 0), sigma) / np.maximum(total, 1e-3)
    mean = (pixels * weight[..., None]).sum(axis=(0, 1)) / max(float(weight.sum()), 1.0)
    return np.where(total > 0.02, near, mean).astype(np.float32)


def _find_letters(opacity: Field, line: tuple[int, int, int, int]) -> Mask | None:
    """Return the (h, w) mask of the letters of a line, without those of other lines, frames and arrows; None without
    letters.

    A letter is a connected piece with its centre in the line, no higher than the line and not much wider than high.
    """
    left, top, right, bottom = line
    height = bottom - top
    _, labels, stats, centres = cv2.connectedComponentsWithStats((opacity > 0.5).astype(np.uint8))
    letters = np.zeros(opacity.shape, bool)
    for number in range(1, len(stats)):
        x, y, w, h, area = (int(value) for value in stats[number])
        central = left <= centres[number][0] <= right and top + 0.1 * height <= centres[number][1] <= bottom
        inside = x >= left - 0.15 * height and x + w <= right + 0.15 * height
        inside = inside and y >= top - 0.15 * height and y + h <= bottom + 0.15 * height
        if central and inside and w <= 2.5 * height and area >= 0.002 * height**2:
            letters |= labels == number
    return letters if letters.sum() >= 0.05 * height**2 else None


def _around(box: tuple[int, int, int, int]) -> tuple[slice, slice]:
    """Return rows and columns of a box with the soft edge of its letters."""
    left, top, right, bottom = box
    return slice(max(0, top - EDGE), bottom + EDGE), slice(max(0, left - EDGE), right + EDGE)


def _correlation(first: Field, second: Field) -> float:
    a, b = first - first.mean(), second - second.mean()
    return float((a * b).sum() / max(float(np.sqrt((a * a).sum() * (b * b).sum())), 1e-6))
