"""Tests of signatures: a row per pair, its table, and the arrays that are read back from it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from omniedit.imaging.images import Image
from omniedit.pairs import EditPair
from omniedit.quality.hashes import search_keys
from omniedit.quality.signature import SIGNATURES_SCHEMA, digest_pixels, hash_instruction, sign_pair, sign_pairs
from omniedit.quality.signature_table import Signatures
from omniedit.storage.parquet import read_rows, write_rows
from omniedit.tasks import Task


@pytest.fixture
def image() -> Image:
    return np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)


def make_pair(source: Image, edited: Image, task: str = "style_transfer", **more: Any) -> EditPair:
    about = {"source_id": "photo"}
    return EditPair("p", Task(task), ("Turn this into a sketch.",), source, edited, None, about, **more)


def test_row_matches_the_schema_and_reads_back_as_arrays(image: Image, tmp_path: Path) -> None:
    rows = [sign_pair(make_pair(image, 255 - image, session="s", turn=1)), sign_pair(make_pair(image, image))]
    for name in ("b", "a"):
        write_rows(tmp_path / name, rows, SIGNATURES_SCHEMA)
    assert set(rows[0]) == set(SIGNATURES_SCHEMA.names)
    read = read_rows(tmp_path / "a")
    assert [(row["session"], row["turn"]) for row in read] == [("s", 1), (None, None)]
    pairs = Signatures.read([tmp_path / "a", tmp_path / "b"])
    assert len(pairs) == 4
    assert pairs.source_digest.tolist() == [pairs.source_digest[0]] * 4
    assert (pairs.edited_digest == pairs.source_digest).tolist() == [False, True, False, True]
    assert pairs.source_hash[0].tobytes() == rows[0]["source_hash"]
    assert (pairs.edited_key == search_keys(pairs.edited_hash)).all()
    assert pairs.change_levels[0].tolist() == pytest.approx(rows[0]["change_levels"])


def test_empty_shard_is_read(tmp_path: Path) -> None:
    write_rows(tmp_path / "none", [], SIGNATURES_SCHEMA)
    assert len(Signatures.read([tmp_path / "none"])) == 0
    assert list(sign_pairs([])) == []


def test_digest_depends_only_on_pixels_and_size(image: Image) -> None:
    assert digest_pixels(image) == digest_pixels(np.asfortranarray(image))
    assert digest_pixels(image) != digest_pixels(image.reshape(64, 48, 3))
    assert digest_pixels(image) != digest_pixels(255 - image)


def test_instruction_hash_ignores_case_and_punctuation() -> None:
    assert hash_instruction("Remove the dogs!") == hash_instruction("remove the dog")
    assert hash_instruction("Remove the dog") != hash_instruction("Remove the cat")


def test_pair_with_a_doubtful_task_has_no_direction_clues(image: Image) -> None:
    mask = np.zeros((48, 64), bool)
    mask[10:30, 10:30] = True
    edited = np.where(mask[..., None], np.uint8(128), image)
    pairs = [
        EditPair("p", task, ("Remove the dog.",), image, edited, mask, {})
        for task in (Task.OBJECT_REMOVAL, Task.OBJECT_ADDITION)
    ]
    assert [bool(sign_pair(pair)["swap_clues"]) for pair in pairs] == [True, False]


def test_task_without_known_phrases_is_not_doubted(image: Image) -> None:
    assert sign_pair(make_pair(image, 255 - image, "object_removal"))["label_doubt"]
    assert sign_pair(make_pair(image, 255 - image, "unspecified"))["label_doubt"] == ""
