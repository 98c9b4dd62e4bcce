"""Fixtures of the tests of models."""

from collections.abc import Iterator
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


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Run on one thread. On several, even a copy of the base differs in the last bit, as MKL splits sums by address."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
