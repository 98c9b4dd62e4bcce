"""Tests of the learned specialists of AnyEdit's types on tiny random models, by properties of any weights."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from helpers.tiny_toolbox import Finder, open_tiny_toolbox, photo, propose_requests, specialist
from omniedit.grounding.detector import Detections, Grounding, PhraseQuery
from omniedit.imaging.line_drawing import draw_lines, sketch_lines
from omniedit.models.registry import get_model
from omniedit.models.roles import GROUNDING, ROLES
from omniedit.pairs import Reference
from omniedit.specialists.base import EditResult, NotApplicable
from omniedit.specialists.embedded import condition_images
from omniedit.specialists.learned.condition_maps import palette
from omniedit.specialists.learned.guided_inpainter import GuidedHole
from omniedit.specialists.learned.reference_painting import reference_prompt
from omniedit.specialists.learned.shared_models import Toolbox
from omniedit.tasks import ANYEDIT_TASKS, Task

OWN_SOURCE = ("add", "action_change", "outpaint")
"""Types whose source image is not the photo."""


@pytest.fixture(scope="module")
def toolbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Toolbox]:
    with open_tiny_toolbox(tmp_path_factory.mktemp("models")) as made, pytest.MonkeyPatch.context() as patch:
        patch.setattr(condition_images, "MAX_AGREEMENT", 1.0)  # noise has fine lines everywhere, none strong
        patch.setattr(condition_images, "MIN_LINE_SHARE", 0.0)
        yield made


@pytest.fixture
def counts(toolbox: Toolbox, monkeypatch: pytest.MonkeyPatch) -> dict[bytes, int]:
    """Return the numbers of boxes that the detector finds, by image; 1 in all others."""
    numbers: dict[bytes, int] = {}
    box = torch.tensor([[0.25, 0.25, 0.75, 0.75]])

    def detect(queries: list[PhraseQuery], limits: object) -> list[Detections]:
        found = [numbers.get(query.image.tobytes(), 1) if query.phrase == "dog" else 1 for query in queries]
        return [Detections(box.repeat(count, 1), torch.full((count,), 0.9)) for count in found]

    monkeypatch.setattr(toolbox.grounder.detector, "detect", detect)
    return numbers


@pytest.mark.parametrize("task", [task for task in ANYEDIT_TASKS if task not in ("counting", "relation")])
def test_pairs_of_each_type_belong_to_their_photo(
    task: Task, toolbox: Toolbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, given = specialist(task, toolbox, "a"), photo("a")
    if task == "add":
        monkeypatch.setattr(Finder, "found", staticmethod(lambda image: np.array_equal(image, given.image)))
    (request,) = propose_requests(made, given)
    (edited,) = made.edit([request])
    assert request.task is task and isinstance(edited, EditResult), edited
    assert (edited.source is not None) == (task in OWN_SOURCE)
    source = given.image if edited.source is None else edited.source
    assert edited.image.shape == source.shape == given.image.shape and not np.array_equal(edited.image, source)
    assert set(edited.models) == {get_model(role).repository for role in ROLES[task]}
    assert tuple(each.role for each in edited.references) == task.references
    assert edited.mask is not None or task.is_local is not True
    if edited.mask is not None:
        assert 0 < edited.mask.mean() < 1 and np.array_equal(edited.image[~edited.mask], source[~edited.mask])
    if GROUNDING[0] in ROLES[task]:
        assert edited.truth["box"] == [0.25, 0.25, 0.75, 0.75]


def test_counting_accepts_an_edit_only_if_the_detector_counts_one_object_less(
    toolbox: Toolbox, counts: dict[bytes, int]
) -> None:
    made, given = specialist(Task("counting"), toolbox, "a"), photo("a")
    (request,) = propose_requests(made, given)
    (missed,) = made.edit([request])
    assert str(missed) == "2 x 'dog' proposed; 1 before the edit and 1 after it are found"
    prepared = made.prepare([request])
    counts[given.image.tobytes()] = 2
    (fewer,) = made.finish([request], prepared)
    assert isinstance(fewer, EditResult) and fewer.source is None
    proposal = request.parts["proposal"]
    request.parts["proposal"] = proposal.model_copy(update={"more": True})
    (more,) = made.finish([request], prepared)
    assert np.array_equal(more.image, given.image) and np.array_equal(more.source, fewer.image)


def test_relation_places_the_object_by_its_anchor_if_there_is_room(
    toolbox: Toolbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, given = specialist(Task("relation"), toolbox, "a"), photo("a")
    requests = propose_requests(made, given)
    prepared = made.prepare(requests)
    (crowded,) = made.finish(requests, prepared)
    assert isinstance(crowded, NotApplicable) and str(crowded) == "'dog' would leave the image"
    height, width = given.image.shape[:2]
    anchor = np.zeros((height, width), bool)
    anchor[height // 2 : 9 * height // 10, 9 * width // 10 :] = True
    monkeypatch.setattr(toolbox.grounder, "ground", lambda queries: [Grounding((), 1.0, anchor)] * len(queries))
    (edited,) = made.finish(requests, prepared)
    assert isinstance(edited, EditResult) and edited.truth["new_box"][2] <= 0.9 < edited.truth["new_box"][2] + 0.1
    assert np.array_equal(edited.image[~edited.mask], given.image[~edited.mask])


def test_condition_images_show_the_pair(toolbox: Toolbox) -> None:
    for name in ("visual_bbox", "visual_sketch", "visual_segment", "visual_depth"):
        made, given = specialist(Task(name), toolbox, "a"), photo("a")
        (edited,) = made.edit(propose_requests(made, given))
        condition = edited.references[0].image
        if name == "visual_bbox":
            drawn = (condition != given.image).any(axis=-1)
            assert drawn.any() and (condition[drawn] == condition_images.RED).all()
            continue
        expected = {
            "visual_sketch": lambda image: draw_lines(sketch_lines(image), dark=True),
            "visual_segment": toolbox.semantic.colour,
            "visual_depth": toolbox.depth.estimate,
        }[name]
        assert np.array_equal(condition, expected(edited.image))
        assert not np.array_equal(condition, expected(given.image))


def test_segments_have_distinct_colours() -> None:
    assert len(np.unique(palette(), axis=0)) == len(palette()) >= 150


def test_editor_gets_the_result_of_a_cause_and_the_pair_keeps_the_cause(
    toolbox: Toolbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    instructions: list[str] = []
    monkeypatch.setattr(
        toolbox.editor, "restyle", lambda edits: [(instructions.append(one.instruction), one.image)[1] for one in edits]
    )
    made = specialist(Task("implicit_change"), toolbox, "a")
    (request,) = propose_requests(made, photo("a"))
    made.edit([request])
    assert instructions == ["make it night"] and request.instructions == ("Make the edit.",)


def test_each_hole_of_a_batch_follows_its_own_reference_and_depth(toolbox: Toolbox) -> None:
    image = photo("a").image
    mask = np.zeros(image.shape[:2], bool)
    mask[10:30, 10:40] = True
    light, dark = (np.full_like(image, level) for level in (240, 10))
    for painter in (toolbox.reference_painter, toolbox.material_painter):
        holes = [GuidedHole(image, mask, "red car", 1, reference, light) for reference in (image, 255 - image)]
        together = painter.fill(holes)
        alone = [painter.fill([hole])[0] for hole in holes]
        assert not np.array_equal(*together)
        for one, other in zip(together, alone, strict=True):
            assert np.abs(one.astype(int) - other.astype(int)).max() <= 1
    shaded = toolbox.material_painter.fill([GuidedHole(image, mask, "red car", 1, image, dark)])[0]
    assert not np.array_equal(shaded, together[0])


def test_reference_is_generated_and_stored_with_the_pair(toolbox: Toolbox) -> None:
    made = specialist(Task("material_transfer"), toolbox, "a")
    (edited,) = made.edit(propose_requests(made, photo("a")))
    (reference,) = edited.references
    assert isinstance(reference, Reference) and reference.image.shape == (64, 64, 3)
    assert edited.truth["reference"] == "generated"
    sample = reference_prompt(Task("material_transfer"), "dog made of blue stone")
    assert sample == "close-up photo of the surface of blue stone, filling the frame"
