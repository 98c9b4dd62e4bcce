"""Tests of this project's own editors under test."""

from pathlib import Path

import numpy as np
import pytest

from helpers.small_bench import noise, small_item
from helpers.tiny_editor import make_pipeline
from omniedit.errors import UserError
from omniedit.evaluation.bench.editors.editor import ItemRequest
from omniedit.evaluation.bench.editors.entries import TrainedEntry
from omniedit.evaluation.bench.editors.trained import TrainedEditor
from omniedit.imaging.images import resize


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained") / "editnet"
    make_pipeline().save_pretrained(folder)
    return folder


def requests() -> list[ItemRequest]:
    """Return requests of two sizes."""
    sizes = ((96, 64), (64, 96), (96, 64))
    return [ItemRequest(small_item(n), resize(noise(n), *size), 5 + n) for n, size in enumerate(sizes)]


def test_an_edit_has_the_size_of_its_source_and_depends_only_on_its_request(folder: Path) -> None:
    editor = TrainedEditor(TrainedEntry(kind="trained", folder=str(folder), steps=2), "cpu")
    together = editor.edit(requests())
    alone = editor.edit(requests()[2:])[0]
    assert [image.shape for image in together] == [(64, 96, 3), (96, 64, 3), (64, 96, 3)]
    assert np.abs(alone.astype(int) - together[2]).max() <= 1
    assert not np.array_equal(together[0], together[2])


def test_the_version_names_weights_and_sampling(folder: Path) -> None:
    given = TrainedEditor(TrainedEntry(kind="trained", folder=str(folder), steps=2, guidance_image=1.2), "cpu").version
    own = TrainedEditor(TrainedEntry(kind="trained", folder=str(folder)), "cpu").version
    assert given.startswith("editnet@") and given.split(",")[0] == own.split(",")[0]
    assert "num_inference_steps 2, guidance_scale 1, image_guidance_scale 1.2" in given
    assert "num_inference_steps 20" in own


def test_a_folder_without_an_editor_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no editor to load"):
        TrainedEditor(TrainedEntry(kind="trained", folder=str(tmp_path)), "cpu")
