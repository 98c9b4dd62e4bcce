"""Requirements of tasks beyond those of their base edits, and checks of their truths."""

import re
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from omniedit.imaging.boxes import FractionBox
from omniedit.imaging.images import Image, Mask
from omniedit.imaging.plain_ground import (
    SPOT_LIMITS,
    distances_to_plane,
    ground_unevenness,
    has_spots,
    inner_unevenness,
    largest_spot,
)
from omniedit.instructions.grammar import without_position
from omniedit.pairs.provenance import Truth
from omniedit.scoring.reference import counts, subjects
from omniedit.scoring.reference.conditions import CONDITIONS, measure_condition
from omniedit.scoring.reference.demonstrations import score_shown_subject
from omniedit.scoring.reference.fields import Field, gaussian_blur, grow
from omniedit.scoring.reference.measures import Comparison, ImageMeasures, Unmeasurable
from omniedit.scoring.reference.outlines import lost_land, spots_alike
from omniedit.scoring.reference.rationale import Finding
from omniedit.scoring.reference.success import requests_sky
from omniedit.scoring.reference.targets import measure_target
from omniedit.scoring.reference.verification import MIN_SALIENT_SHARE, colour_overlap, verify_outline, verify_whole
from omniedit.tasks import COMPLEX_TASKS, SUBJECT_TASKS, Task

RIM = 0.12
"""Width of a mask's surroundings that must be plain, as a share of the square root of its area."""
MAX_UNEVEN, MAX_UNEVEN_NAMED = 12.0, 25.0
"""Maximum unevenness, in Lab, of the surroundings of an object that saliency found, and of a named one."""
MAX_UNEVEN_LISTED = 35.0
"""The same limit for an object that the photo's caption file names, in OmniEdit's own tasks."""
MAX_UNEVEN_PLACED = 20.0
"""Maximum unevenness of the surroundings of an object that is moved or resized, and of its new place."""
SPOT_TOLERANCE = 1.3
"""Tolerance of `has_spots` at such places."""
MIN_EMPTIED_SHARE = 0.15
"""Minimum share of an emptied place outside the object's other box at which its ground is checked."""
BORDER = 0.004
"""Distance from the image's border, as a share of the image's side, within which a box counts as cut off."""
SAME_SIZE = 0.002
"""Maximum difference of the sides of two boxes of the same object, as a share of the image."""
MOST_LEFT, MOST_ELSEWHERE = 0.015, 0.09
"""Maximum areas of spots in an object's own colours, as shares of its area: next to its mask, and elsewhere."""
MIN_RESURFACED_IOU = 0.76
"""Minimum intersection over union of a new colour or material with the outline by the old colours. Below it, a part
of the object kept its colour, or a part of the background changed."""
MIN_RESURFACED_SHARE = 0.9
"""Minimum share of a salient object that takes a new colour or material, unless the photo's caption file names it."""
MOST_OLD_SKY = 0.006
"""Maximum area of a spot in the old sky's colours outside a new sky, as a share of the sky."""
MOST_LOST_LAND = 120.0
"""Maximum part of the land that a new sky may replace, in millionths of the image."""
_WHOLE_OBJECT_TYPES = ("replace", "visual_bbox", "visual_scribble", "visual_sketch", "visual_segment")
"""Types that remove, add or replace a whole object."""


def verify_type(comparison: Comparison, truth: Truth, task: Task) -> None:
    """Check the claims of a task's truth beyond those of its base edit.

    Raises:
        Unmeasurable: the images do not support it; the text says what is unconfirmed.
    """
    if not comparison.pair.provenance.get("known_truth") and task in _CHECKS:
        _CHECKS[task](comparison, truth)


def _verify_counting(comparison: Comparison, truth: Truth) -> None:
    more = comparison.edited if truth["new_count"] > truth["count"] else comparison.source
    counts.verify_number(more.image, truth["object"], truth["boxes"])
    fewer = comparison.source if truth["new_count"] > truth["count"] else comparison.edited
    boxes = truth["boxes"]
    _verify_one_of(comparison, more, fewer, boxes[min(truth["count"], truth["new_count"])], boxes[0], truth)


