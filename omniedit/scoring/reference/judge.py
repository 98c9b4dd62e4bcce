"""Reference judge: measures whether a pair fulfils its request, given its truth."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import isfinite
from numbers import Real
from typing import Any

import numpy as np

from omniedit.imaging.images import Image, pixels_sha256
from omniedit.pairs import EditPair
from omniedit.scoring.reference import camera, sentences
from omniedit.scoring.reference.fields import NOTICEABLE_DIFFERENCE
from omniedit.scoring.reference.measures import Comparison, ImageMeasures, Unmeasurable
from omniedit.scoring.reference.rationale import Finding, write_rationale
from omniedit.scoring.reference.requirements import REQUIREMENTS, verify_type
from omniedit.scoring.reference.success import SUCCESS_MEASURES, success
from omniedit.scoring.reference.verification import verify
from omniedit.scoring.reference.visible_faults import quality
from omniedit.scoring.reply_parser import Unscorable
from omniedit.scoring.rubric_registry import edit_rubric
from omniedit.scoring.verdict import Score
from omniedit.tasks import COMPLEX_TASKS, MADE_OF, Task, equivalent_task

MIN_VERIFIED_SCORE = 7.0
"""Sub-score from which a pair's truth is verified too; a pair with a lower sub-score is rejected in any case."""
SOURCES_KEPT = 4
"""Number of sources whose measures stay in memory, about 50 MB each for 1.5 megapixels."""
_TEXTS = (
    "object",
    "new_object",
    "attribute",
    "value",
    "environment",
    "background",
    "style",
    "place",
    "kind",
    "expression",
    "direction",
    "text",
    "new_text",
)
_REFERENCE_BOXES = ("other_box", "reference_box")
_TASK_BOXES: Mapping[Task, tuple[str, ...]] = {
    Task.OBJECT_SWAP: ("box", "new_box"),
    Task.OBJECT_REMOVAL: ("box",),
    Task.OBJECT_ADDITION: ("box",),
    Task.ATTRIBUTE_MODIFICATION: ("box",),
    Task("textual_change"): ("box",),
    Task("movement"): ("box", "new_box"),
    Task("resize"): ("box", "new_box"),
}


class ReferenceJudge:
    """Judge that scores by measurement; the truth is `provenance["truth"]` and the mask.

    It answers the rubric's three questions, to one decimal. It cannot judge whether a shape is well drawn or a fill
    makes sense, and it knows only the styles of the embedded specialist. In a small image (the benchmark's 128 pixels)
    it cannot see seams, noise and blur below a pixel.
    """

    name, version = "reference", ""
    batch_size = 1

    def __init__(self) -> None:
        self.prompt_hash = edit_rubric().digest
        self._sources: OrderedDict[str, ImageMeasures] = OrderedDict()

    def judge(self, pairs: Sequence[EditPair]) -> list[Score | Unscorable]:
        return [score_pair(pair, self._image(pair.source)) for pair in pairs]

    def _image(self, source: Image) -> ImageMeasures:
        """Reuse the `ImageMeasures` of recent sources, because a pair is followed by its defects, and pairs of a few
        photos alternate.
        """
        key = pixels_sha256(source)
        if key not in self._sources:
            self._sources[key] = ImageMeasures(source)
        self._sources.move_to_end(key)
        if len(self._sources) > SOURCES_KEPT:
            self._sources.popitem(last=False)
        return self._sources[key]


def score_pair(pair: EditPair, source: ImageMeasures | None = None) -> Score | Unscorable:
    """Return the verdict on one pair; `Unscorable` if its truth or mask is missing, or nothing can be measured.

    Args:
        source: as in `Comparison`.
    """
    named, truth = pair.task, pair.provenance.get("truth")
    pair = replace(pair, task=scoring_task(named, truth))
    if truth is None:
        return Unscorable("the pair has no known truth: its provenance has no truth to measure against")
    if pair.task not in SUCCESS_MEASURES:
        return Unscorable(f"the reference judge has no measurement for the task {pair.task}")
    if unusable := _unusable(pair.task, truth):
        return Unscorable(f"the truth of a {pair.task.label.lower()} {unusable}")
    if pair.is_local and (pair.mask is None or not pair.mask.any()):
        return Unscorable("the edit is local, but the pair has no mask")
    if pair.mask is not None and not pair.mask.any():
        return Unscorable("the mask is empty")
    comparison = Comparison(pair, source)
    try:
        findings = measure_pair(comparison, truth)
        if named in REQUIREMENTS:
            required = REQUIREMENTS[named](comparison, truth)
            findings = (min(findings[0], required, key=lambda finding: finding.score), *findings[1:])
        sc_1, sc_2, pq = (round(finding.score, 1) for finding in findings)
        if min(sc_1, sc_2, pq) >= MIN_VERIFIED_SCORE:
            verify(comparison, {**truth, "object": truth["kind"]} if named in COMPLEX_TASKS else truth)
            verify_type(comparison, truth, named)
    except KeyError as error:
        return Unscorable(f"the truth of a {pair.task.label.lower()} lacks {error}")
    except Unmeasurable as error:
        return Unscorable(str(error))
    return Score(sc_1, sc_2, pq, write_rationale(findings, pair.pair_id))


