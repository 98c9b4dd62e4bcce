"""Tests of errors of a rehearsal. tests/workflow/test_learned.py runs one."""

from pathlib import Path

import pytest

from benchmarks import rehearsal
from omniedit.errors import UserError


def test_existing_folder_is_left_unchanged(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="already exists; continue with `snakemake` in it"):
        rehearsal.prepare(tmp_path)
    assert not list(tmp_path.iterdir())


def test_unsupported_class_is_named_and_leaves_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models = rehearsal.tiny_models(rehearsal.REPOSITORY / "config/models.yaml")
    other = {"segmenter": models["segmenter"].model_copy(update={"class_name": "Sam2Model"})}
    monkeypatch.setattr(rehearsal, "tiny_models", lambda path, family: other)
    with pytest.raises(
        UserError, match=r"config/models.yaml: no model of random weights is made of the class Sam2Model"
    ):
        rehearsal.prepare(tmp_path / "rehearsal")
    assert not list(tmp_path.iterdir())
