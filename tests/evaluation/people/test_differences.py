"""Differences of editors in people's scores: paired by item, clustered by image, corrected for their number."""

import json
from itertools import product

import numpy as np
import pytest

from omniedit.evaluation.people.answers import Answer
from omniedit.evaluation.people.differences import compare_scores
from omniedit.evaluation.people.rated_edits import RatedEdit
from omniedit.evaluation.people.rating_results import summarize
from omniedit.evaluation.people.result_tables import markdown, to_json

EDITORS = ("good", "fair", "poor")
IMAGES, TASKS = 6, 2


def make_edit(item: int, editor: str) -> RatedEdit:
    return RatedEdit(f"i{item}", editor, "swap", "Do it.", f"image {item // TASKS}", f"{item} {editor}", bytes, bytes)


EDITS = [make_edit(item, editor) for item, editor in product(range(IMAGES * TASKS), EDITORS)]
LEVELS = {"good": 1.0, "fair": 0.5, "poor": 0.5}


def make_values() -> dict[str, np.ndarray]:
    """Return SC by two raters, of whom the second has rated the first editor only."""
    first = [LEVELS[edit.editor] for edit in EDITS]
    second = [0.5 if edit.editor == "good" else np.nan for edit in EDITS]
    return {"sc": np.array([first, second])}


def test_raters_are_averaged_and_signs_flip_per_image() -> None:
    found = {(each.first, each.second): each for each in compare_scores(EDITS, make_values(), EDITORS, 0)}
    assert list(found) == [("good", "fair"), ("good", "poor"), ("fair", "poor")]
    clear, none = found["good", "fair"], found["fair", "poor"]
    assert clear.value == pytest.approx(0.25) and clear.items == IMAGES * TASKS
    assert clear.p == pytest.approx(2 / 2**IMAGES) and clear.corrected == pytest.approx(3 * 2 / 2**IMAGES)
    assert (none.value, none.p, none.corrected) == (0, 1, 1)


def test_editors_without_a_common_item_have_no_p_value() -> None:
    edits = [make_edit(0, "good"), make_edit(2, "poor")]
    (only,) = compare_scores(edits, {"sc": np.array([[1.0, 0.0]])}, ["good", "poor"], 0)
    assert (only.value, only.interval, only.items, only.p, only.corrected) == (None, None, 0, None, None)


def test_results_show_the_differences_and_json_has_no_nan() -> None:
    edits = dict(enumerate(EDITS, 1))
    answers = [Answer(number, sc=LEVELS[edit.editor], pq=1, rater="ada") for number, edit in edits.items()]
    results = summarize(edits, answers)
    assert [(each.score, each.first, each.second) for each in results.differences][:2] == [
        ("pq", "good", "fair"),
        ("pq", "good", "poor"),
    ]
    page = "\n".join(markdown(results))
    assert "| good - fair | SC | 0.50 | 12 | 0.0312 | 0.0938 |" in page
    assert "Holm's method for the comparisons of a score (3)" in page
    json.loads(json.dumps(to_json(results), allow_nan=False))