def _verify_relation(comparison: Comparison, truth: Truth) -> None:
    boxes = (truth["box"], truth["other_box"])
    counts.verify_number(comparison.pair.source, without_position(truth["object"]), boxes)
    if not _is_listed(comparison, truth):
        _verify_in_view(truth, *boxes)
    if truth["edit"] == Task.OBJECT_REMOVAL:
        _verify_one_of(comparison, comparison.source, comparison.edited, *boxes, truth)
    else:
        _verify_all_painted(comparison, truth)


def _verify_one_of(
    comparison: Comparison,
    more: ImageMeasures,
    fewer: ImageMeasures,
    box: FractionBox,
    other: FractionBox,
    truth: Truth,
) -> None:
    """Check that one of several objects is whole; for a copy, the original in the image without the copy.

    Args:
        more, fewer: the image with the object, and the one without it.
        box, other: of the object, and of one that both images show.
    """
    mask = comparison.small_mask
    sides = np.array([box[2] - box[0], box[3] - box[1]]), np.array([other[2] - other[0], other[3] - other[1]])
    if np.abs(sides[0] - sides[1]).max() > SAME_SIZE:
        _verify_nothing_beyond(comparison, more, truth)
        _verify_rimmed(more, mask, truth["object"])
        return
    (height, width), window = mask.shape, np.zeros_like(mask)
    left, top, right, bottom = np.clip(other, 0, 1) * (width, height, width, height)
    rim = round(RIM * float(np.prod(sides[1]) * mask.size) ** 0.5)
    window[max(0, int(top) - rim) : int(bottom) + rim, max(0, int(left) - rim) : int(right) + rim] = True
    shift = round((other[1] - box[1]) * height), round((other[0] - box[0]) * width)
    _verify_rimmed(fewer, np.roll(mask, shift, axis=(0, 1)) & window, truth["object"])


def _verify_rimmed(image: ImageMeasures, mask: Mask, name: str) -> None:
    """Check that a mask is the outline of an object, after removing the rim that removals and copies add to it."""
    verify_outline(image, grow(mask, -max(1, round(RIM / 2 * float(mask.sum()) ** 0.5))), name)


def _verify_resurfaced(comparison: Comparison, truth: Truth) -> None:
    """Check that a new colour or material covers the whole object, and that the object is the only one of its kind."""
    if spots_alike(comparison.source.detail, comparison.detail_mask)[1] > MOST_ELSEWHERE:
        raise Unmeasurable(f"there may be another {truth['object']}: a spot elsewhere has its colours")
    overlap = colour_overlap(comparison.source.reduced, comparison.small_mask)
    if overlap < MIN_RESURFACED_IOU:
        raise Unmeasurable(f"the edit overlaps the outline by colour of the {truth['object']} by only {overlap:.0%}")
    _verify_all_painted(comparison, truth)
    counts.verify_number(comparison.pair.source, without_position(truth["object"]), (truth["box"],))


def _verify_all_painted(comparison: Comparison, truth: Truth) -> None:
    """Check that no part of an object kept its old colour or material."""
    if spots_alike(comparison.source.detail, comparison.detail_mask)[0] > MOST_LEFT:
        raise Unmeasurable(f"a part of the {truth['object']} may be left: a spot next to the edit has its colours")
    least = MIN_SALIENT_SHARE if _is_listed(comparison, truth) else MIN_RESURFACED_SHARE
    verify_whole(comparison.source, comparison.small_mask, truth["object"], least)


def _verify_replaced(comparison: Comparison, truth: Truth) -> None:
    """Check that a removal, an addition or a swap covers the whole object.

    In plain surroundings, parts of the object outside the mask, such as feet or a wing, stand out. For an object that
    the photo's caption file names, the surroundings may be less plain. A swap is an exception: its mask is not the
    outline of a single object, so that the outline cannot be verified too.
    """
    edit = comparison.pair.task
    image = comparison.edited if edit == Task.OBJECT_ADDITION else comparison.source
    _verify_nothing_beyond(comparison, image, truth)
    other = spots_alike(image.detail, comparison.detail_mask)[1]
    if other > MOST_ELSEWHERE and without_position(truth["object"]) == truth["object"]:
        raise Unmeasurable(f"there may be another {truth['object']}: a spot elsewhere has its colours")
    if edit != Task.OBJECT_SWAP:
        _verify_rimmed(image, comparison.small_mask, truth["object"])


