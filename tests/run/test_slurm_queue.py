"""Tests for Slurm: queued jobs of a folder are found, and leftover jobs of a killed run are cancelled."""

import os
import pwd
from pathlib import Path

import pytest

from helpers.chain import SMALL, checkout, environment, make_photos, options
from helpers.preloaded import run_snakemake
from helpers.slurm_queue import pretend_queue, record
from omniedit.errors import UserError
from omniedit.run import slurm_queue
from omniedit.run.slurm_queue import QueuedJob, cancel_left_behind, list_queued_jobs, submitters

SYNTHESIZE = "rule_synthesize_shard_wildcards_style_transfer_00000"


@pytest.fixture
def queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Set up a fake queue: jobs of the folder `mine`, one of them finished, and jobs that only look similar."""
    records = [
        record(1, SYNTHESIZE, tmp_path / "mine"),
        record(2, "rule_plan_buckets", tmp_path / "mine", "PENDING"),
        record(3, "rule_plan_buckets", tmp_path / "mine", "COMPLETED"),
        record(4, SYNTHESIZE, tmp_path / "other"),
        record(5, "(null)", tmp_path / "mine", name="wrap"),
        record(6, "rule_of_thumb", tmp_path / "mine", name="notes"),
        record(7, "first line\n8|RUNNING|mine\n", tmp_path / "a\nfolder|", name="any\nname"),
        record(8, "not UTF-8: \udcff \x1b[2J", tmp_path / "mine\udcff"),
    ]
    monkeypatch.setenv("PATH", pretend_queue(tmp_path / "slurm", records)["PATH"])
    return tmp_path / "slurm"


def test_only_unfinished_jobs_of_the_folder_are_listed(queue: Path, tmp_path: Path) -> None:
    assert list_queued_jobs(tmp_path / "mine") == [
        QueuedJob("1", "RUNNING", "synthesize_shard", "style_transfer_00000", os.getuid()),
        QueuedJob("2", "PENDING", "plan_buckets", "", os.getuid()),
    ]


def test_jobs_of_other_users_are_listed_but_not_cancelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    me = os.getuid()
    other, stranger = [user.pw_uid for user in pwd.getpwall() if user.pw_uid not in (0, me)][:2]
    records = [
        record(1, SYNTHESIZE, tmp_path / "mine", user=other),
        record(2, SYNTHESIZE, tmp_path / "mine", user=stranger),
        record(3, "rule_plan_buckets", tmp_path / "mine"),
    ]
    monkeypatch.setenv("PATH", pretend_queue(tmp_path / "slurm", records)["PATH"])
    assert [job.id for job in list_queued_jobs(tmp_path / "mine")] == ["3"]
    monkeypatch.setattr(slurm_queue, "submitters", lambda *folders: {me, other, 1234567})
    assert [(job.id, job.user) for job in list_queued_jobs(tmp_path / "mine")] == [("1", other), ("3", me)]
    monkeypatch.setattr(slurm_queue.os, "getuid", lambda: 54321)  # not root, who may cancel any job
    with pytest.raises(
        UserError,
        match=rf"1 \(RUNNING\), 3 \(RUNNING\) of {pwd.getpwuid(other).pw_name}; wait for them, or .*: scancel 1 3",
    ):
        cancel_left_behind(tmp_path / "mine")
    assert not (tmp_path / "slurm/cancelled").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to another user")
def test_submitters_are_the_owners_of_snakemakes_records(tmp_path: Path) -> None:
    marks = tmp_path / ".snakemake/incomplete/@deep"
    marks.mkdir(parents=True)
    (marks / "mark").touch()
    os.chown(marks / "mark", 4321, -1)
    os.chown(tmp_path / ".snakemake", 4322, -1)
    assert submitters(tmp_path, tmp_path / "nowhere") == {os.getuid(), 4321, 4322}


def test_jobs_are_found_by_any_path_of_their_folder(queue: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "link").symlink_to("other")
    assert [job.id for job in list_queued_jobs(tmp_path / "mine", tmp_path / "link")] == ["1", "2", "4"]


def test_truncated_squeue_output_raises_error(queue: Path, tmp_path: Path) -> None:
    whole = (queue / "bin/squeue").read_text()
    (queue / "bin/squeue").write_text(whole.replace("line.encode", "line[:-40].encode"))
    with pytest.raises(UserError, match="squeue: its answer is cut off"):
        list_queued_jobs(tmp_path / "mine")


def test_leftover_jobs_are_cancelled_and_waited_for(
    queue: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cancel_left_behind(tmp_path / "mine")
    assert (queue / "cancelled").read_text() == "1 2\n"
    assert list_queued_jobs(tmp_path / "mine") == [] and len(list_queued_jobs(tmp_path / "other")) == 1
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("Slurm job 1 (synthesize_shard style_transfer_00000, RUNNING): left behind")
    assert second.startswith("Slurm job 2 (plan_buckets, PENDING)")


def test_jobs_that_cannot_be_cancelled_are_named(queue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (queue / "bin/scancel").write_text("#!/bin/sh\necho scancel: no permission >&2\nexit 1\n")
    monkeypatch.setattr(slurm_queue, "PATIENCE_S", 0)
    with pytest.raises(UserError, match=r"1 \(RUNNING\), 2 \(PENDING\) \(scancel: no permission\); start again when"):
        cancel_left_behind(tmp_path / "mine")


def test_failing_squeue_raises_error(queue: Path, tmp_path: Path) -> None:
    (queue / "bin/squeue").write_text("#!/bin/sh\necho slurm_load_jobs error: no contact >&2\nexit 1\n")
    with pytest.raises(UserError, match="squeue: slurm_load_jobs error: no contact"):
        list_queued_jobs(tmp_path / "mine")


def test_starting_run_cancels_leftover_jobs_but_a_dry_run_does_not(tmp_path: Path) -> None:
    root = tmp_path / "chain"
    root.mkdir()
    checkout(root, SMALL)
    make_photos(root / "photos")
    variables = environment() | pretend_queue(
        tmp_path / "slurm", [record(7, "rule_train_editor_wildcards_editnet", root)]
    )
    target = "results/small/sources/index.parquet"
    for flags, cancelled in ((["--dry-run"], False), ([], True)):
        run_snakemake(options(target, *flags), root, variables).check_returncode()
        assert (tmp_path / "slurm/cancelled").exists() == cancelled
    assert (root / target).is_file()
