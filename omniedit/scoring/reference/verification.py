"""Verification of a pair's truth against its source: the object's name, its outline, the ground below it.

A specialist finds its object itself and may find a leg instead of a ball, or half of a leaf. The pixels of such an edit
are as clean as those of a correct one. The judge therefore finds the outline independently, by colour and by saliency.
If neither of them confirms the outline, the pair is unscorable. Pairs that were composed of known parts
(`provenance["known_truth"]`) need no check.

    h, w  size of the reduced copies
"""

from collections.abc import Callable, Mapping
from functools import lru_cache, partial

import cv2
import numpy as np

from omniedit.grounding.instances import are_all_objects, has_rival, shows_person, shows_several
from omniedit.grounding.names import noun_probability
from omniedit.grounding.nouns import OBJECT
from omniedit.grounding.outdoors import sky_doubt
from omniedit.grounding.saliency import saliency
from omniedit.imaging.images import Mask
from omniedit.imaging.morphology import bounding_box, overlap
from omniedit.instructions.grammar import without_position
from omniedit.pairs.provenance import Truth
from omniedit.scoring.reference.fields import Field
from omniedit.scoring.reference.measures import Comparison, ImageMeasures, Unmeasurable
from omniedit.scoring.reference.outlines import colour_odds, edge_support, spots_alike
from omniedit.scoring.reference.success import requests_sky
from omniedit.tasks import Task

MIN_COLOUR_IOU = 0.83
"""Minimum intersection over union with the outline by colour that confirms a mask."""
MIN_SALIENCY_IOU = 0.78
"""Minimum intersection over union with the outline by saliency that confirms a mask."""
AROUND_BY_COLOUR, FAR_AROUND, CLOSE_AROUND = 0.25, 0.35, 0.12
"""Margins around the object's box, as shares of its sides: for the outline by colour, and a wide and a narrow one for
saliency."""
MIN_SALIENT_COLOUR_IOU, MIN_WIDE_IOU = 0.6, 0.6
"""Overlaps below which the next saliency map is not computed, because it is the slowest part: overlap by colour, and in
the wide window."""
MIN_SALIENT_SHARE = 0.55
"""Minimum share of a salient object that the mask of a removal or addition must cover."""
MAX_NEIGHBOUR_SHARE = 0.1
"""Maximum share of the mask's salient pixels in a neighbouring object that extends into the mask, for it to be
ignored."""
MIN_NOUN_PROBABILITY = 0.1
"""Minimum probability of a noun by the classifier."""
MIN_EDGE_SHARE = 0.93
"""Minimum share of a new sky's outline that must be on an edge of the source."""
MOST_CLOUD_LEFT = 0.006
"""Maximum area of a spot in the sky's colours next to it, such as a cloud, as a share of the sky."""
MIN_SALIENCY = 0.5
"""Saliency above which a pixel stands out."""
BORDER_ROWS = 2
"""Number of bottom rows of the reduced copy; an object that reaches them rests on the lower border."""
MAX_UNEVEN = 6.0
"""Maximum median Laplacian of the lightness, in Lab's units, of a ground that shows where a foot ends."""
FOOT = 0.25
"""Share of an object's height that is its foot."""


def verify(comparison: Comparison, truth: Truth) -> None:
    """Check that the source image supports the claims of the truth.

    Raises:
        Unmeasurable: it does not; the text says what is unconfirmed.
    """
    task, is_known = comparison.pair.task, comparison.pair.provenance.get("known_truth")
    if task in _CHECKS and not is_known:
        _CHECKS[task](comparison, truth)


def _verify_object(
    side: str, verify_mask: Callable[[ImageMeasures, Mask, str], None], comparison: Comparison, truth: Truth
) -> None:
    """Check the object's name and its mask in an image of the comparison, `source` or `edited`."""
    image = getattr(comparison, side)
    _verify_names(comparison, image, truth["object"])
    verify_mask(image, comparison.small_mask, truth["object"])


