"""Measurements of an image and of a pair, the basis of the reference judge.

Colours are CIE Lab (L 0-100). A colour difference is CIE76's delta E; a difference of about 2.3 is just noticeable.
Lengths are in units of `Comparison.unit`, so that a measurement is comparable at 128 pixels and at 1.5 megapixels.

    H, W  the pair's height and width       h, w  those of its reduced copy       N  pixels of a region
"""

from dataclasses import dataclass, replace
from functools import cached_property

import cv2
import numpy as np

from omniedit.grounding.coco_detector import DetectedBox, detect_objects
from omniedit.grounding.outdoors import find_sky
from omniedit.imaging.color import image_to_lab
from omniedit.imaging.filters import noise_response
from omniedit.imaging.images import Image, Mask, shrink
from omniedit.imaging.morphology import bounding_box, distances_to, remove_specks
from omniedit.pairs import EditPair
from omniedit.scoring.reference.fields import (
    NOTICEABLE_DIFFERENCE,
    Field,
    appearance,
    band_pass,
    correlation,
    delta_e,
    edge_map,
    gaussian_blur,
    gradient,
    grow,
    lightness,
    mean_inside,
    noise_level,
    ramp,
)


class Unmeasurable(Exception):
    """Error for a pair that cannot be measured. The text says what is missing."""


REDUCED_SIDE = 384
"""Square root of the number of pixels of the reduced copies, on which regions are compared."""
STRONG_CHANGE = 15.0
"""Delta E of a change that anyone sees, such as an object replaced by another."""
SURROUNDINGS_WIDTH = 30
"""Distance, in units, from a mask to the end of its surroundings."""
DETAIL_SIDE = 512
"""Square root of the number of pixels of the copies on which outlines are compared."""


class Region:
    """Mask that is grown and shrunk often, so its distances are computed once.

    Args:
        mask: (H, W).
    """

    def __init__(self, mask: Mask) -> None:
        self.mask = mask

    @cached_property
    def _outwards(self) -> Field:
        """Distance in pixels from the mask, for pixels outside it, (H, W)."""
        return distances_to(self.mask)

    @cached_property
    def _inwards(self) -> Field:
        """Distance in pixels from the rest, for pixels inside the mask, (H, W)."""
        return distances_to(~self.mask)

    def grown(self, pixels: int) -> Mask:
        """Return the mask grown (or, for negative `pixels`, shrunk) by a disc of that radius."""
        return self._outwards <= pixels if pixels > 0 else self._inwards > -pixels

    def ring(self, inner: int, outer: int) -> Mask:
        """Return the ring between the mask grown by `inner` and by `outer` pixels."""
        return self.grown(outer) & ~self.grown(inner)


@dataclass(frozen=True)
class FillDetail:
    """Fine detail of a mask's fill, relative to the mask's surroundings.

    Args:
        ratio: median inside, divided by the quantile 0.375 outside (not the median, to tolerate a fill that resembles
            the calmer part of its surroundings); well below 1 if the fill is smeared all over.
        smeared: share of the mask with less detail than 95 % of the surroundings; well above 0.05 if the fill is
            smeared in places.
    """

    ratio: float
    smeared: float

    @property
    def credibility(self) -> float:
        """Credibility of the fill: 1 if it is as crisp as its surroundings, 0 if a third or all of it is smeared."""
        return min(ramp(self.ratio, 0.3, 0.95), ramp(self.smeared, 0.35, 0.12))

    @property
    def measurement(self) -> str:
        return f"{self.ratio:.2f} times the detail of its surroundings and {self.smeared:.0%} smeared pixels"


def fill_detail(luma: Field, region: Region, unit: int) -> FillDetail:
    """Measure the fine detail of an (H, W) luma inside a mask; full detail if the mask or its surroundings are too
    small to measure.
    """
    window = 12 * unit + 1
    detail = cv2.blur(np.abs(cv2.Laplacian(luma, cv2.CV_32F)), (window, window)) + 0.05
    inside, around = region.grown(-4 * unit), region.ring(6 * unit, SURROUNDINGS_WIDTH * unit)
    if not inside.any() or around.sum() < 256:
        return FillDetail(ratio=1.0, smeared=0.0)
    calmest, calm = np.quantile(detail[around], (0.05, 0.375))
    return FillDetail(float(np.median(detail[inside]) / calm), float((detail[inside] < calmest).mean()))


