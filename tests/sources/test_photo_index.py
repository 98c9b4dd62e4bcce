"""Tests of the index of a folder: kept files, their crops, and the reasons for rejecting the rest."""

import errno
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniedit.aspect import crop_box
from omniedit.errors import UserError
from omniedit.sources.listing import list_files
from omniedit.sources.photo import NamedObject
from omniedit.sources.photo_index import (
    SAMPLE,
    IndexRow,
    PhotoRequirements,
    check_some_kept,
    crop_objects,
    index_rows,
    make_source_id,
)

DEMANDS = PhotoRequirements(min_pixels=4096, max_pixels=10**6, ratio_tolerance=0.15, crop="centre")


def save(path: Path, size: tuple[int, int] = (96, 64), seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), np.uint8)
    PIL.Image.fromarray(noise).save(path)
    return path


def index_folder(root: Path, demands: PhotoRequirements = DEMANDS) -> dict[str, IndexRow]:
    return {row["file"]: row for row in index_rows(root, list_files(root), demands)}


def test_each_file_is_kept_or_rejected_with_a_reason(tmp_path: Path) -> None:
    save(tmp_path / "good.jpg", seed=1)
    save(tmp_path / "deep/er/Ünsafe name.png", seed=2)
    save(tmp_path / "deep/same.png", seed=2)
    save(tmp_path / "tiny.png", (30, 20))
    save(tmp_path / "panorama.png", (400, 64))
    save(tmp_path / ".hidden.jpg")
    save(tmp_path / ".git/inside.jpg")
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no photo")
    (tmp_path / "cut.jpg").write_bytes(save(tmp_path / "whole.jpg", (200, 200), 3).read_bytes()[:9000])
    (tmp_path / "IMG_1.heic").write_bytes(b"heic")
    (tmp_path / "README").write_text("my photos")
    (tmp_path / "empty.png").touch()
    rows = index_folder(tmp_path)
    status = {file: row["status"] for file, row in rows.items()}
    kept = {"good.jpg", "deep/er/Ünsafe name.png", "whole.jpg"}
    assert {file for file, s in status.items() if s == "kept"} == kept
    reasons = {file: row["reason"] for file, row in rows.items() if row["status"] == "refused"}
    assert reasons.pop("deep/same.png") == "duplicate of deep/er/Ünsafe name.png"
    assert reasons.pop("tiny.png") == "too small: 600 of 4096 pixels"
    assert reasons.pop("panorama.png").startswith("no ratio within tolerance: 400x64")
    assert reasons.pop("IMG_1.heic") == "unsupported format .heic"
    assert reasons.pop("README") == "no suffix"
    assert set(reasons) == {"broken.jpg", "cut.jpg", "empty.png"}
    assert all(reason.startswith("unreadable: ") for reason in reasons.values())


def test_unreadable_caption_file_or_lone_surrogate_does_not_stop_indexing(tmp_path: Path) -> None:
    save(tmp_path / "a.jpg")
    (tmp_path / "lost.jsonl").symlink_to(tmp_path / "nowhere")
    (tmp_path / "b.jsonl").write_text('{"file": "a.jpg", "caption": "a \\ud83d dog"}')
    rows = index_folder(tmp_path)
    assert rows["a.jpg"]["caption"] == "a ? dog"
    assert rows["lost.jsonl"]["status"] == "warned" and "cannot be read" in rows["lost.jsonl"]["reason"]


