"""Tests that locks end with their process and are visible to everyone who shares the folder."""

import errno
import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from omniedit.errors import UserError
from omniedit.storage import locks
from omniedit.storage.locks import hold_lock, hold_run, is_held, read_holder, run_lock


@contextmanager
def holder(folder: Path, hold: str) -> Iterator[subprocess.Popen[bytes]]:
    """Yield a process that holds a lock in a folder until the block ends."""
    code = f"from omniedit.storage.locks import *; {hold}; print('held', flush=True); input()"
    process = subprocess.Popen([sys.executable, "-c", code], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None and process.stdout.readline()
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(autouse=True)
def _no_patience(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(locks, "PATIENCE_S", 0)
    monkeypatch.setattr(locks, "_HELD", {})
    monkeypatch.chdir(tmp_path)


def test_lock_ends_with_its_process_and_names_its_holder(tmp_path: Path) -> None:
    with holder(tmp_path, "hold_lock('lock')") as first:
        assert is_held(tmp_path / "lock")
        with pytest.raises(UserError, match=rf"lock: another .* \(process {first.pid} on .*, in {tmp_path}\); wait"):
            hold_lock("lock")
    assert is_held(tmp_path / "lock") is False
    assert hold_lock("lock") and hold_lock("lock")
    assert is_held(tmp_path / "absent") is False


def test_checking_a_lock_does_not_keep_others_from_taking_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Checking a lock holds it for an instant, so a process that needs it retries."""
    monkeypatch.setattr(locks, "PATIENCE_S", 60)
    (tmp_path / "lock").touch()
    looking = os.open("lock", os.O_RDONLY)
    fcntl.flock(looking, fcntl.LOCK_SH)
    monkeypatch.setattr(locks.time, "sleep", lambda seconds: fcntl.flock(looking, fcntl.LOCK_UN))
    assert hold_lock("lock")
    os.close(looking)


def test_checkouts_sharing_results_cannot_make_the_same_run_at_once(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "results").symlink_to("../results")
    os.chdir("second")
    with holder(tmp_path / "first", "hold_run('mine')") as first:
        with pytest.raises(
            UserError, match=rf"another Snakemake is making this run \(process {first.pid} on .*/first\)"
        ):
            hold_run("mine")
        assert hold_run("yours").held


def test_earlier_folders_of_a_run_are_known_unless_in_use(tmp_path: Path) -> None:
    """The next run needs these folders to cancel Slurm jobs that were left there."""
    (tmp_path / "results").mkdir()
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "results").symlink_to("../results")
    with holder(tmp_path / "first", "hold_run('mine')"), holder(tmp_path / "second", "hold_run('yours')"):
        pass
    os.chdir("second")
    assert hold_run("mine").folders == (tmp_path / "second", tmp_path / "first")
    with holder(tmp_path / "first", "hold_run('others')"):
        pass
    (tmp_path / "third").mkdir()
    (tmp_path / "third/results").symlink_to("../results")
    os.chdir("../third")
    with holder(tmp_path / "first", "hold_run('new')"):
        assert hold_run("others").folders == (tmp_path / "third",)


def test_without_file_locks_a_live_holder_is_known_by_its_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with holder(tmp_path, "hold_lock('lock')") as first:
        assert is_held(Path("lock"))
        with pytest.raises(UserError, match=f"process {first.pid} on"):
            hold_lock("lock")
    assert is_held(Path("lock")) is False
    assert hold_lock("lock") is False and "this file system has no locks" in capsys.readouterr().err
    found = json.loads(Path("lock").read_text())
    found["process"]["namespace"] = "pid:[1]"
    Path("lock").write_text(json.dumps(found))
    assert is_held(Path("lock")) is None


@pytest.mark.parametrize("text", ["", "12 node1", "[" * 4096, '{"process": {"pid": -1}, "folder": 1}', "\0", "[]"])
def test_lock_with_damaged_text_can_still_be_taken(text: str, tmp_path: Path) -> None:
    run_lock("mine").parent.mkdir(parents=True)
    run_lock("mine").write_text(text)
    assert read_holder(run_lock("mine")) is None and hold_run("mine").folders == (tmp_path,)


def test_unwritable_folder_error_names_the_remedy(tmp_path: Path) -> None:
    Path("results").write_text("no folder")
    with pytest.raises(UserError, match=r"results/mine/omniedit.lock: cannot be written: .*; make its folder writable"):
        hold_run("mine")
