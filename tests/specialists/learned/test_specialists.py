"""Tests of learned specialists on tiny random models, by properties that hold for any weights."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from helpers.tiny_toolbox import PROMPTS, Finder, open_tiny_toolbox, photo, propose_requests, specialist
from omniedit.config.schema import GroundingConfig
from omniedit.grounding.detector import Detections, Grounding, GroundingLimits, PhraseQuery
from omniedit.imaging.morphology import bounding_box
from omniedit.models.registry import get_model
from omniedit.models.roles import CLASSES as SERVING
from omniedit.models.roles import ROLES
from omniedit.specialists.base import BatchedSpecialist, EditResult, NotApplicable
from omniedit.specialists.learned import shared_models as toolbox_module
from omniedit.specialists.learned.inpainter import KINDS
from omniedit.specialists.learned.inpainting import is_inside_hole
from omniedit.specialists.learned.paired_sampling import PIPELINES, PromptPair
from omniedit.specialists.learned.shared_models import Toolbox
from omniedit.tasks import OMNIEDIT_TASKS, Task


@pytest.fixture(scope="module")
def toolbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Toolbox]:
    with open_tiny_toolbox(tmp_path_factory.mktemp("models")) as made:
        yield made


@pytest.mark.parametrize("task", OMNIEDIT_TASKS)
def test_edits_belong_to_their_photo_and_record_their_models(
    task: Task, toolbox: Toolbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = specialist(task, toolbox, "a", "bb")
    assert isinstance(made, BatchedSpecialist) and made.batch_size == 8
    photos = photo("a"), photo("bb", "1x1")
    if task is Task.OBJECT_ADDITION:
        own = [each.image.tobytes() for each in photos]
        monkeypatch.setattr(Finder, "found", staticmethod(lambda image: image.tobytes() in own))
    for each, edited in zip(photos, made.edit(propose_requests(made, *photos)), strict=True):
        assert isinstance(edited, EditResult) and edited.image.dtype == np.uint8
        source = each.image if edited.source is None else edited.source
        assert edited.image.shape == source.shape == each.image.shape
        assert not np.array_equal(edited.image, source)
        assert set(edited.models) == {get_model(role).repository for role in ROLES[task]}
        assert (edited.mask is not None) == task.is_local
        generated = task in (Task.ATTRIBUTE_MODIFICATION, Task.ENVIRONMENT_CHANGE)
        assert edited.generated_under == (get_model("generation").licence if generated else None)
        if edited.mask is not None:
            assert np.array_equal(edited.image[~edited.mask], source[~edited.mask])
            assert edited.truth["box"] == [0.25, 0.25, 0.75, 0.75]


def test_edits_are_the_same_alone_or_in_a_batch(toolbox: Toolbox) -> None:
    for task in (Task.OBJECT_REMOVAL, Task.ATTRIBUTE_MODIFICATION, Task.STYLE_TRANSFER):
        made = specialist(task, toolbox, "a", "b")
        first, second = propose_requests(made, photo("a"), photo("b"))
        for alone, together in zip(([first], [second]), made.edit([first, second]), strict=True):
            (edited,) = made.edit(alone)
            assert np.abs(edited.image.astype(int) - together.image.astype(int)).max() <= 1


def test_style_prompt_is_the_instruction_of_the_pair(toolbox: Toolbox, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    monkeypatch.setattr(
        toolbox.stylist,
        "restyle",
        lambda wanted: [(calls.append(one.instruction), one.image)[1] for one in wanted],
    )
    made = specialist(Task.STYLE_TRANSFER, toolbox, "a")
    made.edit(propose_requests(made, photo("a")))
    assert calls == ["Make the edit."]


def test_candidates_use_different_seeds_and_run_out(toolbox: Toolbox) -> None:
    made = specialist(Task.STYLE_TRANSFER, toolbox, "a")
    first, second = (made.propose(photo("a"), np.random.default_rng(seed)) for seed in (0, 1))
    assert (first.truth, second.truth) == ({"style": "night", "candidate": 0}, {"style": "night", "candidate": 1})
    assert not np.array_equal(*(edited.image for edited in made.edit([first, second])))
    with pytest.raises(NotApplicable, match="no further proposal"):
        made.propose(photo("a"), np.random.default_rng(2))
    with pytest.raises(NotApplicable, match="no usable proposal"):
        made.propose(photo("other"), np.random.default_rng(0))


@pytest.mark.parametrize("task", [task for task in OMNIEDIT_TASKS if task is not Task.STYLE_TRANSFER])
def test_request_without_a_detected_object_is_skipped_and_others_continue(
    task: Task, toolbox: Toolbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    monkeypatch.setattr(Finder, "found", staticmethod(lambda image: calls.append(1) or len(calls) != 1))
    made = specialist(task, toolbox, "a", "b")
    if task is Task.OBJECT_ADDITION:
        monkeypatch.setattr(Finder, "found", staticmethod(lambda image: calls.append(1) or len(calls) == 2))
    first, second = made.edit(propose_requests(made, photo("a"), photo("b")))
    assert isinstance(first, NotApplicable) and str(first) == "no box for 'dog'"
    assert isinstance(second, EditResult)


def test_addition_reverses_a_removal_unless_the_object_is_still_found(
    toolbox: Toolbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = photo("a")
    monkeypatch.setattr(Finder, "found", staticmethod(lambda image: np.array_equal(image, given.image)))
    removal, addition = (specialist(task, toolbox, "a") for task in (Task.OBJECT_REMOVAL, Task.OBJECT_ADDITION))
    (removed,), (added,) = (made.edit(propose_requests(made, given)) for made in (removal, addition))
    assert np.array_equal(added.image, given.image) and np.array_equal(added.source, removed.image)
    monkeypatch.setattr(Finder, "found", staticmethod(lambda image: True))
    (refused,) = addition.edit(propose_requests(addition, given))
    assert isinstance(refused, NotApplicable) and "still found" in str(refused)


def test_addition_accepts_detections_outside_the_hole(toolbox: Toolbox, monkeypatch: pytest.MonkeyPatch) -> None:
    addition, given = specialist(Task.OBJECT_ADDITION, toolbox, "a"), photo("a")
    detect = toolbox.grounder.detector.detect

    def detect_elsewhere(queries: list[PhraseQuery], limits: GroundingLimits) -> list[Detections]:
        first = np.array_equal(queries[0].image, given.image)
        elsewhere = torch.tensor([[0.8, 0.1, 0.95, 0.3], [0.75, 0.2, 0.99, 0.9]])
        return detect(queries, limits) if first else [Detections(elsewhere, torch.tensor([0.9, 0.8]))]

    monkeypatch.setattr(toolbox.grounder.detector, "detect", detect_elsewhere)
    (added,) = addition.edit(propose_requests(addition, given))
    assert isinstance(added, EditResult)


@pytest.mark.parametrize(
    ("box", "stands"),
    [
        ((0.25, 0.25, 0.5, 0.5), True),
        ((0.3, 0.3, 0.35, 0.35), True),
        ((0.0, 0.0, 1.0, 1.0), True),
        ((0.45, 0.25, 0.9, 0.5), False),
        ((0.6, 0.6, 0.9, 0.9), False),
    ],
)
def test_detections_count_only_if_their_box_overlaps_the_hole(
    box: tuple[float, float, float, float], stands: bool
) -> None:
    hole = np.zeros((80, 80), bool)
    hole[20:40, 20:40] = True
    assert is_inside_hole(box, hole) == stands


@pytest.mark.parametrize("found", [True, False])
def test_candidates_of_a_proposal_run_detection_once(
    found: bool, toolbox: Toolbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    monkeypatch.setattr(Finder, "found", staticmethod(lambda image: calls.append(1) or found))
    made, rng = specialist(Task.OBJECT_REMOVAL, toolbox, "a"), np.random.default_rng(0)
    requests = [made.propose(photo("a"), rng) for _ in range(2)]
    assert [request.is_retry for request in requests] == [False, True]
    together, alone = made.edit(requests), made.edit(requests[1:])
    assert len(calls) == 1
    for edited in (*together, *alone):
        assert isinstance(edited, EditResult) if found else str(edited) == "no box for 'dog'"
    if found:
        assert np.array_equal(together[0].mask, together[1].mask) and np.array_equal(alone[0].mask, together[1].mask)
        assert not np.array_equal(together[0].image, together[1].image)


def test_classes_accepted_before_a_run_are_the_ones_that_load() -> None:
    assert {*SERVING["inpainting"], "InpaintPipeline"} == KINDS.keys()
    assert set(SERVING["generation"]) == PIPELINES.keys()
    for role, classes in SERVING.items():
        assert get_model(role).class_name in classes


def test_every_word_of_a_value_is_emphasised_despite_punctuation(toolbox: Toolbox) -> None:
    made = specialist(Task.ATTRIBUTE_MODIFICATION, toolbox, "a")
    proposal = made.proposals["a"][0].model_copy(update={"value": "Old, worn; red", "emphasis": 3.0})
    pair = made.add_words(PromptPair("a dog", "an old, worn, red dog", 1), proposal)
    assert pair.weights == {"old": 3.0, "worn": 3.0, "red": 3.0}


def test_model_entries_are_read_once_per_job(toolbox: Toolbox, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr(toolbox_module, "get_model", lambda role: calls.append(role) or get_model(role))
    other = Toolbox(toolbox.config, "cpu")
    for _ in range(3):
        assert other.revisions("detector", "segmenter").keys() == toolbox.revisions("detector", "segmenter").keys()
    assert calls == ["detector", "segmenter"]


def test_grounding_limits_and_dilation_come_from_the_config(toolbox: Toolbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolbox_module, "get_model", get_model)
    grounding = GroundingConfig(box_threshold=0.5, text_threshold=0.1, min_area=0.3, max_area=0.6, dilation=0.5, rim=0)
    other = Toolbox(toolbox.config.model_copy(update={"grounding": grounding}), "cpu")
    assert other.grounder.limits == GroundingLimits(box_threshold=0.5, text_threshold=0.1, min_area=0.3, max_area=0.6)
    mask = np.zeros((80, 80), bool)
    mask[30:50, 30:50] = True
    assert bounding_box(specialist(Task.OBJECT_REMOVAL, other, "a").hole(mask)) == (20, 20, 60, 60)
    attribute = specialist(Task.ATTRIBUTE_MODIFICATION, other, "a")
    assert np.array_equal(attribute.blend_mask(Grounding((), 1.0, mask)), mask)


def test_environment_edit_needs_no_named_object(toolbox: Toolbox) -> None:
    made = specialist(Task.ENVIRONMENT_CHANGE, toolbox, "a")
    made.proposals = {"a": [made.proposal(instructions=["Add fog."], environment="fog", **PROMPTS)]}
    (edited,) = made.edit(propose_requests(made, photo("a")))
    assert isinstance(edited, EditResult) and edited.truth == {}
