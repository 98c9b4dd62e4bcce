"""Tests of experts: pairs of known truth, recorded failures, and a killed job that resumes."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helpers.small_subjects import OPTIONS, scenes, subjects
from omniedit.aspect import closest_ratio
from omniedit.pairs import EncodedPair, Rejection
from omniedit.scoring.reference.demonstrations import score_shown_subject
from omniedit.scoring.reference.judge import ReferenceJudge
from omniedit.scoring.reference.measures import Comparison
from omniedit.scoring.reply_parser import Unscorable
from omniedit.specialists.journal import Journal
from omniedit.subjects import rendered_expert
from omniedit.subjects.expert_images import ExpertImage, to_pair
from omniedit.subjects.experts import Filter, paint_subjects
from omniedit.subjects.features import crop_to_subject
from omniedit.subjects.rendered_expert import RenderedExpert
from omniedit.subjects.subject import Subject
from omniedit.tasks import SUBJECT_TASKS, Task


def embed(images: list[np.ndarray]) -> np.ndarray:
    """Return the mean colour of each image, (N, 3), as its features."""
    return np.stack([image.mean((0, 1)) for image in images]).astype(np.float32)


CHECK = Filter(embed, None, min_subject=0.0, min_text=0.0)


@pytest.fixture(scope="module")
def expert() -> RenderedExpert:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rendered_expert, "collect_scenes", lambda: list(scenes()))
        return RenderedExpert(OPTIONS, subjects(), seed=0)


@pytest.fixture(scope="module")
def pairs(expert: RenderedExpert) -> list[EncodedPair]:
    outcomes = list(paint_subjects(subjects(), expert, CHECK, seed=0))
    assert not [each for each in outcomes if isinstance(each, Rejection)]
    return [each for each in outcomes if isinstance(each, EncodedPair)]


def test_each_subject_has_a_pair_of_every_skill(pairs: list[EncodedPair]) -> None:
    assert [(pair.provenance["source_id"], pair.task) for pair in pairs] == [
        (subject.subject_id, task) for subject in subjects() for task in SUBJECT_TASKS
    ]
    assert len({pair.pair_id for pair in pairs}) == len(pairs)
    assert {pair.provenance["source_sha256"] for pair in pairs} == {subject.sha256 for subject in subjects()}


def test_references_are_the_captioned_demonstrations_in_their_own_files(pairs: list[EncodedPair]) -> None:
    for pair in pairs:
        subject = next(each for each in subjects() if each.subject_id == pair.provenance["source_id"])
        shown = {(each.image, each.caption) for each in subject.demonstrations}
        assert {(each.image, each.caption) for each in pair.references} == shown
        assert {each.role for each in pair.references} == {"demonstration"} == {*pair.task.references}


def test_a_pair_has_the_rights_of_its_subject_and_the_ratio_of_its_image() -> None:
    rights = {"licence": "CC-BY", "author": "A. Painter", "origin": "shop.example/mug"}
    subject = replace(subjects()[0], about=rights)
    image = np.zeros((64, 128, 3), np.uint8)
    task = Task("subject_view")
    painted = ExpertImage(task, ("Turn it.",), "a mug", image, image, None, None, (0, 1), truth=None)
    found = to_pair(subject, painted, "lora", 0, 0).provenance
    assert {key: found[key] for key in rights} == rights
    assert found["ratio"] == closest_ratio(128, 64) != closest_ratio(64, 128)


def test_only_pixels_inside_the_mask_differ(pairs: list[EncodedPair]) -> None:
    for pair in (each.decode() for each in pairs):
        assert pair.mask is not None and (pair.source == pair.edited)[~pair.mask].all()
        assert not (pair.source == pair.edited).all()


def test_the_reference_judge_finds_the_subject_in_every_pair(pairs: list[EncodedPair]) -> None:
    for pair in (each.decode() for each in pairs):
        if pair.task == "subject_stylise":
            continue  # a style hardly changes these plain figures
        seen = Comparison(replace(pair, task=Task.OBJECT_ADDITION))
        assert score_shown_subject(seen, pair.provenance["truth"]).score > 8, pair.task


@pytest.mark.parametrize("skill", ["recontextualise", "view", "compose", "attribute", "accessorise"])
def test_the_reference_judge_rejects_another_subject_and_an_unchanged_one(pairs: list[EncodedPair], skill: str) -> None:
    mug, vase = (pair.decode() for pair in pairs if pair.task == f"subject_{skill}")
    truth = mug.provenance["truth"]
    others = replace(
        mug, references=vase.references, provenance={"truth": vase.provenance["truth"] | {"box": truth["box"]}}
    )
    copied = replace(mug, edited=mug.source)
    for wrong in (others, copied):
        seen = Comparison(replace(wrong, task=Task.OBJECT_ADDITION))
        assert score_shown_subject(seen, wrong.provenance["truth"]).score < 5


def test_the_judge_needs_a_demonstration_for_a_verdict(pairs: list[EncodedPair]) -> None:
    pair = next(each for each in pairs if each.task == "subject_recontextualise").decode()
    judge = ReferenceJudge()
    (score,) = judge.judge([pair])
    assert not isinstance(score, Unscorable) and score.sc_score_2 == 10
    lacks = replace(pair, references=())
    unknown = replace(pair, provenance={"source_id": "a"})
    verdicts = judge.judge([lacks, unknown])
    assert "no reference image with the role demonstration" in str(verdicts[0])
    assert "no known truth" in str(verdicts[1])


class Failing:
    """Expert that fails on one subject, and counts the subjects that it paints."""

    name = "rendered"

    def __init__(self, expert: RenderedExpert, fails_on: str = "") -> None:
        self._expert, self._fails_on, self.painted = expert, fails_on, list[str]()

    def paint(self, subject: Subject) -> Iterator[ExpertImage | Rejection]:
        self.painted.append(subject.subject_id)
        if subject.subject_id == self._fails_on:
            raise RuntimeError("the loss is not finite\nat step 3")
        yield from self._expert.paint(subject)


def test_a_failed_subject_is_recorded_and_the_others_are_painted(
    expert: RenderedExpert, pairs: list[EncodedPair]
) -> None:
    first = subjects()[0].subject_id
    rejection, *rest = paint_subjects(subjects(), Failing(expert, first), CHECK, seed=0)
    assert rejection == Rejection(first, "the expert failed: the loss is not finite at step 3")
    assert rest == [pair for pair in pairs if pair.provenance["source_id"] != first]


def test_a_killed_job_resumes_with_its_first_unfinished_subject(
    expert: RenderedExpert, pairs: list[EncodedPair], tmp_path: Path
) -> None:
    def journal() -> Journal:
        return Journal(tmp_path / "0.h5", Task("subjects"), "rendered", 0, {"a": 1})

    killed = journal()
    outcomes = paint_subjects(subjects(), expert, CHECK, 0, killed)
    for _ in SUBJECT_TASKS:
        next(outcomes)
    killed.finish()
    counted = Failing(expert)
    assert list(paint_subjects(subjects(), counted, CHECK, 0, journal())) == pairs
    assert counted.painted == [subjects()[1].subject_id]


def test_an_image_has_its_mean_similarity_to_the_cropped_demonstrations(pairs: list[EncodedPair]) -> None:
    """The features are mean colours, so the similarity is the mean cosine of the subject's box and each other box."""
    pair, subject = pairs[0], subjects()[0]
    own = crop_to_subject(pair.decode().edited, pair.provenance["truth"]["box"])
    shown = [crop_to_subject(each, one.box) for each, one in zip(subject.images(), subject.demonstrations, strict=True)]
    own_3, *shown_3 = (vector / np.linalg.norm(vector) for vector in embed([own, *shown]).astype(np.float64))
    expected = np.mean([own_3 @ each for each in shown_3])
    assert pair.provenance["subject"]["similarity"] == pytest.approx(expected, abs=1e-4)


