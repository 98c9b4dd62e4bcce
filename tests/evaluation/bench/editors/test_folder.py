"""Tests of outputs made elsewhere."""

import os
from pathlib import Path

import numpy as np
import pytest

from helpers.small_bench import noise, small_item, small_set
from omniedit.errors import UserError
from omniedit.evaluation.bench.edit_records import EditFolder
from omniedit.evaluation.bench.editors.editor import EditFailure, ItemRequest
from omniedit.evaluation.bench.editors.folder import Folder
from omniedit.evaluation.bench.run import RunOptions, edit_set
from omniedit.imaging.images import encode_png


def edit(folder: Path, number: int = 0):
    return Folder(folder).edit([ItemRequest(small_item(number), noise(number), 0)])[0]


@pytest.mark.parametrize("name", ["0.png", "0.PNG"])
def test_an_output_is_found_by_the_items_id(tmp_path: Path, name: str) -> None:
    (tmp_path / "style").mkdir()
    (tmp_path / "style" / name).write_bytes(encode_png(noise(9)))
    assert np.array_equal(edit(tmp_path), noise(9))


@pytest.mark.parametrize(
    "files, reason",
    [
        ({"1.png": b""}, "no file style/0.png, .jpg or .webp; the folder has, for example, style/1.png"),
        ({"0.png": b"text"}, "0.png: not"),
        ({"0.png": b"", "0.jpg": b""}, "has 0.jpg and 0.png; remove one"),
    ],
)
def test_an_unusable_output_is_a_failure(tmp_path: Path, files: dict[str, bytes], reason: str) -> None:
    (tmp_path / "style").mkdir()
    for name, content in files.items():
        (tmp_path / "style" / name).write_bytes(content)
    failure = edit(tmp_path)
    assert isinstance(failure, EditFailure) and failure.reason.startswith(reason)


def test_a_replaced_output_is_read_again(tmp_path: Path) -> None:
    outputs, results = tmp_path / "outputs", tmp_path / "results"
    (outputs / "style").mkdir(parents=True)
    for number in range(4):
        (outputs / f"style/{number}.png").write_bytes(encode_png(noise(9)))
    edit_set(small_set(), Folder(outputs), EditFolder(results), RunOptions())
    (outputs / "style/1.png").write_bytes(encode_png(noise(8, 41)))
    os.utime(outputs / "style/1.png", (1, 1))
    edit_set(small_set(), Folder(outputs), EditFolder(results), RunOptions())
    assert np.array_equal(EditFolder(results).read("style/1"), noise(8, 41))


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder"):
        Folder(tmp_path / "none")


def test_a_folder_without_images_is_an_error(tmp_path: Path) -> None:
    """Such as the weights of a model."""
    (tmp_path / "transformer").mkdir()
    (tmp_path / "transformer/config.json").write_text("{}")
    with pytest.raises(UserError, match="has no image, and is not a trained editor"):
        Folder(tmp_path)
