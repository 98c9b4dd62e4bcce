"""Fixtures of the tests of models."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from omniedit.models.pipeline import EditPipeline


@pytest.fixture(scope="module")
def pipeline() -> "EditPipeline":
    from helpers.tiny_editor import make_pipeline

    return make_pipeline()


@pytest.fixture(scope="module")
def editor_folder(pipeline: "EditPipeline", tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("editor") / "saved"
    pipeline.save_pretrained(folder)
    return folder
