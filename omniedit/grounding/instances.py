"""Checks of an object's mask against the detected boxes of a photo: whether it holds one object, and whether a name can
mean only this one."""

from collections.abc import Sequence

from omniedit.grounding.coco_detector import ANIMALS, PERSON, DetectedBox
from omniedit.grounding.masks import box_mask
from omniedit.grounding.nouns import ANIMAL, OBJECT, find_kind
from omniedit.imaging.boxes import FractionBox, box_area, box_overlap, fraction_box, share_inside
from omniedit.imaging.images import Mask

MIN_PERSON_SCORE, MAX_PERSON_SHARE, MAX_PERSON_COVERED = 0.4, 0.3, 0.5
"""Score from which a box shows a person; maximum share of an object's mask inside such a box; maximum share of such a
box inside the mask."""
MIN_SURE = 0.9
"""Minimum probability of the classifier's noun that outweighs every box of a person, because the detector takes the
face of a cat for a person."""
MIN_OWN_IOU = 0.6
"""Minimum intersection over union of an object's box and the detected box of the same object."""
MIN_PART_SCORE, MIN_PART_SHARE, MIN_CONTAINED = 0.45, 0.12, 0.75
"""Thresholds of a box that shows one of several objects in a mask: its score, the share of the mask inside it, and the
share of the box inside the mask's box."""
MAX_SHARED = 0.5
"""Maximum intersection of two boxes of different objects, divided by the area of the smaller box. If it is larger, one
object is a part of the other."""
MIN_NAME_SCORE = 0.6
"""Score from which a box names its object. Animals are detected well, but their names are unreliable."""
MIN_RIVAL_AREA = 0.3
"""Minimum area of another object of the same class, relative to the object's own, from which the name may mean it
instead."""


def shows_person(mask: Mask, detected: Sequence[DetectedBox], noun: str = OBJECT, probability: float = 0.0) -> bool:
    """Return whether an (H, W) mask is part of a person, is worn or held by a person, or includes a person.

    Args:
        noun: name of the object by the classifier, which knows animals better than the detector. An animal that is
            more probable than its own box of a person is not a person.
        probability: of the noun.
    """
    people = [each for each in detected if each.name == PERSON and each.score >= MIN_PERSON_SCORE]
    own = find_own_box(mask, people)
    if own is not None and find_kind(noun) == ANIMAL and probability > own.score:
        people.remove(own)
    return probability < MIN_SURE and any(
        _share_inside(mask, each.box) > MAX_PERSON_SHARE or _share_covered(each.box, mask) > MAX_PERSON_COVERED
        for each in people
    )


def shows_several(mask: Mask, detected: Sequence[DetectedBox]) -> bool:
    """Return whether an (H, W) mask joins several detected objects, such as two horses."""
    own = fraction_box(mask)
    parts = [
        each.box
        for each in detected
        if each.score >= MIN_PART_SCORE
        and share_inside(each.box, own) >= MIN_CONTAINED
        and _share_inside(mask, each.box) >= MIN_PART_SHARE
    ]
    return any(_shared(first, second) < MAX_SHARED for first in parts for second in parts)


def find_own_box(mask: Mask, detected: Sequence[DetectedBox]) -> DetectedBox | None:
    """Return the detected box of the object inside an (H, W) mask, or None if it was not detected."""
    own = fraction_box(mask)
    best = max(detected, key=lambda each: box_overlap(each.box, own), default=None)
    return best if best is not None and box_overlap(best.box, own) >= MIN_OWN_IOU else None


def has_rival(mask: Mask, detected: Sequence[DetectedBox]) -> bool:
    """Return whether another detected object of the same class is large enough that a name may mean it instead."""
    own = find_own_box(mask, detected)
    if own is None:
        return False
    rivals = (each.box for each in detected if each.name == own.name and _shared(each.box, own.box) < MAX_SHARED)
    return any(box_area(rival) >= MIN_RIVAL_AREA * box_area(own.box) for rival in rivals)


def are_all_objects(masks: Sequence[Mask], detected: Sequence[DetectedBox]) -> bool:
    """Return whether nothing was detected outside (H, W) masks, so that "the object" can mean nothing else."""
    own = [fraction_box(mask) for mask in masks]
    return all(any(_shared(each.box, box) >= MAX_SHARED for box in own) for each in detected)


def name_by_box(mask: Mask, detected: Sequence[DetectedBox]) -> str | None:
    """Return the class of the object inside an (H, W) mask, or "animal", if its box is certain, else None."""
    own = find_own_box(mask, detected)
    if own is None or own.score < MIN_NAME_SCORE:
        return None
    return ANIMAL if own.name in ANIMALS else own.name


def _share_inside(mask: Mask, box: FractionBox) -> float:
    """Return the share of an (H, W) mask inside a box."""
    return float((mask & box_mask(box, mask.shape)).sum() / mask.sum())


def _share_covered(box: FractionBox, mask: Mask) -> float:
    """Return the share of a box inside an (H, W) mask."""
    inside = box_mask(box, mask.shape)
    return float((mask & inside).sum() / max(1, int(inside.sum())))


def _shared(first: FractionBox, second: FractionBox) -> float:
    """Return the common area of two boxes, divided by the area of the smaller one."""
    return max(share_inside(first, second), share_inside(second, first))
