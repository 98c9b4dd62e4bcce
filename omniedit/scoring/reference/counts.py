"""Measurements of edits of one of several objects of a kind: their number, and the object that was edited."""

import re
from collections.abc import Sequence

import numpy as np

from omniedit.grounding.names import noun_probabilities
from omniedit.imaging.boxes import FractionBox
from omniedit.imaging.images import Image
from omniedit.instructions.grammar import OPPOSITE, without_position
from omniedit.instructions.templates.counting import parse_numbers
from omniedit.pairs.provenance import Truth
from omniedit.scoring.reference import sentences
from omniedit.scoring.reference.fields import distribution_distance, ramp
from omniedit.scoring.reference.measures import Comparison, Unmeasurable
from omniedit.scoring.reference.rationale import Finding, TruthObject, weigh
from omniedit.scoring.reference.regions import object_region, replacement_strength

PLACE_WORDS = {
    "left": r"\bleft\b",
    "right": r"\bright\b",
    "upper": r"\b(upper|above|higher)\b",
    "lower": r"\b(lower|below)\b",
}
"""Words for a place of one of two objects."""
CLEAR_CHANGE = 5.0
"""Colour difference from which a pixel of the reduced copies has clearly changed."""
WINDOW, MOST_WINDOWS = 1.4, 36
"""Side of the windows to search for further objects of a kind, relative to the known ones, and number of windows."""
MAX_PROBABILITY_ELSEWHERE = 0.35
"""Maximum probability that a window without a known object shows one of its kind."""


def counting(comparison: Comparison, truth: Truth) -> Finding:
    """Score a change of a number: all objects that should change did, the others stayed, and the numbers are right.

    Raises:
        Unmeasurable: the numbers of the truth contradict each other.
    """
    boxes, before, after = truth["boxes"], truth["count"], truth["new_count"]
    both = min(before, after)
    if len(boxes) != max(before, after) or before == after or both < 1:
        raise Unmeasurable(
            f"the truth of a change of number has {len(boxes)} boxes for a change from {before} to {after}"
        )
    more = comparison.edited if after > before else comparison.source
    unchanged, changed = ([object_region(comparison, box) for box in part] for part in (boxes[:both], boxes[both:]))
    replacement = min(replacement_strength(comparison, region)[0] for region in changed)
    stayed = max(comparison.changed_share(comparison.box(box) & ~comparison.small_mask) for box in boxes[:both])
    looks = [more.appearance[region] for region in (*unchanged, *changed)]
    apart = max(distribution_distance(looks[0], look) for look in looks[1:])
    numbers = parse_numbers(comparison.pair.instruction)
    is_stated = numbers <= {before, after, abs(after - before)} and bool(numbers & {after, abs(after - before)})
    requirements = (
        (float(is_stated), sentences.WRONG_NUMBER),
        (replacement, sentences.NUMBER_UNCHANGED),
        (ramp(stayed, 0.4, 0.1), sentences.ANOTHER_CHANGED),
        (ramp(apart, 40.0, 25.0), sentences.OTHER_KIND),
    )
    measurement = (
        f"{replacement:.0%} of the change was made; {stayed:.0%} of the others changed; they look {apart:.0f} apart; "
        f"the instruction states {sorted(numbers)} for {before} to {after}"
    )
    return weigh(sentences.COUNTED, requirements, measurement, old=TruthObject.parse(truth["object"]))


def relation(comparison: Comparison, truth: Truth) -> Finding:
    """Score which of two objects was edited: the one at the place that the instruction says.

    Raises:
        Unmeasurable: the place of the truth is unknown.
    """
    place, box, other = truth["place"], truth["box"], truth["other_box"]
    if place not in PLACE_WORDS:
        raise Unmeasurable(f"the truth of a relation has the place {place!r:.20}")
    text = comparison.pair.instruction.lower()
    is_stated = bool(re.search(PLACE_WORDS[place], text)) and not re.search(PLACE_WORDS[OPPOSITE[place]], text)
    changed = comparison.small_delta_e > CLEAR_CHANGE
    change_here, change_there = (float(changed[comparison.box(each)].sum()) for each in (box, other))
    share = change_here / max(1.0, change_here + change_there)
    requirements = (
        (float(is_stated), sentences.OTHER_MEANT),
        (ramp(_distance(place, box, other), 0.05, 0.25), sentences.OTHER_MEANT),
        (ramp(share, 0.5, 0.8), sentences.OTHER_EDITED),
    )
    measurement = f"{share:.0%} of the change is in the object on the {place}, not in the other one"
    return weigh(
        sentences.RIGHT_ONE, requirements, measurement, old=TruthObject.parse(without_position(truth["object"]))
    )


def _distance(place: str, box: FractionBox, other: FractionBox) -> float:
    """Return how far a box is from another in the direction of a place, relative to the boxes' mean side."""
    axis = 0 if place in ("left", "right") else 1
    sign = -1 if place in ("left", "upper") else 1
    apart = (box[axis] + box[axis + 2] - other[axis] - other[axis + 2]) / 2
    side = (box[axis + 2] - box[axis] + other[axis + 2] - other[axis]) / 2
    return sign * apart / max(side, 1e-6)


def verify_number(image: Image, noun: str, boxes: Sequence[FractionBox]) -> None:
    """Check that an image shows no objects of a kind besides the known ones.

    Raises:
        Unmeasurable: a window elsewhere shows one.
    """
    probabilities = noun_probabilities(noun, _windows_elsewhere(image, boxes))
    if probabilities is not None and len(probabilities) and float(probabilities.max()) > MAX_PROBABILITY_ELSEWHERE:
        raise Unmeasurable(f"there may be more than {len(boxes)} objects of the kind {noun}")


def _windows_elsewhere(image: Image, boxes: Sequence[FractionBox]) -> list[Image]:
    """Return square windows about as large as the known objects, over the whole image except where these objects
    are.
    """
    height, width = image.shape[:2]
    known = np.array(boxes) * (width, height, width, height)
    sides = np.maximum(known[:, 2] - known[:, 0], known[:, 3] - known[:, 1])
    side = int(min(WINDOW * sides.mean(), height, width))
    step = side // 2
    while (1 + (height - side) // step) * (1 + (width - side) // step) > MOST_WINDOWS:
        step += max(1, side // 8)
    corners = ((x, y) for y in range(0, height - side + 1, step) for x in range(0, width - side + 1, step))
    return [image[y : y + side, x : x + side] for x, y in corners if not _touches(known, x, y, side)]


def _touches(known: np.ndarray, x: int, y: int, side: int) -> bool:
    """Return whether a window holds more than a tenth of any known box."""
    wide = np.clip(np.minimum(known[:, 2], x + side) - np.maximum(known[:, 0], x), 0, None)
    high = np.clip(np.minimum(known[:, 3], y + side) - np.maximum(known[:, 1], y), 0, None)
    return bool((wide * high > 0.1 * (known[:, 2] - known[:, 0]) * (known[:, 3] - known[:, 1])).any())
