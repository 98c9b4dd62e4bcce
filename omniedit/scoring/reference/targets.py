"""Verification that a complex edit changed the object that its instruction refers to, and none of the others."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from omniedit.imaging.images import Mask
from omniedit.instructions.clues import resolve_clue
from omniedit.instructions.individuals import Individual
from omniedit.instructions.referring_expressions import Unresolvable, resolve
from omniedit.instructions.stemming import stems
from omniedit.scoring.reference import sentences
from omniedit.scoring.reference.fields import ramp
from omniedit.scoring.reference.measures import Comparison, Unmeasurable
from omniedit.scoring.reference.rationale import Finding, weigh
from omniedit.scoring.reference.regions import object_region
from omniedit.tasks import Task

MIN_CLEAR_SHARE = 0.25
"""Minimum share of another object's box that must be outside the target's box for changes there to be measured."""
OTHER_COLOUR, SAME_COLOUR = 45.0, 25.0
"""Distances in L*a*b* between the target's measured colour and the claimed one that disprove and confirm it."""


def measure_target(task: Task, comparison: Comparison, truth: Mapping[str, Any]) -> Finding:
    """Score whether the right object of a photo changed.

    The judge resolves the expression or clue again among the objects of the truth, and sees in the images which object
    changed.

    Args:
        task: of family "complex".

    Raises:
        KeyError: the truth lacks a key.
        Unmeasurable: a value of the truth cannot be used.
    """
    individuals, target = _read_individuals(truth), truth["among"]
    if not isinstance(target, int) or not 0 <= target < len(individuals):
        raise Unmeasurable(f"the truth's value of `among` is {target!r:.40}, not the index of one of its objects")
    resolved = _resolve(truth, individuals, task)
    is_said = truth["edit"] == Task.OBJECT_ADDITION or (
        set(stems(truth["expression"])) <= set(stems(comparison.pair.instruction))
    )
    changed, other = _changed_shares(comparison, individuals, target)
    requirements = (
        (float(resolved == target and is_said), sentences.OTHER_MEANT),
        (_has_its_colour(comparison, individuals[target], truth), sentences.OTHER_MEANT),
        (ramp(changed - other, 0.05, 0.3), sentences.OTHER_EDITED),
    )
    measurement = f"{changed:.0%} of the intended object changed, and {other:.0%} of another one"
    return weigh(sentences.RIGHT_ONE, requirements, measurement)


def _read_individuals(truth: Mapping[str, Any]) -> list[Individual]:
    try:
        return [Individual(**row) for row in truth["alike"]]
    except TypeError:
        raise Unmeasurable("the truth's value of `alike` is not a list of objects with noun, box and area") from None


def _resolve(truth: Mapping[str, Any], individuals: list[Individual], task: Task) -> int | None:
    """Return the index of the object that the truth's phrase matches, or None if it matches none or several."""
    try:
        if task == Task("complex_reasoning"):
            return resolve_clue(truth["expression"], [str(name) for name in truth["names"]])
        return resolve(truth["expression"], individuals)
    except Unresolvable:
        return None


def _changed_shares(comparison: Comparison, individuals: list[Individual], target: int) -> tuple[float, float]:
    """Return the share of the target's region that changed, and the largest such share of another object's."""
    own = comparison.box(individuals[target].box)
    changed = comparison.changed_share(object_region(comparison, individuals[target].box))
    others = [0.0]
    for index, other in enumerate(individuals):
        region: Mask = comparison.box(other.box) & ~own
        if index != target and region.sum() >= max(16, MIN_CLEAR_SHARE * comparison.box(other.box).sum()):
            others.append(comparison.changed_share(region))
    return changed, max(others)


def _has_its_colour(comparison: Comparison, this: Individual, truth: Mapping[str, Any]) -> float:
    """Return how well the object's colour matches the colour by which the expression distinguishes it; 1 for other
    cues.
    """
    if truth.get("cue") != "colour" or this.lab is None:
        return 1.0
    image = comparison.edited if truth["edit"] == Task.OBJECT_ADDITION else comparison.source
    pixels = image.reduced[object_region(comparison, this.box)]
    near = np.linalg.norm(pixels - np.array(this.lab, np.float32), axis=1)
    return ramp(float(np.percentile(near, 35)), OTHER_COLOUR, SAME_COLOUR)