class ImageMeasures:
    """Image with the values that measurements need, each computed on first use.

    Args:
        image: (H, W, 3) RGB.
    """

    def __init__(self, image: Image) -> None:
        self.image = image

    @cached_property
    def lab(self) -> Field:
        """Lab, (H, W, 3)."""
        return image_to_lab(self.image)

    @cached_property
    def luma(self) -> Field:
        """Luma on Lab's scale, (H, W)."""
        return lightness(self.image)

    @cached_property
    def gradient(self) -> Field:
        """Gradient of the luma, (H, W)."""
        return gradient(self.luma)

    @cached_property
    def _coarse_gradient(self) -> Field:
        return gradient(gaussian_blur(self.luma, 1.5))

    @cached_property
    def _noise_response(self) -> Field:
        return noise_response(self.luma)

    @cached_property
    def detected(self) -> list[DetectedBox]:
        """Boxes of objects."""
        return detect_objects(self.image)

    @cached_property
    def small(self) -> Image:
        """RGB copy of about `REDUCED_SIDE` pixels squared, (h, w, 3)."""
        return shrink(self.image, REDUCED_SIDE)

    @cached_property
    def reduced(self) -> Field:
        """Lab of the same copy, (h, w, 3)."""
        return image_to_lab(self.small)

    @cached_property
    def detail(self) -> Field:
        """Lab copy of about `DETAIL_SIDE` pixels squared, on which outlines are compared."""
        return image_to_lab(shrink(self.image, DETAIL_SIDE))

    @cached_property
    def appearance(self) -> Field:
        """Colour and texture of the reduced copy, (h, w, 4)."""
        return appearance(self.reduced)

    @cached_property
    def sky(self) -> Mask:
        """Mask of the sky, (h, w); all False if nothing confirms a sky."""
        return _resize_to(self.sky_region, self.reduced)

    @cached_property
    def detail_sky(self) -> Mask:
        """Mask of the sky at the size of `detail`."""
        return _resize_to(self.sky_region, self.detail)

    @cached_property
    def sky_region(self) -> Mask:
        """Mask of the sky at the size at which it is found."""
        return find_sky(self.image)

    def sharpness(self, mask: Mask) -> float:
        """Return the share of a region's gradient that is fine: near 1 if it is crisp, 0.6 or less if it is blurred.

        It is a ratio of gradients at two scales, so that a plain surface does not count as blurred.
        """
        fine, coarse = mean_inside(self.gradient, mask), mean_inside(self._coarse_gradient, mask)
        return float((fine + 0.05) / (coarse + 0.05)) / 2

    def noise(self, mask: Mask) -> float:
        """Return the `noise_level` of a region, on Lab's L scale."""
        return noise_level(self._noise_response, mask)


def _resize_to(mask: Mask, field: Field) -> Mask:
    """Resize a mask to the height and width of a field."""
    height, width = field.shape[:2]
    return cv2.resize(mask.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST) > 0


