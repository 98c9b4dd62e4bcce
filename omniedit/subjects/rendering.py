"""A cut-out in a photograph, at a known place.

H, W  height and width of the image       h, w  those of the cut-out at its final size
"""

from dataclasses import dataclass

import cv2
import numpy as np

from omniedit.aspect import bucket_size
from omniedit.imaging.boxes import FractionBox
from omniedit.imaging.harmonize import CutOut, contact_shadow, resize_cutout
from omniedit.imaging.images import Image, Mask, random_crop
from omniedit.sources.photo import round_box
from omniedit.subjects.cut_outs import ScenePhoto
from omniedit.subjects.subject import Rgba

WIDEST = 0.6
"""Maximum share of the image's width that a subject takes."""
MAX_SCALE = 1.5
"""Maximum factor by which a cut-out is enlarged."""
MIN_CROP = 0.6
"""Minimum side of a scene's crop, as a share of the largest that fits."""


@dataclass(frozen=True)
class SubjectPlace:
    """Place of a subject in an image.

    Args:
        centre: horizontal position of its middle, as a fraction of the width.
        ground: vertical position of its lower edge, as a fraction of the height.
        height: its height, as a fraction of the image's.
        light: factor of its brightness.
    """

    centre: float
    ground: float
    height: float
    light: float = 1.0


@dataclass(frozen=True)
class RenderedImage:
    """Image with a subject.

    Args:
        image: (H, W, 3).
        mask: (H, W), every pixel that differs from the scene, the shadow included.
        box: of the subject without its shadow, as fractions.
    """

    image: Image
    mask: Mask
    box: FractionBox


def to_cut_out(rgba: Rgba) -> CutOut:
    """Return colours and opacity of a cut-out; transparent pixels take the mean colour, so that no rim shows."""
    alpha = rgba[..., 3].astype(np.float32) / 255
    colours = rgba[..., :3].astype(np.float32)
    mean = (colours * alpha[..., None]).sum((0, 1)) / max(float(alpha.sum()), 1.0)
    return CutOut(np.where(alpha[..., None] > 0.02, colours, mean), alpha)


def mirror(piece: CutOut) -> CutOut:
    """Return a cut-out that faces the other way."""
    return CutOut(np.ascontiguousarray(piece.colours[:, ::-1]), np.ascontiguousarray(piece.alpha[:, ::-1]))


def crop_scene(scene: ScenePhoto, ratio: str, resolution: int, rng: np.random.Generator) -> Image:
    """Return a random crop of a scene at a ratio and resolution, mirrored half of the time."""
    return random_crop(scene.image, *bucket_size(ratio, resolution), MIN_CROP, rng)


def draw_place(rng: np.random.Generator, heights: tuple[float, float], centres: tuple[float, float]) -> SubjectPlace:
    """Draw a place in the lower half of an image."""
    height = float(rng.uniform(*heights))
    ground = float(rng.uniform(max(0.7, height + 0.02), 0.96))
    return SubjectPlace(float(rng.uniform(*centres)), ground, height, float(rng.uniform(0.9, 1.06)))


def render(scene: Image, piece: CutOut, place: SubjectPlace) -> RenderedImage:
    """Paste a cut-out into a scene, standing on its lower edge, with a shadow on the ground.

    The cut-out keeps its proportions. It is made smaller if it would otherwise be too wide or enlarged too much.
    """
    height, width = scene.shape[:2]
    scale = min(place.height * height / piece.alpha.shape[0], WIDEST * width / piece.alpha.shape[1], MAX_SCALE)
    piece = resize_cutout(piece, scale)
    rows, columns = piece.alpha.shape
    left = int(np.clip(round(place.centre * width - columns / 2), 1, width - columns - 1))
    top = int(np.clip(round(place.ground * height) - rows, 1, height - rows - 1))
    canvas = np.zeros((height, width), np.float32)
    canvas[top : top + rows, left : left + columns] = piece.alpha
    shadow = contact_shadow(canvas, standing=True) * (1 - canvas)
    shadow[shadow < 0.02] = 0
    image = scene.astype(np.float32) * (1 - shadow[..., None])
    window = np.s_[top : top + rows, left : left + columns]
    opacity = piece.alpha[..., None]
    colours = np.clip(place.light * piece.colours, 0, 255)
    image[window] = image[window] * (1 - opacity) + opacity * colours
    changed = cv2.dilate(((canvas > 0) | (shadow > 0)).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    x0, y0, x1, y1 = round_box((left / width, top / height, (left + columns) / width, (top + rows) / height))
    return RenderedImage(np.rint(np.clip(image, 0, 255)).astype(np.uint8), changed, (x0, y0, x1, y1))
