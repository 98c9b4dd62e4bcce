"""Tests of a node's copy of the buckets: identical, shared by readers, skipped without space, removed when unused."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from omniedit.buckets.scratch import copy_path, copy_to_scratch, find_copy
from omniedit.errors import DamagedFile
from omniedit.storage.manifest import checksums, files_below, write_manifest


@pytest.fixture
def buckets(tmp_path: Path) -> Path:
    """Return a folder with the files of sealed buckets that a copy depends on."""
    folder = tmp_path / "buckets"
    for name, content in {"1x1.zarr/zarr.json": "{}", "1x1.zarr/source/c/0": "pictures"}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    write_manifest(folder / "manifest.json", {"files": checksums(folder, files_below(folder))})
    (folder / "parts").mkdir()
    (folder / "parts/rest").write_text("not part of the buckets")
    return folder


def test_copy_is_complete_and_made_once(buckets: Path, tmp_path: Path) -> None:
    copy_to_scratch(buckets, tmp_path / "scratch")
    copy = find_copy(buckets, tmp_path / "scratch")
    assert copy == copy_path(buckets, tmp_path / "scratch")
    assert files_below(copy) == ["1x1.zarr/source/c/0", "1x1.zarr/zarr.json", "manifest.json"]
    (buckets / "1x1.zarr/source/c/0").unlink()
    copy_to_scratch(buckets, tmp_path / "scratch")
    (copy / "1x1.zarr/source/c/0").unlink()
    with pytest.raises(FileNotFoundError):
        copy_to_scratch(buckets, tmp_path / "scratch")


def test_buckets_are_read_in_place_if_scratch_lacks_space(
    buckets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Usage(NamedTuple):
        free: int

    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(3))
    copy_to_scratch(buckets, tmp_path / "scratch")
    assert find_copy(buckets, tmp_path / "scratch") == buckets
    assert "0.0 GB needed; reading" in capsys.readouterr().out


def test_damaged_buckets_are_reported_and_not_copied(buckets: Path, tmp_path: Path) -> None:
    (buckets / "1x1.zarr/source/c/0").write_text("Pictures")
    with pytest.raises(DamagedFile, match=r"buckets/1x1\.zarr/source/c/0: damaged"):
        copy_to_scratch(buckets, tmp_path / "scratch")
    assert not list((tmp_path / "scratch").glob("*omniedit-buckets-*[!k]"))


def reader(buckets: Path, scratch: Path) -> subprocess.Popen[bytes]:
    """Start another training run on the node and return it once it has its copy."""
    code = "from pathlib import Path; from omniedit.buckets.scratch import copy_to_scratch; "
    code += f"copy_to_scratch(Path({str(buckets)!r}), Path({str(scratch)!r})); print('staged', flush=True); input()"
    started = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert started.stdout is not None
    while b"staged" not in started.stdout.readline():
        assert started.poll() is None
    return started


def test_runs_on_a_node_share_a_copy_until_it_is_unused(buckets: Path, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    first = reader(buckets, scratch)
    copy = copy_path(buckets, scratch)
    made = (copy / "1x1.zarr/source/c/0").stat().st_ino
    second = reader(buckets, scratch)
    assert (copy / "1x1.zarr/source/c/0").stat().st_ino == made
    half = scratch / f".{copy.name}.elsewhere.1.tmp"
    half.mkdir()
    others = tmp_path / "other"
    shutil.copytree(buckets, others)
    (others / "1x1.zarr/zarr.json").write_text("{ }")
    write_manifest(others / "manifest.json", {"files": checksums(others, ["1x1.zarr/zarr.json"])})
    first.kill()
    first.wait()
    copy_to_scratch(others, scratch)
    assert copy.is_dir() and half.is_dir() and find_copy(others, scratch) == copy_path(others, scratch)
    second.kill()
    second.wait()
    copy_to_scratch(others, scratch)
    assert not copy.exists() and not half.exists()
    assert find_copy(others, scratch) == copy_path(others, scratch)


def test_incomplete_copy_in_use_by_another_run_is_not_modified(buckets: Path, tmp_path: Path) -> None:
    other = reader(buckets, tmp_path / "scratch")
    (copy_path(buckets, tmp_path / "scratch") / "1x1.zarr/source/c/0").unlink()
    copy_to_scratch(buckets, tmp_path / "scratch")
    assert find_copy(buckets, tmp_path / "scratch") == buckets
    other.kill()
    other.wait()


def stage_as_another_user(root: Path) -> list[str]:
    """Stage root/buckets as a user without write permission; return the printed messages and the folder then read."""
    root.chmod(0o755)
    code = "import os; from pathlib import Path; from omniedit.buckets.scratch import find_copy, copy_to_scratch\n"
    code += "if os.geteuid() == 0: os.setgroups([]); os.setresgid(65534, 65534, 65534); os.setresuid(*[65534] * 3)\n"
    code += "folders = Path('buckets'), Path('above/scratch'); copy_to_scratch(*folders); print(find_copy(*folders))"
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_copy_of_another_user_is_shared(buckets: Path, tmp_path: Path) -> None:
    scratch = tmp_path / "above/scratch"
    copy_to_scratch(buckets, scratch)
    copy = copy_path(buckets, scratch)
    scratch.joinpath(f".{copy.name}.lock").chmod(0o444)
    scratch.chmod(0o555)
    assert stage_as_another_user(tmp_path) == [f"above/scratch/{copy.name}"]


@pytest.mark.parametrize("closed", ["lock", "copy", "scratch", "parent"])
def test_unusable_scratch_folder_is_reported_and_buckets_read_in_place(
    buckets: Path, tmp_path: Path, closed: str
) -> None:
    scratch = tmp_path / "above/scratch"
    copy_to_scratch(buckets, scratch)
    copy = copy_path(buckets, scratch)
    lock = scratch / f".{copy.name}.lock"
    lock.chmod(0o444)
    {"lock": lock, "copy": copy, "scratch": scratch, "parent": scratch.parent}[closed].chmod(0)
    try:
        *printed, read = stage_as_another_user(tmp_path)
    finally:
        for path in (scratch.parent, scratch, copy, lock):
            path.chmod(0o755)
    assert read == "buckets"
    (line,) = printed
    assert "reading buckets" in line and ("Permission denied" in line or closed == "copy")


@pytest.mark.parametrize("kind", ["file", "dangling link", "below a dangling link"])
def test_buckets_are_read_in_place_if_the_scratch_folder_cannot_be_made(
    buckets: Path, tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    scratch = tmp_path / "scratch"
    if kind == "file":
        scratch.write_text("")
    else:
        scratch.symlink_to(tmp_path / "unmounted/disk")
    folder = scratch / "mine" if kind.startswith("below") else scratch
    copy_to_scratch(buckets, folder)
    assert f"reading {buckets} instead" in capsys.readouterr().out
    assert find_copy(buckets, folder) == buckets
