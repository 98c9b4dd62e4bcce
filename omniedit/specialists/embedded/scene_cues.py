"""Cues for weather and light: sky, plants, depth and sun, computed without a network."""

from dataclasses import dataclass
from functools import cached_property, reduce

import cv2
import numpy as np

from omniedit.grounding.outdoors import WORKING_SIDE, find_sky, sky_doubt
from omniedit.imaging.color import FloatImage, blur, luma, smoothstep, to_float, to_lab
from omniedit.imaging.images import Image, Mask
from omniedit.imaging.matting import guided_filter
from omniedit.imaging.procedural_noise import Field
from omniedit.specialists.embedded.skyline import find_thin_parts


@dataclass(frozen=True, eq=False)
class SceneCues:
    """Cues of one photo, each computed on first use; fields are (H, W) of float32 in [0, 1].

    Args:
        image: the photo.
        sky: opacity of its sky.
        sky_doubt: reason why `sky` may be incomplete, or empty.
    """

    image: Image
    sky: Field
    sky_doubt: str

    @cached_property
    def plants(self) -> Field:
        """Likelihood that a pixel is green or yellow-green foliage or grass."""
        return greenness(to_float(self.image)) * (1 - self.sky)

    @cached_property
    def depth(self) -> Field:
        """Depth: 0 is near, 1 is at the horizon and in the sky."""
        return depth_cue(self.image, self.sky, self.horizon)

    @cached_property
    def horizon(self) -> float:
        """Row of the horizon, as a fraction of the height."""
        return horizon_row(self.sky)

    @cached_property
    def sun(self) -> bool:
        """Return whether the sun's disc is visible in the sky."""
        return has_sun(to_float(self.image), self.sky)

    @cached_property
    def sharp(self) -> float:
        """Share of the plants that is in focus; low in a close-up."""
        return focus_share(to_float(self.image), self.plants)

    @cached_property
    def sky_share(self) -> float:
        """Share of the photo that is sky."""
        return float(self.sky.mean())

    @cached_property
    def plant_share(self) -> float:
        """Share of the photo outside the sky that is plants."""
        return float(self.plants.sum() / max(float((1 - self.sky).sum()), 1.0))


def analyse_scene(image: Image) -> SceneCues:
    """Return the cues of a photo."""
    region = find_sky(image)
    if not region.any():
        return SceneCues(image, np.zeros(image.shape[:2], np.float32), "")
    return SceneCues(image, sky_opacity(image, region), sky_doubt(image, region))


def sky_opacity(image: Image, region: Mask) -> Field:
    """Return (H, W) opacity in [0, 1] of a photo's sky, matted along its edges and without spires, masts and twigs.

    Args:
        image: the photo.
        region: its `find_sky`.
    """
    height, width = image.shape[:2]
    sure = cv2.resize(region.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST) > 0
    sky = matte_of_region(to_float(image), sure, band=max(6, round(max(height, width) / 110)))
    return np.minimum(sky, 1 - find_thin_parts(image, sky))


def matte_of_region(rgb: FloatImage, region: Mask, band: int) -> Field:
    """Return the opacity of a region whose outline is known to within `band` pixels.

    A pixel in the band is a mixture of the mean colours of inside and outside near it. Its opacity is its position on
    the line between the two (Wright's alpha for a known backing, as in Smith and Blinn 1996, for two local backings).
    """
    kernel = np.ones((2 * band + 1, 2 * band + 1), np.uint8)
    inside = cv2.erode(region.astype(np.uint8), kernel[::2, ::2], borderValue=1).astype(np.float32)
    outside = 1 - cv2.dilate(region.astype(np.uint8), kernel).astype(np.float32)
    beyond = _local_mean(rgb, outside, 2 * band)
    across = _local_mean(rgb, inside, 2 * band) - beyond
    along = rgb - beyond
    share = np.einsum("hwc,hwc->hw", along, across) / np.maximum(np.einsum("hwc,hwc->hw", across, across), 1e-3)
    unsure = (1 - inside) * (1 - outside)
    return np.clip(inside + unsure * smoothstep(0.30, 0.85, share), 0, 1).astype(np.float32)


def _local_mean(rgb: FloatImage, region: Field, sigma: float) -> FloatImage:
    weight = blur(region, sigma)
    return blur(rgb * region[..., None], sigma) / np.maximum(weight, 1e-3)[..., None]


def greenness(rgb: FloatImage) -> Field:
    """Return (H, W) in [0, 1]: high for a green to yellow-green hue with the chroma of plants."""
    lab = to_lab(blur(rgb, 1.5))
    chroma = np.hypot(lab[..., 1], lab[..., 2])
    hue = np.degrees(np.arctan2(lab[..., 2], lab[..., 1]))
    return smoothstep(72, 96, hue) * (1 - smoothstep(165, 195, hue)) * smoothstep(5, 14, chroma)


def focus_share(rgb: FloatImage, area: Field) -> float:
    """Return the share of a region that has fine texture nearby; an out-of-focus background has little."""
    grey = luma(rgb)
    texture = blur(np.abs(grey - blur(grey, 1.2)), 8.0)
    region = area > 0.5
    return float((texture[region] > 0.006).mean()) if region.any() else 0.0


def horizon_row(sky: Field) -> float:
    """Return the fraction of the height at which the sky mostly ends; 0.3 if no sky is visible."""
    covered = (sky > 0.5).mean(axis=1)
    rows = np.flatnonzero(covered > 0.15)
    return float(rows[-1] + 1) / sky.shape[0] if len(rows) else 0.3


def depth_cue(image: Image, sky: Field, horizon: float) -> Field:
    """Estimate (H, W) depth: the ground rises with distance, haze veils it, and the sky is behind everything.

    Haze is the dark channel (He, Sun and Tang 2009, eq. 5), because far things have no black left.
    """
    rows = np.linspace(0, 1, len(image), dtype=np.float32)[:, None]
    ground = 1 - smoothstep(horizon - 0.05, 1.0, rows) ** 0.5
    side = max(3, round(max(image.shape[:2]) / 90)) | 1
    darkest = np.asarray(reduce(cv2.min, cv2.split(image)), np.uint8)
    dark_channel = to_float(np.asarray(cv2.erode(darkest, np.ones((side, side), np.uint8)), np.uint8))
    radius = 2 * side
    haze = guided_filter(image, dark_channel, radius, 1e-3)
    depth = 0.75 * ground + 0.45 * smoothstep(0.05, 0.55, haze)
    return np.clip(np.maximum(blur(np.clip(depth, 0, 1).astype(np.float32), 2.0), sky), 0, 1)


def has_sun(rgb: FloatImage, sky: Field) -> bool:
    """Return whether the sky shows an overexposed disc with a glow on all sides; a sunlit cloud has no such glow."""
    scale = min(1.0, WORKING_SIDE / max(sky.shape))
    grey, sky = (
        cv2.resize(field, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) for field in (luma(rgb), sky)
    )
    burnt = ((grey > 0.985) & (sky > 0.3)).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(burnt)
    if len(stats) < 2:
        return False
    largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    _, _, width, height, area = stats[largest]
    round_enough = area > 0.45 * width * height and max(width, height) < 2 * min(width, height)
    if not round_enough or area <= 1e-3 * grey.size:
        return False
    radius = 3 * int(np.sqrt(area / np.pi)) + 1
    ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    disc = (labels == largest).astype(np.uint8)
    around = (cv2.dilate(disc, ellipse) > disc) & (sky > 0.3)
    return bool(around.any() and float(np.percentile(grey[around], 10)) > 0.7)
