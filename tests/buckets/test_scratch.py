"""A node's own copy of the buckets is theirs byte for byte, made once, and left out where there is no room."""

import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from omniedit.buckets.scratch import copy_of, stage, staged
from omniedit.errors import Damaged
from omniedit.manifest import checksums, files_below, write_manifest


@pytest.fixture
def buckets(tmp_path: Path) -> Path:
    """A folder with the files of sealed buckets, as far as a copy has to know them."""
    folder = tmp_path / "buckets"
    for name, content in {"1x1.zarr/zarr.json": "{}", "1x1.zarr/source/c/0": "pictures"}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    write_manifest(folder / "manifest.json", {"files": checksums(folder, files_below(folder))})
    (folder / "parts").mkdir()
    (folder / "parts/rest").write_text("not part of the buckets")
    return folder


def test_the_copy_is_whole_and_made_once(buckets: Path, tmp_path: Path) -> None:
    stage(buckets, tmp_path / "scratch")
    copy = staged(buckets, tmp_path / "scratch")
    assert copy == copy_of(buckets, tmp_path / "scratch")
    assert files_below(copy) == ["1x1.zarr/source/c/0", "1x1.zarr/zarr.json", "manifest.json"]
    (buckets / "1x1.zarr/source/c/0").unlink()
    stage(buckets, tmp_path / "scratch")
    (copy / "1x1.zarr/source/c/0").unlink()
    with pytest.raises(FileNotFoundError):
        stage(buckets, tmp_path / "scratch")


def test_where_there_is_no_room_the_buckets_are_read(
    buckets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Usage(NamedTuple):
        free: int

    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(3))
    stage(buckets, tmp_path / "scratch")
    assert staged(buckets, tmp_path / "scratch") == buckets
    assert "0.0 GB needed; reading" in capsys.readouterr().out


def test_damage_is_told_of_the_buckets_and_not_copied(buckets: Path, tmp_path: Path) -> None:
    (buckets / "1x1.zarr/source/c/0").write_text("Pictures")
    with pytest.raises(Damaged, match=r"buckets/1x1\.zarr/source/c/0: damaged"):
        stage(buckets, tmp_path / "scratch")
    assert not list((tmp_path / "scratch").iterdir())