def _verify_background(comparison: Comparison, truth: Truth) -> None:
    """Check that a new sky ends on edges of the source, or that the kept object is whole and does not float."""
    if requests_sky(truth):
        support = edge_support(comparison.source.detail, comparison.detail_mask)
        if support < MIN_EDGE_SHARE:
            raise Unmeasurable(f"only {support:.0%} of the new sky's outline lies on an edge of the source")
        return
    outside = ~comparison.small_mask
    verify_outline(comparison.source, outside, truth["object"])
    if not outside[-BORDER_ROWS:].any() and not _is_on_calm_ground(comparison.source, outside):
        raise Unmeasurable(f"something in front of the {truth['object']} may hide its base")


def _verify_environment(comparison: Comparison, truth: Truth) -> None:
    """Check that the source's sky can be found as a whole: a missed part of it keeps its old light."""
    region, lab = comparison.source.sky_region, comparison.source.detail
    if truth["environment"] == "autumn" or not region.any():
        return
    if doubt := sky_doubt(comparison.source.image, region):
        raise Unmeasurable(doubt)
    support = edge_support(lab, comparison.source.detail_sky)
    if support < MIN_EDGE_SHARE:
        raise Unmeasurable(f"only {support:.0%} of the sky's outline lies on an edge of the source")
    if spots_alike(lab, comparison.source.detail_sky)[0] > MOST_CLOUD_LEFT:
        raise Unmeasurable("a part of the sky may keep its old light: a spot next to it has its colours")


def _verify_names(comparison: Comparison, image: ImageMeasures, name: str) -> None:
    """Check that the caption or the boxes name the object, or that the classifier confirms its name and the name is
    unambiguous.
    """
    about = comparison.pair.provenance
    named_objects = {str(named).lower() for named in about.get("named_objects") or ()}
    caption = str(about.get("caption") or "").lower()
    for part in name.split(" and "):
        noun = without_position(part).lower()
        if noun in caption or named_objects & {noun, part.lower()}:
            continue
        probability = noun_probability(noun, image.image, comparison.mask)
        if probability is not None and probability < MIN_NOUN_PROBABILITY:
            raise Unmeasurable(f"nothing confirms that the object is a {noun}")
        if part == name:
            _verify_instance(image, comparison.mask, part, probability or 0.0)


def _verify_instance(image: ImageMeasures, mask: Mask, name: str, probability: float) -> None:
    """Check an (H, W) mask against the boxes of a detector: one object, not of a person, and the only one of its name.

    Args:
        probability: probability of the name. A name that is certain outweighs a box of a person.
    """
    if not mask.any():
        return
    if shows_several(mask, image.detected):
        raise Unmeasurable(f"the mask of the {name} joins several objects")
    if shows_person(mask, image.detected, without_position(name), probability):
        raise Unmeasurable(f"the mask of the {name} is part of a person")
    if name == OBJECT and not are_all_objects([mask], image.detected):
        raise Unmeasurable("'the object' can mean several objects")
    if name == without_position(name) and has_rival(mask, image.detected):
        raise Unmeasurable(f"'the {name}' can mean several objects")


def verify_outline(image: ImageMeasures, outline: Mask, name: str) -> None:
    """Check an (h, w) mask against an outline by colour and, if they do not match, against an outline by saliency.

    Raises:
        Unmeasurable: neither confirms it.
    """
    if not outline.any():
        raise Unmeasurable(f"the mask leaves nothing of the {name}")
    by_colour = colour_overlap(image.reduced, outline)
    if by_colour >= MIN_COLOUR_IOU:
        return
    words = f"no outline of the {name} confirms the mask: by colour they overlap by {by_colour:.0%}"
    if by_colour < MIN_SALIENT_COLOUR_IOU:
        raise Unmeasurable(words)
    best = salient_overlap(image, outline, FAR_AROUND)
    if MIN_WIDE_IOU <= best < MIN_SALIENCY_IOU:
        best = max(best, salient_overlap(image, outline, CLOSE_AROUND))
    if best < MIN_SALIENCY_IOU:
        raise Unmeasurable(f"{words}, by saliency by {best:.0%}")


def verify_whole(image: ImageMeasures, mask: Mask, name: str, least: float = MIN_SALIENT_SHARE) -> None:
    """Check that the mask covers the whole salient object, not a part such as a runner's leg.

    Args:
        least: minimum share of the salient object that must be in the mask.

    Raises:
        Unmeasurable: the mask covers too little of it.
    """
    share = salient_share_inside(image, mask)
    if share < least:
        raise Unmeasurable(f"the mask of the {name} covers only {share:.0%} of the salient object there")


