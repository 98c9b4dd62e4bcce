"""Marks that a bad outline leaves on an edit: hard edges of the change, missed old pixels, torn skies.

All are measured on copies of about 512 x 512 pixels, which still show such marks.

    h, w  size of the copies
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from omniedit.imaging.images import Mask
from omniedit.imaging.morphology import fill_holes, remove_specks
from omniedit.scoring.reference.fields import Field, grow
from omniedit.scoring.reference.measures import Comparison

SEARCH_DISTANCE = 10
"""Distance in pixels from an edit's outline within which missed pixels are searched."""
MIN_STEP = 2.5
"""Slope in Lab units per pixel from which a change has a step."""
STRONG_EDGE = 5.0
"""Slope in Lab units per pixel from which an edge of the source hides the end of any change."""
INSIDE = 6
"""Distance in pixels from an edit's outline at which its inside begins."""
MIN_TEAR_PIXELS = 6
"""Minimum number of pixels of a step that is not a speck of noise."""
GHOST_SHARES = (0.012, 0.004)
"""Shares of a fill with the colours of the removed object: the share that spoils the fill, and the share that is
tolerated."""
SOFT_EDGE = 2.0
"""Slope in Lab units per pixel from which an edge of the source may be an object's outline."""
MIN_COLOUR_ODDS, TOUCHING_DISTANCE = 0.9, 4
"""Odds from which a colour belongs to the object instead of the rest, and distance in pixels up to which a spot touches
a mask."""
THIN_SIDE, MIN_CONTRAST = 15, 12.0
"""Maximum width in pixels of a thin part of the land, and its minimum difference from the sky around it, in L*."""
PALE_RIM = 4
"""Distance in pixels from a new sky's outline within which a pale part that is gone was only the lighter rim of the
land."""
MIN_LOSS = 10.0
"""Minimum change in Lab of a part that is gone."""
MIN_LAND_ODDS = 0.5
"""Odds from which a colour belongs to the land instead of the sky."""
NEAR_SIDE = 41
"""Side in pixels of the window in which a region's mean colour is taken."""
_BINS = (12, 24, 24)


def hard_outline(comparison: Comparison) -> float:
    """Return the share of the edit's outline at which the change stops in a step where the source has no edge.

    A solid object has an edge at its outline; fur, down and smoke fade out, and the new colour must fade out too.
    """
    mask = comparison.detail_mask
    outwards, inwards = _distances(mask)
    outline = _outline(inwards)
    cut = _steps(comparison.edited.detail - comparison.source.detail, comparison.source.detail)
    near = grow(cut & (outwards <= 4) & (inwards <= 8), 4)
    return float(near[outline].mean()) if outline.any() else 0.0


def inner_steps(comparison: Comparison) -> float:
    """Return the length of the steps of a change inside an edit where the source has no edge, divided by the edit's
    side.
    """
    solid = fill_holes(comparison.detail_mask)
    _, inwards = _distances(solid)
    steps = _steps(comparison.edited.detail - comparison.source.detail, comparison.source.detail) & (inwards > INSIDE)
    return _total_length(steps) / max(1.0, float(solid.sum()) ** 0.5)


def torn_sky(comparison: Comparison) -> float:
    """Return the length of the steps in a global change where the source has no edge, divided by the image's side."""
    change = comparison.edited.detail - comparison.source.detail
    steps = _steps(_without_specks(change), _without_specks(comparison.source.detail))
    return _total_length(steps) / steps.size**0.5


