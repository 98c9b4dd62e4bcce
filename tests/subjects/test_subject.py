"""Tests of the file of subjects and of rendered demonstrations."""

from pathlib import Path

import numpy as np
import pytest

from helpers.small_subjects import OPTIONS, cut_out, scenes, subjects
from omniedit.errors import UserError
from omniedit.storage.parquet import read_rows
from omniedit.subjects import synthetic_subjects
from omniedit.subjects.rendering import SubjectPlace, render, to_cut_out
from omniedit.subjects.subject import RejectedCluster, read_subjects, write_subjects
from omniedit.subjects.synthetic_subjects import photograph, photograph_subjects


def test_subjects_and_rejected_clusters_read_back_unchanged(tmp_path: Path) -> None:
    rejected = RejectedCluster("shop", "its images differ", {"group": "shop.example/a"})
    assert write_subjects(tmp_path / "0.parquet", [subjects()[0], rejected, subjects()[1]]) == (2, 1)
    assert tuple(read_subjects(tmp_path / "0.parquet")) == subjects()
    row = read_rows(tmp_path / "0.parquet")[1]
    assert (row["subject_id"], row["reason"]) == ("shop", "its images differ") and "shop.example/a" in row["about"]


def test_a_subject_is_rendered_in_different_scenes_that_depend_on_the_seed() -> None:
    first = subjects()[0]
    assert 3 <= len(first.demonstrations) <= OPTIONS.max_demonstrations
    assert len({each.caption for each in first.demonstrations}) == len(first.demonstrations)
    assert first == photograph(cut_out("red mug", (200, 60, 40)), scenes(), OPTIONS, seed=0)
    assert first != photograph(cut_out("red mug", (200, 60, 40)), scenes(), OPTIONS, seed=1)
    assert len({each.sha256 for each in subjects()}) == len({each.phash for each in subjects()}) == 2


def test_more_demonstrations_than_scenes_are_an_error_with_both_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synthetic_subjects, "collect_cut_outs", lambda: [cut_out("red mug", (200, 60, 40))] * 2)
    monkeypatch.setattr(synthetic_subjects, "collect_scenes", lambda: list(scenes()))
    options = OPTIONS.model_copy(update={"max_demonstrations": 5})
    with pytest.raises(UserError, match=r"subjects\.max_demonstrations 5: this machine has 4 scenes"):
        next(photograph_subjects(options, 0, 1, seed=0))


def test_a_rendered_subject_is_inside_its_box_and_the_rest_of_the_scene_is_unchanged() -> None:
    scene, piece = scenes()[0].image, to_cut_out(cut_out("mug", (200, 60, 40)).rgba)
    shown = render(scene, piece, SubjectPlace(0.5, 0.9, 0.5))
    assert (shown.image == scene)[~shown.mask].all() and not (shown.image == scene)[shown.mask].all()
    left, top, right, bottom = (round(edge * side) for edge, side in zip(shown.box, (400, 300) * 2, strict=True))
    assert (bottom - top, right - left) == (150, 112) and bottom == 270
    middle = shown.image[(top + bottom) // 2, (left + right) // 2 - 10]
    assert np.argmax(middle) == 0, "the red mug's pixels"