def salient_share_inside(image: ImageMeasures, mask: Mask) -> float:
    """Return the share of the salient objects in a mask that is inside it; 1 if there are none."""
    if not mask.any():
        return 1.0
    window = _window(mask, FAR_AROUND)
    crop, inside = image.small[window], mask[window]
    salient = _salient_region(crop.tobytes(), crop.shape)
    _, labels = cv2.connectedComponents(salient.astype(np.uint8))
    counts = np.bincount(labels[inside & salient], minlength=int(labels.max()) + 1)
    objects = counts > MAX_NEIGHBOUR_SHARE * counts.sum()
    sizes = np.bincount(labels[salient], minlength=len(counts))
    return float(counts[objects].sum() / sizes[objects].sum()) if objects.any() else 1.0


def colour_overlap(lab: Field, outline: Mask) -> float:
    """Return the intersection over union of an outline with the region that has its colours.

    A wrong outline overlaps little: if it is half of a leaf, the other half around it has the same colours.
    """
    window = _window(outline, AROUND_BY_COLOUR)
    inside = outline[window]
    grown, shrunk = (operation(inside.astype(np.uint8), np.ones((5, 5))) > 0 for operation in (cv2.dilate, cv2.erode))
    if not shrunk.any() or grown.all():
        return 0.0
    return overlap(cv2.blur(colour_odds(lab[window], shrunk, ~grown), (5, 5)) > 0.5, inside)


def salient_overlap(image: ImageMeasures, outline: Mask, around: float) -> float:
    """Return the intersection over union of an outline with the salient region in a window around it.

    A close window may cut a larger object in half, so it returns 0 if the salient region continues at its border.
    """
    window = _window(outline, around)
    crop, inside = image.small[window], outline[window]
    salient = _salient_region(crop.tobytes(), crop.shape)
    return 0.0 if around < FAR_AROUND and _extends_beyond(salient & ~inside) else overlap(salient, inside)


def _extends_beyond(beyond: Mask) -> bool:
    """Return whether the salient region outside an outline covers more than a tenth of any side of the window."""
    sides = (beyond[0], beyond[-1], beyond[:, 0], beyond[:, -1])
    return any(float(side.mean()) > 0.1 for side in sides)


@lru_cache(maxsize=64)
def _salient_region(pixels: bytes, shape: tuple[int, ...]) -> Mask:
    """Return the salient region of a crop. Cached, because a photo's pairs and their defects share crops."""
    return saliency(np.frombuffer(pixels, np.uint8).reshape(shape)) > MIN_SALIENCY


def _window(outline: Mask, around: float) -> tuple[slice, slice]:
    """Return rows and columns of an outline's box, widened by a share of its sides."""
    left, top, right, bottom = bounding_box(outline)
    dx, dy = around * (right - left), around * (bottom - top)
    return slice(int(max(0, top - dy)), int(bottom + dy)), slice(int(max(0, left - dx)), int(right + dx))


def _is_on_calm_ground(image: ImageMeasures, region: Mask) -> bool:
    """Return whether the source shows a surface around an object's foot, with no leaves or objects before it."""
    far, near = (cv2.dilate(region.astype(np.uint8), np.ones((side, side))) > 0 for side in (25, 7))
    _, top, _, bottom = bounding_box(region)
    ring = far & ~near
    ring[: round(bottom - FOOT * (bottom - top))] = False
    detail = np.abs(cv2.Laplacian(np.ascontiguousarray(image.reduced[..., 0]), cv2.CV_32F))
    return bool(ring.any()) and float(np.median(detail[ring])) < MAX_UNEVEN


_CHECKS: Mapping[Task, Callable[[Comparison, Truth], None]] = {
    Task.OBJECT_REMOVAL: partial(_verify_object, "source", verify_whole),
    Task.OBJECT_ADDITION: partial(_verify_object, "edited", verify_whole),
    Task.ATTRIBUTE_MODIFICATION: partial(_verify_object, "source", verify_outline),
    Task.BACKGROUND_SWAP: _verify_background,
    Task.ENVIRONMENT_CHANGE: _verify_environment,
}
"""Checks by task. Other tasks are accepted, because the truth of a swap or a style claims no outline in the source
image."""