def test_captions_are_read_from_text_files_and_jsonl_lines(tmp_path: Path) -> None:
    for number, name in enumerate(["a.JPG", "b.jpg", "sub/c.jpg"]):
        save(tmp_path / name, seed=number)
    (tmp_path / "a.txt").write_text("a  dog\n")
    line = {"id": "sea", "file": "c.jpg", "caption": "the sea", "author": "Ann", "licence": "CC0-1.0"}
    objects = [{"name": "boat", "box": [0, 0.1, 0.5, 1]}, {"name": "gull"}]
    (tmp_path / "sub/photos.jsonl").write_text(json.dumps(line | {"objects": objects}))
    rows = index_folder(tmp_path)
    assert set(rows) == {"a.JPG", "b.jpg", "sub/c.jpg"}
    assert rows["a.JPG"]["caption"] == "a dog" and rows["b.jpg"]["caption"] == ""
    sea = rows["sub/c.jpg"]
    assert (sea["source_id"], sea["caption"], sea["author"], sea["licence"]) == ("sea", "the sea", "Ann", "CC0-1.0")
    assert json.loads(sea["objects"]) == [objects[0], {"name": "gull", "box": None}]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "not JSON"),
        ("[1]", "not a JSON object"),
        ('{"caption": "x"}', "names no photo"),
        ('{"file": "gone.jpg"}', "names 'gone.jpg', which does not exist"),
        ('{"file": "a.jpg", "objects": 3}', "objects: not a list"),
        ('{"file": "a.jpg", "objects": [{"box": [0, 0, 1, 1]}]}', "objects[0]: has no name"),
        ('{"file": "a.jpg", "objects": [{"name": "x", "box": [10, 20, 300, 400]}]}', "objects[0]: box [10, 20"),
        ('{"file": "a.jpg", "objects": [{"name": "x", "box": [0.5, 0, 0.5, 1]}]}', "objects[0]: box [0.5"),
        ('{"file": "a.jpg", "objects": [{"name": "x", "box": [NaN, 0, 0.5, 1]}]}', "objects[0]: box [NaN"),
        ('{"file": "a.jpg", "objects": [{"name": "x", "box": "all"}]}', 'objects[0]: box "all"'),
    ],
)
def test_invalid_jsonl_line_warns_with_its_line_number(tmp_path: Path, line: str, reason: str) -> None:
    save(tmp_path / "a.jpg")
    (tmp_path / "photos.jsonl").write_text(f"\n{line}\n")
    rows = index_folder(tmp_path)
    assert rows["a.jpg"]["status"] == "kept"
    warned = rows["photos.jsonl:2"]
    assert warned["status"] == "warned" and warned["reason"].startswith(reason)


def test_folder_without_usable_photos_raises_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"absent' is not a folder"):
        list_files(tmp_path / "absent")
    with pytest.raises(UserError, match="has no files"):
        list_files(tmp_path)
    (tmp_path / "IMG_1.heic").touch()
    (tmp_path / "IMG_2.heic").touch()
    with pytest.raises(UserError) as error:
        check_some_kept(tmp_path, list(index_folder(tmp_path).values()))
    assert str(error.value) == (
        f"sources.path '{tmp_path}' has no readable image (0 of 2 files; first: IMG_1.heic: unsupported "
        "format .heic). Supported: jpeg png webp tiff."
    )


def test_sample_photos_are_all_kept_uncropped_and_cover_every_ratio() -> None:
    rows = list(index_folder(SAMPLE, PhotoRequirements(1_000_000, 4_000_000, 0.15, "saliency")).values())
    assert [row["status"] for row in rows] == ["kept"] * 9
    assert {row["ratio"] for row in rows} == {"1x1", "2x3", "3x2", "3x4", "4x3", "9x16", "16x9"}
    assert all(
        (row["left"], row["top"], row["right"], row["bottom"]) == (0, 0, row["width"], row["height"]) for row in rows
    )
    lines = {line["file"]: line for line in map(json.loads, (SAMPLE / "sample.jsonl").read_text().splitlines())}
    for row in rows:
        assert row["source_id"] == lines[row["file"]]["id"]
        assert json.loads(row["objects"]) == lines[row["file"]]["objects"]


def test_saliency_crop_keeps_a_named_object_in_view(tmp_path: Path) -> None:
    save(tmp_path / "a.png", (160, 100))
    for left, expected in ((0.0, (0, 150)), (0.9, (10, 160))):
        line = {"file": "a.png", "objects": [{"name": "x", "box": [left, 0.2, left + 0.1, 0.8]}]}
        (tmp_path / "photos.jsonl").write_text(json.dumps(line))
        row = index_folder(tmp_path, PhotoRequirements(4096, 10**6, 0.15, "saliency"))["a.png"]
        assert (row["left"], row["right"]) == expected and len(json.loads(row["objects"])) == 1


def test_saliency_crop_shifts_towards_the_salient_region(tmp_path: Path) -> None:
    for place, expected in ((4, (0, 150)), (140, (10, 160))):
        image = np.random.default_rng(0).integers(80, 100, (100, 160, 3)).astype(np.uint8)
        image[40:60, place : place + 15] = (250, 40, 20)
        PIL.Image.fromarray(image).save(tmp_path / "a.png")
        row = index_folder(tmp_path, PhotoRequirements(4096, 10**6, 0.15, "saliency"))["a.png"]
        assert (row["left"], row["right"]) == expected