def _total_length(steps: Mask) -> float:
    """Return the length of all steps in pixels, without specks of noise."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(steps.astype(np.uint8))
    sizes = stats[1:, cv2.CC_STAT_AREA]
    return float(sizes[sizes >= MIN_TEAR_PIXELS].sum())


def remaining_area(before: Field, after: Field, mask: Mask) -> float:
    """Return the area that an edit should have replaced but missed, in millionths of the image.

    Such pixels are near the outline, did not change, have the colours of the replaced content and not of the rest, and
    stand out from the new content. A spot that reaches far into the rest is another object and does not count.

    Args:
        before, after: (h, w, 3) Lab; for an addition the edited image is `before`.
    """
    outwards, inwards = _distances(mask)
    rest, core = outwards > SEARCH_DISTANCE, inwards > 2
    if rest.sum() < 512 or core.sum() < 512:
        return 0.0
    change = np.linalg.norm(after - before, axis=-1)
    replaced = mask & (change > 8)
    expected = np.linalg.norm(_mean_near(after - before, mask), axis=-1)
    step = np.linalg.norm(after - _mean_near(after, replaced), axis=-1)
    similar = (change < 0.4 * expected + 1) & _has_colours_like(before, core, rest)
    similar = remove_specks(similar)
    missed = similar & (expected > 12) & (step > 12) & (outwards <= SEARCH_DISTANCE) & (inwards <= SEARCH_DISTANCE)
    _, labels = cv2.connectedComponents(similar.astype(np.uint8))
    inside, outside, touching = (
        np.bincount(labels[part], minlength=labels.max() + 1)
        for part in (missed, similar & rest, missed & (outwards <= 3))
    )
    return float(1e6 * inside[(outside < 4 * inside) & (touching > 0)].sum() / mask.size)


def ghost_share(before: Field, after: Field, mask: Mask) -> float:
    """Return the share of a fill that shows colours of the replaced content, unless the surroundings have them too.

    Args:
        before, after: (h, w, 3) Lab; for an addition the edited image is `before`.
    """
    outwards, inwards = _distances(mask)
    core = inwards > 2
    around = (outwards > SEARCH_DISTANCE) & (outwards < max(2 * SEARCH_DISTANCE, 0.5 * float(mask.sum()) ** 0.5))
    if around.sum() < 512 or core.sum() < 512:
        return 0.0
    similar = _frequency_ratio(before, core, around)[_bin_index(after)] > 5
    return float(remove_specks(similar)[core].mean())


def colour_odds(lab: Field, region: Mask, rest: Mask) -> Field:
    """Return the (h, w) probability that a pixel's colour is from a region, with equal priors for the rest."""
    lab = cv2.GaussianBlur(lab, (0, 0), 1.0)
    ratio = _frequency_ratio(lab, region, rest)[_bin_index(lab)]
    return (ratio / (1 + ratio)).astype(np.float32)


def edge_support(lab: Field, mask: Mask) -> float:
    """Return the share of a mask's outline that is at most two pixels from an edge of the (h, w, 3) image."""
    outline = _outline(_distances(mask)[1])
    edges = cv2.dilate(_slope(lab), np.ones((5, 5), np.uint8))
    return float((edges[outline] > SOFT_EDGE).mean()) if outline.any() else 0.0


def lost_land(before: Field, after: Field, mask: Mask) -> float:
    """Return the area of the largest spire, mast or tree that a new sky replaces, in millionths of the image.

    Such a part is thin, darker or lighter than the source's sky, has the colours of the land, and is gone from the
    edited image.

    Args:
        before, after: (h, w, 3) Lab.
        mask: (h, w), of the sky.
    """
    outwards, inwards = _distances(mask)
    land, sky = outwards > 3, inwards > 8
    if land.sum() < 512 or sky.sum() < 512:
        return 0.0
    changed = (
        mask & (np.linalg.norm(after - before, axis=-1) > MIN_LOSS) & (colour_odds(before, land, sky) > MIN_LAND_ODDS)
    )
    dark = _largest_lost_part(changed, before[..., 0], after[..., 0])
    pale = _largest_lost_part(changed & (inwards > PALE_RIM), -before[..., 0], -after[..., 0])
    return max(dark, pale)


def _largest_lost_part(changed: Mask, before: Field, after: Field) -> float:
    """Return the area of the largest thin dark part that is gone, in millionths of the image.

    Args:
        changed: (h, w) mask in which such parts are searched.
        before, after: (h, w) lightness.
    """
    darkness = _darker_than_around(before)
    lost = changed & (_darker_than_around(after) < 0.5 * darkness) & (darkness > MIN_CONTRAST)
    opened = cv2.morphologyEx(lost.astype(np.uint8), cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    _, _, stats, _ = cv2.connectedComponentsWithStats(opened)
    return float(1e6 * stats[1:, cv2.CC_STAT_AREA].max(initial=0) / changed.size)


def _darker_than_around(lightness: Field) -> Field:
    """Return how much darker thin parts are than their surroundings, in L*; 0 elsewhere."""
    lightness = np.ascontiguousarray(lightness)
    ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (THIN_SIDE, THIN_SIDE))
    return np.asarray(cv2.morphologyEx(lightness, cv2.MORPH_CLOSE, ellipse) - lightness, np.float32)


def _distances(mask: Mask) -> tuple[Field, Field]:
    """Return two (h, w) distances in pixels: to the mask, 0 inside it, and to the rest of the image, 0 outside the
    mask.
    """
    inside = mask.astype(np.uint8)
    return cv2.distanceTransform(1 - inside, cv2.DIST_L2, 5), cv2.distanceTransform(inside, cv2.DIST_L2, 5)


