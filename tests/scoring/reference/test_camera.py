"""Tests of the reference judge on camera edits: each correct pair passes, and each planted fault fails."""

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest

from omniedit.imaging.images import Image
from omniedit.pairs import EditPair
from omniedit.scoring.reference import score_pair
from omniedit.scoring.reference.judge import scoring_task
from omniedit.scoring.reply_parser import Unscorable
from omniedit.scoring.verdict import Score
from omniedit.sources.photo import Photo
from omniedit.specialists.base import NotApplicable, Specialist
from omniedit.specialists.embedded.outpainting import Outpaint
from omniedit.specialists.embedded.rotation import RotationChange
from omniedit.tasks import SAME_EDITS, Task


def scene(seed: int = 0, height: int = 300, width: int = 420) -> Image:
    """Return an image of smooth blobs with a dark ground and grain."""
    rng = np.random.default_rng(seed)
    blobs = cv2.resize(
        rng.uniform(60, 230, (9, 12, 3)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC
    )
    blobs[2 * height // 3 :] *= 0.5
    return np.clip(blobs + rng.normal(0, 4, blobs.shape), 0, 255).astype(np.uint8)


class Nothing:
    """Index without objects."""

    def find(self, photo: Photo) -> tuple[()]:
        return ()


def make_pair(specialist: Specialist, seed: int = 0, image: Image | None = None) -> EditPair:
    photo = Photo("scene", scene() if image is None else image, "4x3")
    request = specialist.propose(photo, np.random.default_rng(seed))
    (edited,) = specialist.edit([request])
    assert not isinstance(edited, NotApplicable)
    source = photo.image if edited.source is None else edited.source
    about: dict[str, Any] = {"source_id": "scene", "truth": dict(request.truth)}
    return EditPair("id", request.task, request.instructions, source, edited.image, edited.mask, about)


def success(pair: EditPair) -> float:
    score = score_pair(pair)
    assert isinstance(score, Score), score
    return score.sc_score_1


def outpaint(seed: int) -> EditPair:
    return make_pair(Outpaint(Nothing()), seed)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(6))
def test_outpainted_photo_passes_and_its_faults_fail(seed: int) -> None:
    pair = outpaint(seed)
    assert pair.mask is not None
    score = score_pair(pair)
    assert isinstance(score, Score) and min(score.sc_score_1, score.sc_score_2, score.pq_score) >= 9
    other, mean, flipped = pair.edited.copy(), pair.edited.copy(), pair.edited.copy()
    other[pair.mask] = scene(7)[pair.mask]
    mean[pair.mask] = pair.edited[~pair.mask].mean(axis=0)
    flipped[pair.mask] = pair.edited[::-1, ::-1][pair.mask]
    for fault in (pair.source, other, mean, flipped):
        assert success(replace(pair, edited=fault)) < 5


def test_outpainting_needs_an_empty_border_in_the_source() -> None:
    pair = outpaint(0)
    assert pair.mask is not None
    assert isinstance(score_pair(replace(pair, source=pair.edited)), Unscorable)
    assert isinstance(score_pair(replace(pair, mask=np.ones_like(pair.mask))), Unscorable)
    holed = pair.mask.copy()
    holed[140:150, 200:210] = True
    assert isinstance(score_pair(replace(pair, mask=holed)), Unscorable)


def test_change_in_the_middle_of_an_outpainted_photo_is_over_editing() -> None:
    pair = outpaint(0)
    assert pair.mask is not None
    darker = np.where(pair.mask[..., None], pair.edited, pair.edited // 2)
    score = score_pair(replace(pair, edited=darker))
    assert isinstance(score, Score) and score.sc_score_2 < 5


@pytest.mark.parametrize("seed", range(6))
def test_rotated_photo_passes_and_its_faults_fail(seed: int) -> None:
    pair = make_pair(RotationChange(), seed)
    score = score_pair(pair)
    assert isinstance(score, Score) and min(score.sc_score_1, score.sc_score_2) >= 9
    angle = pair.provenance["truth"]["angle"]
    assert success(replace(pair, edited=pair.source)) < 3.5
    for wrong in (-angle, angle / 2, angle + 10):
        if (wrong - angle) % 360:
            assert success(replace(pair, provenance={"truth": {"angle": wrong}})) < 5
    other = score_pair(replace(pair, edited=scene(3)[: pair.edited.shape[0], : pair.edited.shape[1]]))
    assert isinstance(other, Score) and other.sc_score_2 < 5


def test_image_without_structure_has_no_measurable_rotation() -> None:
    pair = make_pair(RotationChange())
    plain = np.full_like(pair.source, 128)
    assert isinstance(score_pair(replace(pair, source=plain, edited=plain)), Unscorable)
    assert isinstance(score_pair(replace(pair, provenance={"truth": {"angle": "ten"}})), Unscorable)


@pytest.mark.parametrize(("task", "same"), SAME_EDITS.items())
def test_type_under_another_name_is_measured_like_its_task(task: Task, same: Task) -> None:
    assert scoring_task(task, {}) is same
    assert scoring_task(Task("visual_sketch"), {"edit": same.name}) == (
        same if same in (Task.OBJECT_REMOVAL, Task.OBJECT_SWAP) else "visual_sketch"
    )
