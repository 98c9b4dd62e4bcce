"""Tests of the builder: bad tables, copies among the photos, training sources, frozen folders."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from helpers.bench_files import write_csv
from omniedit.errors import UserError
from omniedit.evaluation.bench.sets.freeze import describe, freeze, read_draft
from omniedit.evaluation.bench.sets.training_overlap import find_photo_leaks, read_training
from omniedit.imaging.images import pixels_sha256
from omniedit.sources.near_duplicates import perceptual_hash
from omniedit.sources.photo_index import INDEX_SCHEMA, SAMPLE
from omniedit.storage.parquet import write_rows

ROW = {"photo": "two_dogs.jpg", "task": "object_removal", "instruction": "Remove the upper dog.", "objects": "1"}


def make_draft(tmp_path: Path, *rows: dict[str, str]) -> Any:
    return read_draft(write_csv(tmp_path / "table.csv", rows or [ROW]), SAMPLE)


def load(name: str) -> np.ndarray:
    return np.asarray(Image.open(SAMPLE / name).convert("RGB"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"photo": "absent.jpg"}, "line 2: 'absent.jpg': no such file"),
        ({"photo": "../index.py"}, "leaves the table's folder"),
        ({"task": "make_it_nice"}, "the task 'make_it_nice' is none of object_swap"),
        ({"task": "a/b"}, "has a slash"),
        ({"instruction": " "}, "has no text in instruction"),
        ({"objects": "many"}, "objects is 'many'"),
    ],
)
def test_an_unusable_row_raises_an_error(tmp_path: Path, change: dict[str, str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        make_draft(tmp_path, {**ROW, **change})


def test_a_repeated_row_raises_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="line 3: repeats line 2; remove one of the two"):
        make_draft(tmp_path, ROW, ROW)


def test_all_problems_are_listed_up_to_ten(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"line 2: .*line 11: .*; and 2 more"):
        make_draft(tmp_path, *[{**ROW, "task": "x"}] * 12)


def test_unsupported_files_raise_errors(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no column task"):
        read_draft(write_csv(tmp_path / "a.csv", [{"photo": "x"}]), SAMPLE)
    (tmp_path / "b.csv").write_bytes(b"photo,task,instruction\n\xff\xfe,x,y\n")
    with pytest.raises(UserError, match="not a CSV file in UTF-8"):
        read_draft(tmp_path / "b.csv", SAMPLE)
    with pytest.raises(UserError, match="cannot be read"):
        read_draft(tmp_path / "c.csv", SAMPLE)


def test_a_second_instruction_for_a_photo_and_task_has_a_number(tmp_path: Path) -> None:
    draft = make_draft(tmp_path, ROW, {**ROW, "instruction": "Remove both dogs.", "objects": "2"})
    assert [row["id"] for row in draft.rows] == ["object_removal/two_dogs", "object_removal/two_dogs-2"]
    lines = describe(draft)
    assert lines[0] == "2 instructions for 1 photos" and "object_removal 2" in lines[1] and "3x4 2" in lines[2]
    assert lines[3] == "objects: 1: 1, 2: 1" and lines[4] == "6 photos and tasks have no instruction"


def test_a_copy_among_the_photos_is_an_error(tmp_path: Path) -> None:
    photo = Image.open(SAMPLE / "two_dogs.jpg")
    photo.save(tmp_path / "a.png")
    photo.resize((400, 533)).save(tmp_path / "b.jpg", quality=60)
    table = write_csv(tmp_path / "t.csv", [{**ROW, "photo": name} for name in ("a.png", "b.jpg")])
    with pytest.raises(UserError, match=r"b.jpg is a copy of a.png"):
        read_draft(table, tmp_path)


def test_a_frozen_set_is_never_changed(tmp_path: Path) -> None:
    draft = make_draft(tmp_path)
    freeze(draft, SAMPLE, tmp_path / "set", "mine", "1")
    before = {file: file.read_bytes() for file in (tmp_path / "set").rglob("*") if file.is_file()}
    with pytest.raises(UserError, match="a frozen set, which is never changed; give another folder"):
        freeze(draft, SAMPLE, tmp_path / "set", "mine", "2")
    assert before == {file: file.read_bytes() for file in (tmp_path / "set").rglob("*") if file.is_file()}
    assert not (tmp_path / "set/images/two_dogs.jpg").samefile(SAMPLE / "two_dogs.jpg")


def save_variant(folder: Path, kind: str) -> None:
    photo = Image.open(SAMPLE / "two_dogs.jpg").convert("RGB")
    width, height = photo.size
    variants = {
        "exact": photo,
        "smaller": photo.resize((width // 3, height // 3)),
        "cropped": photo.crop((width // 100, height // 100, width, height)),
        "mirrored": photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    }
    folder.mkdir()
    variants[kind].save(folder / "copy.jpg", quality=70)
    Image.open(SAMPLE / "rocky_path.jpg").save(folder / "other.jpg")


@pytest.mark.parametrize("kind", ["exact", "smaller", "cropped", "mirrored"])
def test_a_copy_in_a_training_folder_is_found(tmp_path: Path, kind: str) -> None:
    save_variant(tmp_path / "training", kind)
    training = [read_training(tmp_path / "training")]
    draft = make_draft(tmp_path, ROW, {**ROW, "photo": "dandelion.jpg"})
    (leak,) = find_photo_leaks(draft.photos, training)
    assert (leak.photo, leak.source) == ("two_dogs.jpg", "training/copy.jpg")
    assert leak.kind == ("mirrored" if kind == "mirrored" else "near")
    with pytest.raises(UserError, match=r"1 photos are training sources: two_dogs.jpg \(\w+ copy of "):
        freeze(draft, SAMPLE, tmp_path / "set", "mine", "1", training)
    assert not (tmp_path / "set").exists()


def write_index(path: Path, *rows: dict[str, object]) -> Path:
    empty = dict.fromkeys(INDEX_SCHEMA.names)
    write_rows(path, [{**empty, "status": "kept", "shard": "00000", **row} for row in rows], INDEX_SCHEMA)
    return path


def test_the_index_of_a_run_is_searched_but_not_its_benchmark(tmp_path: Path) -> None:
    dogs, path = load("two_dogs.jpg"), load("rocky_path.jpg")
    rows = [
        {"source_id": "dogs", "sha256": pixels_sha256(dogs), "phash": perceptual_hash(dogs)},
        {"source_id": "path", "sha256": pixels_sha256(path), "phash": perceptual_hash(path), "shard": "bench"},
        {"source_id": "fig", "sha256": "0", "phash": perceptual_hash(load("fig_in_bowl.jpg")), "status": "refused"},
    ]
    write_index(tmp_path / "results/mini/sources/index.parquet", *rows)
    photos = {name: load(name) for name in ("two_dogs.jpg", "rocky_path.jpg", "fig_in_bowl.jpg")}
    (leak,) = find_photo_leaks(photos, [read_training(tmp_path / "results/mini")])
    assert (leak.photo, leak.kind) == ("two_dogs.jpg", "exact")
    smaller = np.asarray(Image.fromarray(dogs).resize((300, 400)))
    (near,) = find_photo_leaks({"small": smaller}, [read_training(tmp_path / "results/mini/sources/index.parquet")])
    assert near.kind == "near"


def test_sources_of_imported_pairs_are_searched_even_without_a_perceptual_hash(tmp_path: Path) -> None:
    row = {"source_id": "dogs", "sha256": pixels_sha256(load("two_dogs.jpg"))}
    write_index(tmp_path / "run/sources/imports.parquet", row)
    (leak,) = find_photo_leaks({"two_dogs.jpg": load("two_dogs.jpg")}, [read_training(tmp_path / "run")])
    assert (leak.source, leak.kind) == ("run/dogs", "exact")


def test_a_photo_without_contrast_is_not_a_near_copy(tmp_path: Path) -> None:
    grey = np.full((64, 64, 3), 128, np.uint8)
    row = {"source_id": "grey", "sha256": "0", "phash": perceptual_hash(grey)}
    training = read_training(write_index(tmp_path / "run/sources/index.parquet", row))
    assert not find_photo_leaks({"grey": grey}, [training])


def test_an_invalid_training_path_raises_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such run or folder"):
        read_training(tmp_path / "absent")
