"""What each rubric asks, in which order, and what its scores make."""

import pytest

from omniedit.errors import UserError
from omniedit.scoring.rubric import edit_rubric, rubric_of, rubrics


def test_the_chains_rubric_is_the_one_its_scores_were_given_under() -> None:
    rubric = edit_rubric()
    assert (rubric.digest, rubric.num_scores, len(rubric.questions)) == ("a2ebe5024b9fdd28", 3, 1)


def test_every_rubric_asks_about_what_it_shows_and_for_what_it_reads() -> None:
    assert len(rubrics()) == 8
    for rubric in rubrics().values():
        for question in rubric.questions:
            assert f'{{"score": [{", ".join(question.scores)}], "reasoning": ' in question.text.splitlines()[-1]
        assert sorted((*rubric.sc, *rubric.pq)) == sorted(rubric.scores)
    digests = {rubric.digest for rubric in rubrics().values()}
    assert len(digests) == len(rubrics())


@pytest.mark.parametrize(
    ("name", "shown", "said", "sc"),
    [
        ("editing", ("source", "edited"), ("instruction",), ("success", "restraint")),
        ("mask_editing", ("source", "edited"), ("instruction",), ("success", "restraint")),
        ("subject_editing", ("source", "subject", "edited"), ("subject_name",), ("resemblance", "restraint")),
        ("generation", ("image",), ("prompt",), ("success",)),
        ("subject_generation", ("subject", "image"), ("prompt",), ("success", "resemblance")),
        ("multi_concept", ("subjects", "image"), ("prompt",), ("success", "resemblance_left", "resemblance_right")),
        ("control_generation", ("control", "image"), ("prompt",), ("success", "guidance")),
    ],
)
def test_viescores_tasks_are_asked_as_it_asks_them(
    name: str, shown: tuple[str, ...], said: tuple[str, ...], sc: tuple[str, ...]
) -> None:
    """SC with everything in view and the outcome last; PQ with the outcome alone (VIEScore, section 3 and appendix)."""
    rubric = rubric_of(f"viescore_{name}")
    semantic, perceptual = rubric.questions
    assert (semantic.pictures, semantic.words, semantic.scores) == (shown, said, sc)
    assert (perceptual.pictures, perceptual.words) == (shown[-1:], ())
    assert perceptual.scores == ("naturalness", "artifacts")


def test_sc_and_pq_are_the_least_of_their_scores_and_o_their_geometric_mean() -> None:
    scores = {"success": 9.0, "restraint": 4.0, "naturalness": 10.0, "artifacts": 9.0}
    assert rubric_of("viescore_editing").overall(scores) == (4.0, 9.0, 6.0)


def test_a_rubric_that_there_is_not_is_told_with_those_that_there_are() -> None:
    with pytest.raises(UserError, match="no rubric 'edits'; there are: edit, viescore_editing"):
        rubric_of("edits")