def _verify_nothing_beyond(comparison: Comparison, image: ImageMeasures, truth: Truth) -> None:
    """Check that nothing of a removed, added or replaced object is outside the mask.

    An object that was found by saliency must also be completely in view, and no thin part such as a cord may lead out
    of the mask.

    Args:
        image: the image with the object.
    """
    name, listed = truth["object"], _is_listed(comparison, truth)
    uneven = rim_unevenness(image.reduced, comparison.small_mask)
    if uneven > (MAX_UNEVEN_NAMED if listed and comparison.pair.task != Task.OBJECT_SWAP else MAX_UNEVEN):
        raise Unmeasurable(f"a part of the {name} may be left: its surroundings are uneven ({uneven:.0f})")
    if spots_alike(image.detail, comparison.detail_mask)[0] > MOST_LEFT:
        raise Unmeasurable(f"a part of the {name} may be left: a spot next to the edit has its colours")
    if listed:
        return
    _verify_in_view(truth, truth["box"])
    contrast, area = SPOT_LIMITS[-1]
    if largest_spot(image.image, comparison.mask, contrast * SPOT_TOLERANCE) > area * SPOT_TOLERANCE:
        raise Unmeasurable(f"a part of the {name} may be left: something leads out of the edit")


def _verify_in_view(truth: Truth, *boxes: FractionBox) -> None:
    """Check that the sides and the top of the image cut off no box. What saliency finds there may be several
    objects.
    """
    if any(left < BORDER or top < BORDER or right > 1 - BORDER for left, top, right, _ in boxes):
        raise Unmeasurable(f"the border cuts off the {truth['object']}, which may be several objects")


def _verify_by_listing(
    strict: Callable[[Comparison, Truth], None],
    lenient: Callable[[Comparison, Truth], None],
    comparison: Comparison,
    truth: Truth,
) -> None:
    """Check an edit of an object, leniently if the photo's caption file names the object."""
    check = lenient if _is_listed(comparison, truth) else strict
    check(comparison, truth)


def _verify_surroundings(comparison: Comparison, truth: Truth) -> None:
    """Check that the surroundings of a removed, added or replaced object can be continued over its place."""
    image = comparison.edited if comparison.pair.task == Task.OBJECT_ADDITION else comparison.source
    uneven = rim_unevenness(image.reduced, comparison.small_mask)
    if uneven > MAX_UNEVEN_LISTED:
        raise Unmeasurable(f"the surroundings of the {truth['object']} are uneven ({uneven:.0f})")


def _verify_painted(comparison: Comparison, truth: Truth) -> None:
    """Check that most of an object takes a new colour or material, not only a part such as half of a sign."""
    verify_whole(comparison.source, comparison.small_mask, truth["object"])


def _is_listed(comparison: Comparison, truth: Truth) -> bool:
    """Return whether the photo's caption file names the object, or each object of "the red bowl and the fig"."""
    listed = {str(name).lower() for name in comparison.pair.provenance.get("named_objects") or ()}
    names = [truth["object"].lower(), *map(str.lower, re.split(", | and (?:the )?", truth["object"]))]
    nouns = [without_position(name) for name in names[1:]]
    return any(listed.issuperset(parts) for parts in (names[:1], names[1:], nouns))


