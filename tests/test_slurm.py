"""Which jobs of the queue are a folder's, and the end of those that a killed run left there."""

import subprocess
from pathlib import Path

import pytest
from queue_of_slurm import pretend_queue, record

from omniedit import slurm
from omniedit.errors import UserError
from omniedit.slurm import QueuedJob, cancel_left_behind, queued_jobs
from workflow.chain import SMALL, checkout, command, environment, make_photos

SYNTHESIZE = "rule_synthesize_shard_wildcards_style_transfer_00000"


@pytest.fixture
def queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Jobs of a folder `mine`, one that has ended, and jobs that only look like them."""
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


def test_jobs_are_the_folders_own_and_not_over(queue: Path, tmp_path: Path) -> None:
    assert queued_jobs(tmp_path / "mine") == [
        QueuedJob("1", "RUNNING", "synthesize_shard", "style_transfer_00000"),
        QueuedJob("2", "PENDING", "plan_buckets", ""),
    ]


def test_jobs_of_several_folders_are_found_by_any_name_of_a_folder(queue: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "link").symlink_to("other")
    assert [job.id for job in queued_jobs(tmp_path / "mine", tmp_path / "link")] == ["1", "2", "4"]


def test_an_answer_that_is_cut_off_is_no_answer(queue: Path, tmp_path: Path) -> None:
    whole = (queue / "bin/squeue").read_text()
    (queue / "bin/squeue").write_text(whole.replace("line.encode", "line[:-40].encode"))
    with pytest.raises(UserError, match="squeue: its answer is cut off"):
        queued_jobs(tmp_path / "mine")


def test_what_was_left_behind_is_cancelled_and_waited_for(
    queue: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cancel_left_behind(tmp_path / "mine")
    assert (queue / "cancelled").read_text() == "1 2\n"
    assert queued_jobs(tmp_path / "mine") == [] and len(queued_jobs(tmp_path / "other")) == 1
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("Slurm job 1 (synthesize_shard style_transfer_00000, RUNNING): left behind")
    assert second.startswith("Slurm job 2 (plan_buckets, PENDING)")


def test_jobs_that_do_not_end_are_named(queue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (queue / "bin/scancel").write_text("#!/bin/sh\necho scancel: no permission >&2\nexit 1\n")
    monkeypatch.setattr(slurm, "PATIENCE_S", 0)
    with pytest.raises(UserError, match=r"1 \(RUNNING\), 2 \(PENDING\) \(scancel: no permission\); start again when"):
        cancel_left_behind(tmp_path / "mine")


def test_a_queue_that_cannot_be_asked_is_told(queue: Path, tmp_path: Path) -> None:
    (queue / "bin/squeue").write_text("#!/bin/sh\necho slurm_load_jobs error: no contact >&2\nexit 1\n")
    with pytest.raises(UserError, match="squeue: slurm_load_jobs error: no contact"):
        queued_jobs(tmp_path / "mine")


def test_a_run_that_starts_cancels_them_and_one_that_only_looks_does_not(tmp_path: Path) -> None:
    root = tmp_path / "chain"
    root.mkdir()
    checkout(root, SMALL)
    make_photos(root / "photos")
    variables = environment() | pretend_queue(
        tmp_path / "slurm", [record(7, "rule_train_editor_wildcards_editnet", root)]
    )
    target = "results/small/sources/index.parquet"
    for options, cancelled in ((["--dry-run"], False), ([], True)):
        subprocess.run([*command(target), *options], cwd=root, env=variables, check=True, capture_output=True)
        assert (tmp_path / "slurm/cancelled").exists() == cancelled
    assert (root / target).is_file()