def _outline(inwards: Field) -> Mask:
    """Return the (h, w) mask of an outline from the distances to the rest, without the image's border."""
    outline = np.zeros(inwards.shape, bool)
    outline[3:-3, 3:-3] = inwards[3:-3, 3:-3] == 1
    return outline


def _steps(change: Field, source: Field) -> Mask:
    """Return an (h, w) mask of the steps in a change that are steeper than `MIN_STEP` and have no such edge of the
    source nearby.
    """
    steep = _slope(change)
    edges = cv2.dilate(_slope(source), np.ones((9, 9), np.uint8))
    return (steep > MIN_STEP) & (edges < np.minimum(0.5 * steep, STRONG_EDGE))


def _without_specks(lab: Field) -> Field:
    """Remove stars, grain and twigs from an (h, w, 3) image."""
    return np.dstack([cv2.medianBlur(np.ascontiguousarray(lab[..., channel]), 5) for channel in range(3)])


def _slope(lab: Field) -> Field:
    """Return the (h, w) length of the gradient of a Lab image, per pixel."""
    smooth = cv2.GaussianBlur(lab, (0, 0), 1.0)
    dx = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8)
    dy = cv2.Sobel(smooth, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8)
    return np.sqrt((dx * dx + dy * dy).sum(axis=-1))


def _mean_near(lab: Field, mask: Mask) -> Field:
    """Return the (h, w, 3) mean of a region's values around each pixel."""
    weight = cv2.blur(mask.astype(np.float32), (NEAR_SIDE, NEAR_SIDE))
    return (
        cv2.blur(np.where(mask[..., None], lab, 0).astype(np.float32), (NEAR_SIDE, NEAR_SIDE))
        / np.maximum(weight, 1e-3)[..., None]
    )


def _has_colours_like(lab: Field, region: Mask, rest: Mask) -> Mask:
    """Return an (h, w) mask of colours that are five times as frequent in a region as in the rest."""
    return _frequency_ratio(lab, region, rest)[_bin_index(lab)] > 5


def _frequency_ratio(lab: Field, region: Mask, rest: Mask) -> Field:
    """Return for each colour bin its frequency in a region, divided by its frequency in the rest."""
    index = _bin_index(lab)
    inside, outside = (_histogram(index[part]) for part in (region, rest))
    return ((inside + 2e-5) / (outside + 2e-5)).reshape(-1)


def _bin_index(lab: Field) -> NDArray[np.int32]:
    """Return the (h, w) index of each pixel's colour bin."""
    offset, span, bins = np.array([[0, 60, 60], [100, 120, 120], _BINS], np.float32)
    bin_index = np.clip((lab + offset) / span * bins, 0, bins - 0.01).astype(np.int32)
    return (bin_index[..., 0] * _BINS[1] + bin_index[..., 1]) * _BINS[2] + bin_index[..., 2]


def _histogram(index_N: Field) -> Field:
    """Return the frequency of each bin, smoothed over its neighbours in Lab."""
    counts = np.bincount(index_N, minlength=int(np.prod(_BINS))).reshape(_BINS) / max(1, len(index_N))
    for axis in range(3):
        counts = 0.5 * counts + 0.25 * np.roll(counts, 1, axis) + 0.25 * np.roll(counts, -1, axis)
    return counts


def spots_alike(lab: Field, mask: Mask) -> tuple[float, float]:
    """Return the areas of the largest spots outside a mask in the colours of its inside, as shares of its area.

    Args:
        lab: (h, w, 3), the image with the object.
        mask: (h, w), of the object.

    Returns:
        The area of a spot that touches the mask, which may be a part of the object, and that of a spot elsewhere,
        which may be another object of its kind.
    """
    outwards, inwards = _distances(mask)
    core, rest = inwards > 2, outwards > SEARCH_DISTANCE
    if rest.sum() < 512 or core.sum() < 512:
        return 0.0, 0.0
    like_inside = (colour_odds(lab, core, rest) > MIN_COLOUR_ODDS) & (outwards > 2)
    alike = remove_specks(like_inside)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(alike.astype(np.uint8))
    near = np.bincount(labels[alike & (outwards <= TOUCHING_DISTANCE)], minlength=count)
    areas = stats[1:, cv2.CC_STAT_AREA] / float(mask.sum())
    touching = near[1:] > 0
    return float(areas[touching].max(initial=0.0)), float(areas[~touching].max(initial=0.0))
