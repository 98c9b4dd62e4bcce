"""Rubrics: their questions, the order of their parts, and how their scores combine."""

import subprocess
import sys
from dataclasses import replace

import pytest

from omniedit.errors import UserError
from omniedit.scoring.rubric_registry import edit_rubric, load_rubric, rubrics
from omniedit.tasks import ANYEDIT_TASKS


def test_default_rubric_keeps_its_digest() -> None:
    rubric = edit_rubric()
    assert (rubric.digest, rubric.num_scores, len(rubric.questions)) == ("e41be7af2704e8e2", 3, 1)


DIGESTS = {
    "edit": "e41be7af2704e8e2",
    "viescore_editing": "2546f7e7456f27ea",
    "viescore_mask_editing": "cac43929bc9e88d7",
    "viescore_subject_editing": "c1384c9c8dc51fa2",
    "viescore_generation": "9569561fe46fb68c",
    "viescore_subject_generation": "1d8c60b3df9c47d9",
    "viescore_multi_concept": "9b4dbef69a97d459",
    "viescore_control_generation": "8d4a63b3905b4f7c",
    "anyedit": "3e7284fc77f9cc7a",
}
"""Digests under which scores of earlier releases are stored; a changed one would score every pair again."""


def test_packaged_rubrics_keep_their_digests() -> None:
    assert {name: rubric.digest for name, rubric in rubrics().items()} == DIGESTS
    assert all(question.is_plain for rubric in rubrics().values() for question in rubric.questions)


def test_every_rubric_requests_the_scores_that_it_combines() -> None:
    assert len(rubrics()) == 9
    for rubric in [*rubrics().values(), *rubrics()["anyedit"].tasks.values()]:
        for question in rubric.questions:
            assert f'{{"score": [{", ".join(question.scores)}], "reasoning": ' in question.text.splitlines()[-1]
        assert sorted((*rubric.sc, *rubric.pq)) == sorted(rubric.scores)
    digests = {rubric.digest for rubric in rubrics().values()}
    assert len(digests) == len(rubrics())


def test_each_type_of_anyedit_defines_over_editing() -> None:
    rubric, of_edits = load_rubric("anyedit"), load_rubric("edit")
    assert tuple(rubric.tasks) == ANYEDIT_TASKS and rubric.for_task("object_swap").questions == of_edits.questions
    for task in ANYEDIT_TASKS:
        (question,) = rubric.for_task(task).questions
        assert question.images == ("source", *task.references, "edited") and question.is_plain
        (restraint,) = [line for line in question.text.splitlines() if line.startswith("Second, restraint: ")]
        grows = "no fault" in restraint
        assert grows == (task in ("background_change", "tone_transfer", "style_change", "outpaint", "rotation_change"))
    scores = {"success": 9, "restraint": 4, "quality": 8}
    assert rubric.for_task("outpaint").overall(scores) == of_edits.overall(scores)


@pytest.mark.parametrize("part", ["text", "images", "words", "scores", "sc", "pq"])
def test_every_part_of_a_rubric_changes_its_digest(part: str) -> None:
    rubric = load_rubric("viescore_control_generation")
    first, *others = rubric.questions
    if part in ("sc", "pq"):
        changed = replace(rubric, **{part: getattr(rubric, part)[::-1]})
    else:
        value = f"{first.text} " if part == "text" else (*getattr(first, part)[::-1], "new")
        changed = replace(rubric, questions=(replace(first, **{part: value}), *others))
    assert changed.digest != rubric.digest


def test_the_fingerprint_includes_the_rubric_and_needs_no_heavy_import() -> None:
    code = """
import sys
from omniedit.config.schema import ScoringConfig
from omniedit.scoring.rubric_registry import judge_fingerprint
from omniedit.tasks import ANYEDIT_TASKS
print(judge_fingerprint(ScoringConfig(), "reference"))
print(judge_fingerprint(ScoringConfig(api={"rubric": "viescore_editing"}), "api"))
heavy = {"torch", "numpy", "pyarrow", "h5py", "transformers"} & set(sys.modules)
sys.exit(str(heavy) if heavy else 0)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    of_reference, of_api = done.stdout.splitlines()
    assert edit_rubric().digest in of_reference and load_rubric("viescore_editing").digest in of_api


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
def test_viescore_questions_match_the_paper(
    name: str, shown: tuple[str, ...], said: tuple[str, ...], sc: tuple[str, ...]
) -> None:
    """Check SC with all images, the result last, and PQ with the result alone (VIEScore, section 3 and appendix)."""
    rubric = load_rubric(f"viescore_{name}")
    semantic, perceptual = rubric.questions
    assert (semantic.images, semantic.words, semantic.scores) == (shown, said, sc)
    assert (perceptual.images, perceptual.words) == (shown[-1:], ())
    assert perceptual.scores == ("naturalness", "artifacts")


def test_sc_and_pq_are_minima_of_their_scores_and_o_is_their_geometric_mean() -> None:
    scores = {"success": 9.0, "restraint": 4.0, "naturalness": 10.0, "artifacts": 9.0}
    assert load_rubric("viescore_editing").overall(scores) == (4.0, 9.0, 6.0)


def test_an_unknown_rubric_error_lists_the_known_ones() -> None:
    with pytest.raises(UserError, match="no rubric 'edits'; available: edit, viescore_editing"):
        load_rubric("edits")
