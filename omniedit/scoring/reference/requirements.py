"""Requirements of AnyEdit's types beyond those of the edit that they are made of, and checks of their truths."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from omniedit.instructions.objects import without_position
from omniedit.scoring.reference import counts, subjects
from omniedit.scoring.reference.conditions import CONDITIONS, measure_condition
from omniedit.scoring.reference.measures import Comparison
from omniedit.scoring.reference.rationale import Finding
from omniedit.tasks import Task

Truth = Mapping[str, Any]


def verify_type(seen: Comparison, truth: Truth, task: Task) -> None:
    """Check what a type's truth claims beyond that of its edit.

    Raises:
        Unmeasurable: the images do not support it; the text says what is unconfirmed.
    """
    if not seen.pair.provenance.get("known_truth") and task in _CHECKS:
        _CHECKS[task](seen, truth)


def _condition(task: Task, seen: Comparison, truth: Truth) -> Finding:
    return measure_condition(seen.pair, task)


def _verify_counting(seen: Comparison, truth: Truth) -> None:
    more = seen.pair.edited if truth["new_count"] > truth["count"] else seen.pair.source
    counts.verify_number(more, truth["object"], truth["boxes"])


def _verify_relation(seen: Comparison, truth: Truth) -> None:
    boxes = (truth["box"], truth["other_box"])
    counts.verify_number(seen.pair.source, without_position(truth["object"]), boxes)


REQUIREMENTS: Mapping[Task, Callable[[Comparison, Truth], Finding]] = {
    **{task: partial(_condition, task) for task in CONDITIONS},
    Task("counting"): counts.counting,
    Task("relation"): counts.relation,
    Task("visual_reference"): subjects.visual_reference,
    Task("material_transfer"): subjects.material_transfer,
}
_CHECKS: Mapping[Task, Callable[[Comparison, Truth], None]] = {
    Task("counting"): _verify_counting,
    Task("relation"): _verify_relation,
}