def test_file_name_that_is_not_utf8_is_rejected(tmp_path: Path) -> None:
    save(tmp_path / "a.png").rename(os.fsdecode(bytes(tmp_path) + b"/\xe4.png"))
    (row,) = index_folder(tmp_path).values()
    assert (row["file"], row["status"]) == ("?.png", "refused") and "UTF-8" in row["reason"]


@given(st.integers(1, 500), st.integers(1, 500), st.tuples(*[st.floats(0, 1)] * 4), st.tuples(*[st.floats(0, 1)] * 2))
def test_boxes_in_a_crop_cover_the_same_pixels(
    width: int, height: int, sides: tuple[float, ...], centre: tuple[float, float]
) -> None:
    left, right = sorted(sides[:2])
    top, bottom = sorted(sides[2:])
    if right - left < 0.01 or bottom - top < 0.01:
        return
    crop = crop_box(width, height, "3x2", centre)
    (kept,) = crop_objects([NamedObject("x", (left, top, right, bottom))], (width, height), crop) or [None]
    x0, x1 = (min(max(side * width, crop[0]), crop[2]) for side in (left, right))
    y0, y1 = (min(max(side * height, crop[1]), crop[3]) for side in (top, bottom))
    in_view = max(0, x1 - x0) * max(0, y1 - y0) / ((right - left) * width * (bottom - top) * height)
    if kept is None:
        assert in_view < 0.5 + 1e-6
    else:
        assert kept.box is not None and in_view >= 0.5 - 1e-6
        assert kept.box[0] * (crop[2] - crop[0]) + crop[0] == pytest.approx(x0, abs=1e-3)
        assert kept.box[3] * (crop[3] - crop[1]) + crop[1] == pytest.approx(y1, abs=1e-3)


@given(st.text(min_size=1), st.text())
def test_source_ids_contain_only_safe_characters(file: str, id: str) -> None:
    made = make_source_id(file, id)
    assert made.isascii() and all(c.isalnum() or c in "_-" for c in made) and 0 < len(made) <= 67


def test_source_ids_are_readable_and_unique() -> None:
    assert make_source_id("beach.jpg", "") == "beach"
    ids = [make_source_id(file, "") for file in ("a/b.jpg", "a-b.png", "a b.jpg", "ä-b.jpg")]
    assert len(set(ids)) == 4 and ids[1] == "a-b" and ids[0].startswith("a-b-")
    assert make_source_id("a.png", "", {"a"}).startswith("a-")


def test_pipes_are_rejected_without_blocking(tmp_path: Path) -> None:
    save(tmp_path / "a.jpg")
    for pipe in ("b.jpg", "a.txt", "captions.jsonl"):
        os.mkfifo(tmp_path / pipe)
    rows = index_folder(tmp_path)
    assert rows["a.jpg"]["status"] == "kept"
    for pipe in ("b.jpg", "a.txt", "captions.jsonl"):
        assert (rows[pipe]["status"], rows[pipe]["reason"]) == ("refused", "a pipe, socket or device, not a file")


def test_linked_folders_are_read_once(tmp_path: Path) -> None:
    root, elsewhere = tmp_path / "photos", tmp_path / "elsewhere"
    (root / "deep").mkdir(parents=True)
    save(elsewhere / "b.jpg")
    (root / "linked").symlink_to(elsewhere)
    (root / "twice").symlink_to(elsewhere)
    (root / "deep" / "loop").symlink_to(root)
    (root / "itself.jpg").symlink_to("itself.jpg")
    rows = index_folder(root)
    assert rows["itself.jpg"]["reason"] == "unreadable: a broken link"
    assert rows["linked/b.jpg"]["status"] == "kept"
    assert rows["twice/"]["reason"] == "the same folder as linked/"
    assert rows["deep/loop/"]["reason"] == "the same folder as sources.path itself"


def test_unreadable_folder_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path / "open" / "a.jpg")
    (tmp_path / "shut").mkdir()
    scandir = os.scandir

    def refusing(folder: Path) -> Any:
        if Path(folder).name == "shut":
            raise PermissionError(errno.EACCES, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refusing)
    rows = index_folder(tmp_path)
    assert rows["open/a.jpg"]["status"] == "kept"
    assert rows["shut/"]["reason"] == "folder cannot be read: Permission denied"
    with pytest.raises(UserError, match="folder cannot be read: Permission denied"):
        list_files(tmp_path / "shut")
