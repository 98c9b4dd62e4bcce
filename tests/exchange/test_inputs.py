"""Tests of the files of a data set: path expansion, and dealing files to shards."""

import zipfile
from collections import Counter
from pathlib import Path

import fsspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.pair_files import import_all, make_image
from omniedit.errors import UserError
from omniedit.exchange.inputs import DataFile, deal, list_inputs


def names(path: Path | str, preferred: str = "parquet") -> list[str]:
    return [file.name for file in list_inputs(str(path), preferred)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("data/b.parquet", "data/a.parquet", ".cache/c.parquet", "a.tar", "x.jsonl", "README.md", "0.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def test_folder_lists_the_files_of_one_container_recursively(folder: Path) -> None:
    assert names(folder) == ["data/a.parquet", "data/b.parquet"]
    assert names(folder, "tar") == ["a.tar"]
    (folder / "data/a.parquet").unlink()
    (folder / "data/b.parquet").unlink()
    assert names(folder) == ["a.tar"]


def test_globs_ranges_and_single_files_are_expanded(folder: Path) -> None:
    assert names(folder / "**/*.parquet") == ["a.parquet", "b.parquet"]
    assert names(folder / "x.jsonl") == ["x.jsonl"]
    assert names(str(folder / "{7..9}.csv")) == ["7.csv", "8.csv", "9.csv"]
    assert names("s3://bucket/pairs/{00000..00002}.tar?token=abc") == ["00000.tar", "00001.tar", "00002.tar"]


def test_remote_glob_is_expanded() -> None:
    files = fsspec.filesystem("memory")
    for name in ("b", "a"):
        files.pipe(f"/list/{name}.parquet", b"")
    assert [file.address for file in list_inputs("memory://list/*.parquet", "parquet")] == [
        "memory:///list/a.parquet",
        "memory:///list/b.parquet",
    ]


@pytest.mark.parametrize("path", ["zip://in/x.jsonl::{}", "zip://in/*.jsonl::{}", "simplecache::zip://in/x.jsonl::{}"])
def test_tables_and_images_inside_a_zip_are_read(path: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("in/a.png", make_image())
        archive.writestr("in/x.jsonl", '{"source": "a.png", "edited": "a.png", "instruction": "Go."}')
    (file,) = list_inputs(path.format(tmp_path / "x.zip"), "jsonl")
    assert (file.name, file.container) == ("x.jsonl", "jsonl")
    (pair,), _ = import_all(path.format(tmp_path / "x.zip"), tmp_path / "run", format="table")
    assert pair.source == make_image()


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("", "the path is empty"),
        ("nothing/here", "is not a file or folder"),
        ("nothing/*.parquet", "no file with rows"),
        ("README.md", "has none of the suffixes .parquet, .tar, .jsonl, .csv, .json"),
        ("empty", "no file with rows"),
        ("saved", "saved: has its rows in Arrow files, which are not read; write Parquet: datasets.load_from_disk"),
    ],
)
def test_path_without_rows_raises_error(path: str, reason: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    (folder / "empty").mkdir()
    (folder / "empty/x.md").touch()
    (folder / "saved/train").mkdir(parents=True)
    (folder / "saved/train/data-00000-of-00001.arrow").touch()
    (folder / "saved/train/state.json").write_text("{}")
    with pytest.raises(UserError, match=reason.replace(".", r"\.")):
        list_inputs(path, "parquet")


@given(st.integers(1, 9), st.integers(1, 12))
def test_parts_of_all_shards_cover_every_file_once(files: int, shards: int) -> None:
    all_files = [DataFile(str(number), str(number)) for number in range(files)]
    parts = [part for shard in range(shards) for part in deal(all_files, shard, shards)]
    counts = Counter(part.file for part in parts)
    assert set(counts) == set(all_files)
    for file, count in counts.items():
        assert {(part.index, part.count) for part in parts if part.file == file} == {(k, count) for k in range(count)}


def test_a_folder_of_zips_names_the_zip_to_unpack(tmp_path: Path) -> None:
    (tmp_path / "b.zip").touch()
    (tmp_path / "a.zip").touch()
    with pytest.raises(UserError, match=r"no file with rows; .*; unpack a\.zip$"):
        list_inputs(str(tmp_path), "parquet")


def test_the_test_set_of_magicbrush_is_not_imported_packed_or_unpacked(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("test/edit_sessions.json", "{}")
        archive.writestr("test/edit_turns.json", "[]")
    remedy = "run omniedit bench magicbrush --data FOLDER; import only the other splits"
    for path in (tmp_path, tmp_path / "x.zip"):
        with pytest.raises(UserError, match=rf"^{tmp_path}/x\.zip: .* is a benchmark; unpack it and {remedy}"):
            import_all(str(path), tmp_path / "run", format="magicbrush")
    with zipfile.ZipFile(tmp_path / "x.zip") as archive:
        archive.extractall(tmp_path / "unpacked")
    for path in (tmp_path / "unpacked", tmp_path / "unpacked/test", tmp_path / "unpacked/test/edit_sessions.json"):
        with pytest.raises(UserError, match=rf"unpacked/test/edit_sessions\.json: .* is a benchmark; {remedy}"):
            import_all(str(path), tmp_path / "run", format="magicbrush")