def test_an_image_at_a_threshold_is_accepted_and_a_missing_similarity_rejects_none() -> None:
    check = Filter(embed, None, min_subject=0.5, min_text=0.3)
    assert check.reasons({"similarity": 0.5}) == []
    assert check.reasons({"similarity": 0.5, "text_similarity": 0.3}) == []
    assert check.reasons({"similarity": 0.49, "text_similarity": 0.29}) == [
        "its similarity to the subject is 0.49, below 0.5",
        "its similarity to the prompt is 0.29, below 0.3",
    ]


def test_the_prompt_is_compared_with_the_painted_image(expert: RenderedExpert) -> None:
    compared: list[tuple[np.ndarray, str]] = []

    def compare(image: np.ndarray, text: str) -> float:
        compared.append((image, text))
        return 0.25

    accepted = list(paint_subjects(subjects()[:1], expert, replace(CHECK, compare_text=compare), seed=0))
    for pair, (image, text) in zip(accepted, compared, strict=True):
        assert isinstance(pair, EncodedPair) and pair.captions.edited == text
        assert np.array_equal(image, pair.decode().edited) and pair.provenance["subject"]["text_similarity"] == 0.25


def test_images_of_one_skill_have_different_ids(expert: RenderedExpert) -> None:
    class Twice(Failing):
        def paint(self, subject: Subject) -> Iterator[ExpertImage | Rejection]:
            for painted in super().paint(subject):
                yield from (painted, painted)

    twice = list(paint_subjects(subjects()[:1], Twice(expert), CHECK, seed=0))
    assert len({each.pair_id for each in twice if isinstance(each, EncodedPair)}) == 2 * len(SUBJECT_TASKS)


def test_images_below_a_threshold_are_rejected_with_their_similarity(expert: RenderedExpert) -> None:
    strict = Filter(embed, lambda image, text: 0.25, min_subject=1.0, min_text=0.3)
    outcomes = list(paint_subjects(subjects()[:1], expert, strict, seed=0))
    assert len(outcomes) == len(SUBJECT_TASKS) and all(isinstance(each, Rejection) for each in outcomes)
    assert "below 1; its similarity to the prompt is 0.25, below 0.3" in str(outcomes[0])