def _verify_background(comparison: Comparison, truth: Truth) -> None:
    """Check that a new sky leaves nothing of the old one and all of the land, or that the kept object is whole.

    A missing part is noticed only in plain surroundings, so these are required unless the photo's caption file names
    the object.
    """
    lab, mask = comparison.source.detail, comparison.detail_mask
    if spots_alike(lab, ~mask)[0] > MOST_LEFT:
        raise Unmeasurable(f"a part of the {truth['object']} may be gone: a spot next to it has its colours")
    if requests_sky(truth):
        if max(spots_alike(lab, mask)) > MOST_OLD_SKY:
            raise Unmeasurable("a part of the old sky may be left: a spot outside the edit has its colours")
        if lost_land(lab, comparison.edited.detail, mask) > MOST_LOST_LAND:
            raise Unmeasurable(f"a thin part of the {truth['object']} is gone from the sky")
    elif not _is_listed(comparison, truth) and not _is_on_plain_ground(comparison.pair.source, ~comparison.mask):
        raise Unmeasurable(f"a part of the {truth['object']} may be gone: its surroundings are not plain")


def _verify_placed(comparison: Comparison, truth: Truth) -> None:
    """Check that plain ground surrounds all that changed, in both images, so that no part of the object is left."""
    if not all(
        _is_on_plain_ground(image, comparison.mask) for image in (comparison.pair.source, comparison.pair.edited)
    ):
        raise Unmeasurable(f"a part of the {truth['object']} may be left: its surroundings are not plain")
    box = truth["box"]
    emptied = (
        ((comparison.edited, box, truth["new_box"]), (comparison.source, truth["new_box"], box))
        if "new_box" in truth
        else ((comparison.source, box, None),)
    )
    for image, old, new in emptied:
        place = comparison.small_mask & comparison.box(old)
        if new is not None:
            place &= ~grow(comparison.box(new), 4)
        enough = place.sum() >= MIN_EMPTIED_SHARE * comparison.box(old).sum()
        if enough and inner_unevenness(image.small, place) > MAX_UNEVEN_PLACED:
            raise Unmeasurable(f"something is in the place that the {truth['object']} left")


def _is_on_plain_ground(image: Image, mask: Mask) -> bool:
    """Return whether the surroundings of a mask are even and have no spots."""
    return ground_unevenness(image, mask) <= MAX_UNEVEN_PLACED and not has_spots(image, mask, SPOT_TOLERANCE)


def rim_unevenness(lab: Field, mask: Mask) -> float:
    """Return the distance in Lab of a mask's surroundings from one even colour or gradient; 97 % of them are nearer."""
    rows, columns = np.nonzero(grow(mask, max(4, round(RIM * float(mask.sum()) ** 0.5))) & ~grow(mask, 1))
    if len(rows) < 32:
        return float("inf")
    colours = gaussian_blur(lab, 2.0)[rows, columns]
    return float(np.percentile(distances_to_plane(colours, rows, columns), 97))


REQUIREMENTS: Mapping[Task, Callable[[Comparison, Truth], Finding]] = {
    **{task: partial(measure_condition, task) for task in CONDITIONS},
    Task("counting"): counts.counting,
    Task("relation"): counts.relation,
    Task("visual_reference"): subjects.visual_reference,
    Task("material_transfer"): subjects.material_transfer,
    **{task: partial(measure_target, task) for task in COMPLEX_TASKS},
    **dict.fromkeys(SUBJECT_TASKS, score_shown_subject),
}
_CHECKS: Mapping[Task, Callable[[Comparison, Truth], None]] = {
    Task("counting"): _verify_counting,
    Task("relation"): _verify_relation,
    Task("material_transfer"): _verify_resurfaced,
    **dict.fromkeys(map(Task, ("background_swap", "background_change")), _verify_background),
    **dict.fromkeys(
        map(Task, ("remove", "add", "object_removal", "object_addition", "object_swap")),
        partial(_verify_by_listing, _verify_replaced, _verify_surroundings),
    ),
    Task.ATTRIBUTE_MODIFICATION: partial(_verify_by_listing, _verify_resurfaced, _verify_painted),
    **dict.fromkeys(map(Task, ("color_alter", "material_change")), _verify_resurfaced),
    **dict.fromkeys(map(Task, ("movement", "resize", "visual_reference")), _verify_placed),
    **dict.fromkeys(map(Task, _WHOLE_OBJECT_TYPES), _verify_replaced),
}