def scoring_task(task: Task, truth: Any) -> Task:
    """Return the task whose measurements score a pair. For a type that is made of another edit, it is the task of that
    edit.
    """
    if isinstance(truth, Mapping) and truth.get("edit") in MADE_OF.get(task, ()):
        return Task(truth["edit"])
    return equivalent_task(task)


def measure_pair(comparison: Comparison, truth: Mapping[str, Any]) -> tuple[Finding, Finding, Finding]:
    """Return the findings on success, restraint and quality. Their `measurement` holds the figures behind the
    scores.
    """
    return success(comparison, truth), restraint(comparison), quality(comparison)


def _unusable(task: Task, truth: Any) -> str:
    """Describe the first value of a truth that is invalid for its key; '' if all values are valid. Keys may be
    missing.
    """
    if not isinstance(truth, Mapping):
        return f"is {_describe_value(truth)}, not a mapping"
    for name in _TEXTS:
        if name in truth and not isinstance(truth[name], str):
            return f"has {name} {_describe_value(truth[name])}, not a text"
    for name in (*_TASK_BOXES.get(task, ()), *_REFERENCE_BOXES):
        if name in truth and not _is_box(truth[name]):
            return f"has {name} {_describe_value(truth[name])}, not left, top, right, bottom with an area in the image"
    boxes = truth.get("boxes", [])
    if not isinstance(boxes, Sequence) or not all(map(_is_box, boxes)):
        return f"has boxes {_describe_value(boxes)}, not a list of boxes"
    for name in ("count", "new_count"):
        if not isinstance(truth.get(name, 1), int):
            return f"has {name} {_describe_value(truth[name])}, not a whole number"
    for name in ("angle", "scale"):
        if name in truth and not _are_numbers([truth[name]], 1):
            return f"has {name} {_describe_value(truth[name])}, not a number"
    if task is Task.ATTRIBUTE_MODIFICATION and "lab_ab" in truth and not _are_numbers(truth["lab_ab"], 2):
        return f"has lab_ab {_describe_value(truth['lab_ab'])}, not two numbers"
    return ""


def _describe_value(value: Any) -> str:
    return repr(value)[:80]


def _are_numbers(value: Any, count: int) -> bool:
    return (
        isinstance(value, Sequence)
        and len(value) == count
        and all(isinstance(item, Real) and isfinite(item) for item in value)
    )


def _is_box(value: Any) -> bool:
    """Return whether a value is a box in fractions of the image, which may extend beyond the image."""
    if not _are_numbers(value, 4):
        return False
    left, top, right, bottom = value
    return left < right and top < bottom and left < 1 and top < 1 and right > 0 and bottom > 0


def restraint(comparison: Comparison) -> Finding:
    """Score sc_score_2, no over-editing: nothing changed outside the mask; a global edit keeps the structure."""
    if comparison.pair.task == Task("rotation_change"):  # a rotation moves every pixel
        return camera.rotation_restraint(comparison)
    return _preservation_finding(comparison) if comparison.pair.is_local else _shapes_stay(comparison)


def _preservation_finding(comparison: Comparison) -> Finding:
    outside = ~comparison.mask
    if not outside.any():
        return Finding(0.0, sentences.EDIT_IS_EVERYWHERE)
    differences, pixels = comparison.differences(outside), int(outside.sum())
    mean, noticed = float(differences.sum()) / pixels, float((differences > NOTICEABLE_DIFFERENCE).sum()) / pixels
    spot = comparison.largest_change_outside()
    everywhere = min(
        np.interp(mean, [0, 1, 3, 6, 15], [10, 9, 7, 4, 0]), np.interp(noticed, [0, 0.02, 0.2, 1], [10, 9, 6, 2])
    )
    score = min(everywhere, np.interp(spot, [0.0005, 0.002, 0.01, 0.05], [10, 8.5, 6, 3]))
    rest = sentences.ANOTHER_PART_CHANGED if score < everywhere else sentences.REST_CHANGED
    chosen = rest.choose(score, sentences.NOTHING_ELSE_CHANGED, 9)
    outside_edit = f"outside the edit {noticed:.0%} of the pixels changed, by {mean:.1f} on average"
    return Finding(float(score), chosen, f"{outside_edit}; the largest spot covers {spot:.2%} of the image")


def _shapes_stay(comparison: Comparison) -> Finding:
    """Score by structure and edges how well a global edit keeps shapes. Its tones may change, or even be inverted."""
    everywhere = np.ones_like(comparison.small_mask)
    structure = max(0.0, comparison.structure_kept(everywhere, fine=2.0, coarse=12.0))
    edges = max(0.0, comparison.edges_kept(everywhere))
    score = np.interp((structure + edges) / 2, [0, 0.4, 0.6, 0.68, 0.75, 0.9], [0, 3, 7.5, 8.1, 9.2, 10])
    chosen = sentences.SHAPES_CHANGED.choose(score, sentences.SHAPES_KEPT)
    return Finding(float(score), chosen, f"{structure:.0%} of the structure and {edges:.0%} of the edges are kept")
