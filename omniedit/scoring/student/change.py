"""Measurements of the change between two images: position, colours, structure and defects.

H, W  height and width of the reduced images     R  pixels of the changed region
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from omniedit.imaging.color import image_to_lab
from omniedit.imaging.color_names import COLOURS
from omniedit.imaging.images import Image, Mask
from omniedit.imaging.morphology import bounding_box, remove_specks
from omniedit.scoring.reference.fields import (
    blockiness,
    correlation,
    delta_e,
    gaussian_blur,
    gradient,
    lightness,
    noise_level,
)

SIDE = 256
"""Longer side of the reduced images, in pixels."""
VISIBLE = 6.0
"""Smallest change of colour that counts, in CIE 1976 delta E, after a blur that hides noise and JPEG's blocks."""
MARGIN = 0.25
"""Width of the surroundings in a crop of the changed region, as a share of the region's longer side."""
LIGHTNESS_WEIGHT = np.array([0.6, 1, 1], np.float32)
"""Weights of L, a and b in the distance to a named colour. L has less weight, because a shaded red is still red."""
COLOUR_RADIUS = 18.0
"""Distance in weighted Lab at which a pixel counts as a named colour with a weight of 60 %."""
WINDOW = 512
"""Side of the window in which defects are measured pixel for pixel."""
MIN_CROP = 0.25
"""Smallest side of the crop, as a share of the image's shorter side."""

Field = NDArray[np.float32]


@dataclass(frozen=True)
class ImageChange:
    """Changed region of a pair, in reduced images.

    Args:
        mask: (H, W), true where something visibly changed; all false if nothing did.
        colours: (2, N) share of the region's pixels near each of the N named colours, before and after.
        box: left, top, right, bottom of the region with surroundings, as shares of width and height.
        measures: values by name, as `MEASURES` lists them.
    """

    mask: Mask
    colours: Field
    box: tuple[float, float, float, float]
    measures: dict[str, float]


def measure_change(source: Image, edited: Image) -> ImageChange:
    """Measure the change between two images of equal size, (H, W, 3) RGB."""
    fine = [_reduce(image) for image in (source, edited)]
    labs = tuple(image_to_lab(image) for image in fine)
    difference = gaussian_blur(delta_e(*(gaussian_blur(lab, 1.5) for lab in labs)), 1.0)
    mask = remove_specks(difference > VISIBLE)
    measures = _extent(difference, mask)
    measures |= _colours(labs, mask)
    measures |= _structure(labs[0][..., 0], labs[1][..., 0], mask)
    measures |= _defects(*_window(source, edited, mask))
    return ImageChange(mask, colour_shares(labs, mask), crop_box(mask), measures)


