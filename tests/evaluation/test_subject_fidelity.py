"""Tests of subject and text fidelity, and of copying, on images whose values are known."""

import numpy as np
import pytest

from omniedit.evaluation.subject_fidelity import SubjectCase, copying, measure_subject, subject_error


def flat(value: int, inside: int | None = None) -> np.ndarray:
    """Return a grey image of 8 x 8 pixels whose upper left quarter has another value."""
    image = np.full((8, 8, 3), value, np.uint8)
    if inside is not None:
        image[:4, :4] = inside
    return image


@pytest.fixture
def case() -> SubjectCase:
    mask = np.zeros((8, 8), bool)
    mask[:4, :4] = True
    demonstration = np.flip(flat(40, 200), axis=1).copy()
    return SubjectCase(flat(100), flat(100, 200), mask, [demonstration], [flat(100, 150)], [flat(200, 100)])


def test_the_truth_and_a_copy_have_the_extreme_values(case: SubjectCase) -> None:
    truth = measure_subject(case, case.truth)
    assert truth == {"subject_error": 0, "subject_matched": 1, "text_matched": 1, "request_matched": 1, "copying": 0}
    copied = measure_subject(case, case.demonstrations[0])
    assert copied["copying"] == 1 and copied["text_matched"] == 0


def test_the_subjects_error_is_a_share_of_the_sources(case: SubjectCase) -> None:
    assert subject_error(case, case.source) == 1
    assert subject_error(case, flat(100, 150)) == pytest.approx(0.25)
    assert subject_error(case, flat(0, 200)) == 0, "pixels outside the subject do not count"


def test_another_subject_in_the_right_scene_follows_the_text_but_is_not_the_subject(case: SubjectCase) -> None:
    found = measure_subject(case, flat(100, 160))
    assert found["subject_matched"] == 0 and found["text_matched"] == 1


def test_a_faint_edit_of_the_requested_scene_matches_the_request_but_not_the_text(case: SubjectCase) -> None:
    found = measure_subject(case, flat(100, 110))
    assert (found["request_matched"], found["text_matched"]) == (1, 0)
    assert measure_subject(case, flat(200, 100))["request_matched"] == 0


def test_copying_is_half_where_truth_and_demonstration_are_equally_near(case: SubjectCase) -> None:
    middle = ((case.truth.astype(int) + case.demonstrations[0]) // 2).astype(np.uint8)
    assert copying(case, middle) == pytest.approx(0.5, abs=0.01)