class Comparison:
    """Pair with the values that measurements need, each computed on first use.

    The mask of a global edit is the whole image.

    Args:
        source: the pair's source, if its values are known from another pair.
        unit: unit of lengths, in pixels; by default that of the pair's own size.
    """

    def __init__(self, pair: EditPair, source: ImageMeasures | None = None, unit: int | None = None) -> None:
        self.pair = pair
        self.source, self.edited = source or ImageMeasures(pair.source), ImageMeasures(pair.edited)
        height, width = pair.source.shape[:2]
        self.mask: Mask = np.ones((height, width), bool) if pair.mask is None else pair.mask
        self.region = Region(self.mask)
        self.unit = max(1, round((height * width) ** 0.5 / 512)) if unit is None else unit

    @cached_property
    def close_up(self) -> "Comparison":
        """Part of the pair with the mask and its surroundings, for measurements at full resolution."""
        if self.pair.mask is None or not self.pair.mask.any():
            return self
        margin = SURROUNDINGS_WIDTH * self.unit + 4
        left, top, right, bottom = bounding_box(self.pair.mask)
        part = np.s_[max(0, top - margin) : bottom + margin, max(0, left - margin) : right + margin]
        mask = np.ascontiguousarray(self.mask[part])
        if mask.shape == self.mask.shape:
            return self
        source, edited = (np.ascontiguousarray(image[part]) for image in (self.pair.source, self.pair.edited))
        return Comparison(replace(self.pair, source=source, edited=edited, mask=mask), unit=self.unit)

    def differences(self, region: Mask) -> Field:
        """Return the (N,) colour differences of a region's pixels that changed at all."""
        red, green, blue = cv2.split(cv2.absdiff(self.pair.source, self.pair.edited))
        changed = region & (cv2.bitwise_or(cv2.bitwise_or(red, green), blue) > 0)
        if not changed.any():
            return np.zeros(0, np.float32)
        source, edited = (image_to_lab(image[changed][None]) for image in (self.pair.source, self.pair.edited))
        return delta_e(source, edited)[0]

    @cached_property
    def detail_mask(self) -> Mask:
        return shrink(self.mask.astype(np.uint8) * 255, DETAIL_SIDE) > 127

    @cached_property
    def small_mask(self) -> Mask:
        """Reduced mask, (h, w)."""
        return shrink(self.mask.astype(np.uint8) * 255, REDUCED_SIDE) > 127

    @cached_property
    def small_delta_e(self) -> Field:
        """Colour difference of the reduced copies, blurred so that noise and grain do not count, (h, w)."""
        return delta_e(gaussian_blur(self.source.reduced, 1.0), gaussian_blur(self.edited.reduced, 1.0))

    @cached_property
    def surroundings(self) -> Mask:
        """Ring around the reduced mask, about as large as the mask, (h, w)."""
        width = max(6, round(0.25 * float(self.small_mask.sum()) ** 0.5))
        return grow(self.small_mask, width + 2) & ~grow(self.small_mask, 2)

    def box(self, fractions: tuple[float, float, float, float]) -> Mask:
        """Return an (h, w) mask of a box given as fractions of the image."""
        height, width = self.small_mask.shape
        left, top, right, bottom = np.clip(fractions, 0.0, 1.0)
        inside = np.zeros((height, width), bool)
        rows = slice(int(top * height), max(int(top * height) + 1, round(bottom * height)))
        inside[rows, int(left * width) : max(int(left * width) + 1, round(right * width))] = True
        return inside

    def changed_share(self, region: Mask, threshold: float = 2 * NOTICEABLE_DIFFERENCE) -> float:
        """Return the share of a reduced region that changed clearly."""
        return float((self.small_delta_e[region] > threshold).mean()) if region.any() else 0.0

    def largest_change_outside(self) -> float:
        """Return the area of the largest spot that changed strongly outside the mask, not near it, as a share of the
        image.
        """
        away = ~grow(self.small_mask, 2)
        changed = remove_specks(away & (self.small_delta_e > STRONG_CHANGE)).astype(np.uint8)
        _, _, stats, _ = cv2.connectedComponentsWithStats(changed)
        return float(stats[1:, cv2.CC_STAT_AREA].max(initial=0)) / changed.size

    def structure_kept(self, region: Mask, fine: float = 1.0, coarse: float = 6.0) -> float:
        """Return the correlation of source and edited lightness structure in a reduced region: 1 kept, 0 replaced."""
        source = band_pass(np.ascontiguousarray(self.source.reduced[..., 0]), fine, coarse)
        edited = band_pass(np.ascontiguousarray(self.edited.reduced[..., 0]), fine, coarse)
        return correlation(source[region], edited[region]) if region.any() else 0.0

    def edges_kept(self, region: Mask) -> float:
        """Return the correlation of source and edited edges in a reduced region. Tones between edges do not count."""
        source, edited = (edge_map(lab[..., 0]) for lab in (self.source.reduced, self.edited.reduced))
        return correlation(source[region], edited[region]) if region.any() else 0.0
