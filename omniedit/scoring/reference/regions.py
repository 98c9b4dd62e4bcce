"""Regions of a pair, and how far they stand out from their surroundings."""

import numpy as np

from omniedit.imaging.images import Mask
from omniedit.scoring.reference.fields import Field, distribution_distance, grow, ramp
from omniedit.scoring.reference.measures import Comparison


def object_region(comparison: Comparison, box: tuple[float, float, float, float]) -> Mask:
    """Return the part of the (h, w) mask within the object's box, slightly shrunk; the box itself if the two do not
    overlap.
    """
    inside = comparison.small_mask & comparison.box(box)
    core = grow(inside, -max(1, round(0.03 * float(inside.sum()) ** 0.5)))
    return core if core.sum() >= 16 else inside if inside.sum() >= 16 else comparison.box(box)


def replacement_strength(comparison: Comparison, region: Mask) -> tuple[float, str]:
    """Return how clearly a region shows different content, in [0, 1], and the measurement as text."""
    changed_share, remaining = comparison.changed_share(region), comparison.structure_kept(region)
    measurement = (
        f"{changed_share:.0%} of the region changed and {max(0.0, remaining):.0%} of the old structure remains"
    )
    return min(ramp(changed_share, 0.15, 0.6), ramp(remaining, 0.7, 0.3)), measurement


def distinctness(comparison: Comparison, look: Field, region: Mask) -> float:
    """Return the distance between the appearances of a region and of the mask's surroundings, divided by the variation
    within the surroundings.
    """
    ring = comparison.surroundings
    if ring.sum() < 64 or not region.any():
        return 1.0
    own = distribution_distance(look[region], look[ring])
    return own / max(4.0, _variation(look, ring))


def blend_degree(contrast: float) -> float:
    """Return in [0, 1] how well a region blends in, given its `distinctness`."""
    return ramp(contrast, 3.5, 1.8)


def _variation(look: Field, ring: Mask) -> float:
    """Return the mean distance of a ring's quarters from the whole ring."""
    ys, xs = np.nonzero(ring)
    angle = np.arctan2(ys - ys.mean(), xs - xs.mean())
    quarter = np.floor((angle + np.pi) / (np.pi / 2 + 1e-6)).astype(int)
    pixels = look[ring]
    parts = [pixels[quarter == q] for q in range(4)]
    return float(np.mean([distribution_distance(part, pixels) for part in parts if len(part) >= 16]))