def colour_shares(labs: tuple[Field, ...], mask: Mask) -> Field:
    """Return (2, N) shares of the changed region's pixels near each colour of `COLOURS`, before and after."""
    region = mask if mask.any() else np.ones_like(mask)
    named_N3 = np.array(list(COLOURS.values()), np.float32) * LIGHTNESS_WEIGHT
    shares = []
    for lab in labs:
        pixels_R3 = lab[region][:: 1 + int(region.sum()) // 4000] * LIGHTNESS_WEIGHT
        distance_RN = np.linalg.norm(pixels_R3[:, None] - named_N3, axis=-1)
        shares.append(np.exp(-0.5 * (distance_RN / COLOUR_RADIUS) ** 2).mean(0))
    return np.array(shares, np.float32)


def crop_box(mask: Mask) -> tuple[float, float, float, float]:
    """Return the box of a region with surroundings, in shares of width and height; the box of the whole image if
    nothing changed.
    """
    height, width = mask.shape
    if not mask.any():
        return 0.0, 0.0, 1.0, 1.0
    left, top, right, bottom = bounding_box(mask)
    longest = max(right - left, bottom - top)
    half = max((0.5 + MARGIN) * longest, MIN_CROP * min(height, width) / 2)
    x, y = (left + right) / 2, (top + bottom) / 2
    columns = max(0.0, x - half) / width, min(float(width), x + half) / width
    rows = max(0.0, y - half) / height, min(float(height), y + half) / height
    return columns[0], rows[0], columns[1], rows[1]


def crop(image: Image, box: tuple[float, float, float, float]) -> Image:
    """Return the part of an image inside a box of shares, at least one pixel."""
    height, width = image.shape[:2]
    left, top = int(box[0] * width), int(box[1] * height)
    return image[top : max(top + 1, round(box[3] * height)), left : max(left + 1, round(box[2] * width))]


def _reduce(image: Image) -> Image:
    scale = min(1.0, SIDE / max(image.shape[:2]))
    size = max(16, round(image.shape[1] * scale)), max(16, round(image.shape[0] * scale))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _window(source: Image, edited: Image, mask: Mask) -> tuple[list[Field], Mask]:
    """Return the lightness of both images and the mask, pixel for pixel, in a window around the changed region."""
    height, width = source.shape[:2]
    left, top, right, bottom = bounding_box(mask) if mask.any() else (0, 0, mask.shape[1], mask.shape[0])
    x, y = (left + right) / 2 * width / mask.shape[1], (top + bottom) / 2 * height / mask.shape[0]
    x0, y0 = (int(np.clip(centre - WINDOW / 2, 0, max(0, side - WINDOW))) for centre, side in ((x, width), (y, height)))
    part = np.s_[y0 : y0 + WINDOW, x0 : x0 + WINDOW]
    full = cv2.resize(mask.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST) > 0
    return [lightness(np.ascontiguousarray(image[part])) for image in (source, edited)], full[part]


def _extent(difference: Field, mask: Mask) -> dict[str, float]:
    """Measure how much of the image changed, how strongly, and how compactly."""
    area = float(mask.mean())
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    left, top, right, bottom = bounding_box(mask) if mask.any() else (0, 0, 1, 1)
    box_area = (right - left) * (bottom - top) / mask.size
    return {
        "area": area,
        "root_area": area**0.5,
        "log_area": float(np.log(area + 1e-3)),
        "box_area": box_area,
        "fill": area / max(box_area, 1e-3),
        "largest_part": float(stats[1:, cv2.CC_STAT_AREA].max() / mask.sum()) if mask.any() else 0.0,
        "strength": float(difference[mask].mean()) / 50 if mask.any() else 0.0,
        "mean_difference": float(difference.mean()) / 50,
        "rest_difference": float(difference[~mask].mean()) / 5 if not mask.all() else 0.0,
        "height_of_change": (top + bottom) / 2 / mask.shape[0] if mask.any() else 0.5,
    }


def _colours(labs: tuple[Field, ...], mask: Mask) -> dict[str, float]:
    """Measure the mean colours of the changed region before and after, and their difference over the whole image."""
    area = mask if mask.any() else np.ones_like(mask)
    before_R3, after_R3 = (lab[area] for lab in labs)
    moved = after_R3.mean(0) - before_R3.mean(0)
    whole = labs[1].mean((0, 1)) - labs[0].mean((0, 1))
    chroma = [float(np.hypot(region[:, 1], region[:, 2]).mean()) for region in (before_R3, after_R3)]
    spread = [float(region.std(0).mean()) for region in (before_R3, after_R3)]
    return {
        **{f"moved_{axis}": float(value) / 30 for axis, value in zip("Lab", moved, strict=True)},
        **{f"whole_{axis}": float(value) / 30 for axis, value in zip("Lab", whole, strict=True)},
        **{f"after_{axis}": float(value) / 50 for axis, value in zip("Lab", after_R3.mean(0), strict=True)},
        "chroma_gain": (chroma[1] - chroma[0]) / 20,
        "chroma_after": chroma[1] / 40,
        "spread_gain": float(np.log((spread[1] + 1) / (spread[0] + 1))),
    }


def _structure(before: Field, after: Field, mask: Mask) -> dict[str, float]:
    """Measure which edges stay, inside the changed region, outside it and over the whole image."""
    edges = [gaussian_blur(gradient(luma), 1.0) for luma in (before, after)]
    coarse = [gaussian_blur(luma, 4.0) for luma in (before, after)]
    region = mask if mask.any() else np.ones_like(mask)
    rest = ~mask if (~mask).sum() > 100 else np.ones_like(mask)
    inside = [float(edge[region].mean()) for edge in edges]
    return {
        "edges_kept": correlation(edges[0].ravel(), edges[1].ravel()),
        "edges_kept_inside": correlation(edges[0][region], edges[1][region]),
        "edges_kept_outside": correlation(edges[0][rest], edges[1][rest]),
        "layout_kept": correlation(coarse[0].ravel(), coarse[1].ravel()),
        "layout_kept_inside": correlation(coarse[0][region], coarse[1][region]),
        "edges_gain": float(np.log((inside[1] + 0.5) / (inside[0] + 0.5))),
        "edges_whole_gain": float(np.log((edges[1].mean() + 0.5) / (edges[0].mean() + 0.5))),
        "edges_around": float(np.log((inside[1] + 0.5) / (edges[1][rest].mean() + 0.5))),
        "edges_before_around": float(np.log((inside[0] + 0.5) / (edges[0][rest].mean() + 0.5))),
    }


def _defects(lumas: list[Field], mask: Mask) -> dict[str, float]:
    """Measure noise, blocks and sharpness in the region and in the rest of the window, and a seam at the region's
    border, relative to the source. If the region fills the window, the whole window is the rest.
    """
    region = mask if mask.sum() > 64 else np.ones_like(mask)
    rest = ~mask if (~mask).sum() > 64 else np.ones_like(mask)
    ring = cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8)) - cv2.erode(
        mask.astype(np.uint8), np.ones((3, 3), np.uint8)
    )
    border = ring > 0 if ring.any() else np.ones_like(mask)
    fine = [np.abs(cv2.Laplacian(luma, cv2.CV_32F)) for luma in lumas]
    edges = [gradient(luma) for luma in lumas]
    sharp = [f.mean() / (e.mean() + 0.5) for f, e in zip(fine, edges, strict=True)]
    sharp_inside = [f[region].mean() / (e[region].mean() + 0.5) for f, e in zip(fine, edges, strict=True)]
    sharp_outside = [f[rest].mean() / (e[rest].mean() + 0.5) for f, e in zip(fine, edges, strict=True)]
    noise = [noise_level(detail, region) for detail in fine]
    noise_outside = [noise_level(detail, rest) for detail in fine]
    seams = [float(edge[border].mean()) for edge in edges]
    blocks = [blockiness(luma, region) for luma in lumas]
    blocks_outside = [blockiness(luma, rest) for luma in lumas]
    return {
        "sharpness_gain": float(np.log((sharp[1] + 0.05) / (sharp[0] + 0.05))),
        "sharpness_inside_gain": float(np.log((sharp_inside[1] + 0.05) / (sharp_inside[0] + 0.05))),
        "sharpness_inside": float(sharp_inside[1]),
        "noise_gain": float(np.log((noise[1] + 0.2) / (noise[0] + 0.2))),
        "noise_inside": float(noise[1]) / 5,
        "noise_outside_gain": float(np.log((noise_outside[1] + 0.2) / (noise_outside[0] + 0.2))),
        "noise_most_gain": float(max(noise[1] - noise[0], noise_outside[1] - noise_outside[0], 0.0)) / 5,
        "sharpness_outside_gain": float(np.log((sharp_outside[1] + 0.05) / (sharp_outside[0] + 0.05))),
        "softness": float(max(np.log((sharp_inside[0] + 0.05) / (sharp_inside[1] + 0.05)), 0.0)),
        "seam_gain": float(np.log((seams[1] + 0.5) / (seams[0] + 0.5))),
        "blocks": float(np.clip(blocks[1] - blocks[0], -3, 3)),
        "blocks_outside": float(np.clip(blocks_outside[1] - blocks_outside[0], -3, 3)),
    }
