"""Tests for job states, which follow from the run's files alone."""

import base64
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from helpers.slurm_queue import pretend_queue, record
from omniedit.config.schema import Config
from omniedit.errors import UserError
from omniedit.run import job_states
from omniedit.run.job_states import JobState, list_started_outputs, read_run_state
from omniedit.run.status import hourly_rate, last_line, report

NOW = 1_000_000.0


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Write a run of four shards in progress: done, started, failed and waiting jobs of object swap."""
    config = Config.model_validate({"run": "mine", "sources": {"shards": 4}})
    write(tmp_path / "results/mine/config.json", config.model_dump_json())
    done = write(tmp_path / "results/mine/candidates/object_swap/00000.h5", "pairs")
    os.utime(done, (NOW - 360, NOW - 360))
    mark(tmp_path, "results/mine/candidates/object_swap/00001.h5")
    write(tmp_path / "logs/mine/synthesize/object_swap/00001.log", "1/9 pairs\r2/9 pairs\n")
    write(tmp_path / "logs/mine/synthesize/object_swap/00002.log", "begins\nerror: no such file\n\n")
    return tmp_path


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def mark(root: Path, output: str, kind: str = "incomplete", longest: int = 255) -> None:
    """Mark an output as started, or as made ('metadata'), as Snakemake does."""
    name = base64.urlsafe_b64encode(output.encode()).decode()
    parts = [name[i : i + longest - 1] for i in range(0, len(name), longest - 1)]
    write(Path(root, ".snakemake", kind, *(f"@{part}" for part in parts[:-1]), parts[-1]), "{}")


def states(root: Path) -> list[JobState]:
    jobs = [job for job in read_run_state("mine", root).jobs if job.rule == "synthesize_shard"]
    return [job.state for job in jobs if job.wildcards["task"] == "object_swap"]


def test_job_states_follow_from_files_and_logs(root: Path) -> None:
    assert states(root) == [JobState.DONE, JobState.STOPPED, JobState.FAILED, JobState.WAITING]


def test_job_with_an_empty_log_counts_as_failed(root: Path) -> None:
    write(root / "logs/mine/synthesize/object_swap/00003.log", "")
    assert states(root)[3] is JobState.FAILED


def test_config_of_another_version_raises_error(root: Path) -> None:
    write(root / "results/mine/config.json", '{"run": 5}')
    with pytest.raises(UserError, match=r"mine/config\.json: not a config of this version .* start the run again"):
        read_run_state("mine", root)


def test_job_pending_in_slurm_is_waiting(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_states, "is_held", lambda lock: True)
    comment = "rule_synthesize_shard_wildcards_mine_object_swap_00001"
    for state, seen in (("PENDING", JobState.WAITING), ("RUNNING", JobState.RUNNING)):
        folder = root / f"slurm-{state}"
        monkeypatch.setenv("PATH", pretend_queue(folder, [record(1, comment, root, state)])["PATH"])
        assert states(root)[1] is seen


@contextmanager
def workflow_at_work(folder: Path, run: str = "mine") -> Iterator[subprocess.Popen[bytes]]:
    """Start a process that holds a run in a working folder, as Snakemake does."""
    hold = f"from omniedit.storage.locks import hold_run; hold_run({run!r}); print('held', flush=True); input()"
    workflow = subprocess.Popen([sys.executable, "-c", hold], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert workflow.stdout is not None and workflow.stdout.readline()
        yield workflow
    finally:
        workflow.kill()
        workflow.communicate()


def test_started_job_is_running_while_the_workflow_lives(root: Path) -> None:
    with workflow_at_work(root):
        assert states(root)[1] is JobState.RUNNING
        assert (
            "  synthesize_shard object_swap 00001: 2/9 pairs  (logs/mine/synthesize/object_swap/00001.log)"
            in report("mine", root, NOW)
        )
    assert states(root)[1] is JobState.STOPPED


def test_run_of_another_name_does_not_affect_the_state(root: Path) -> None:
    with workflow_at_work(root, "yours"):
        assert states(root)[1] is JobState.STOPPED


def test_workflow_of_a_checkout_sharing_the_results_is_detected(root: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "results").symlink_to(root / "results")
    mark(other, "results/mine/candidates/object_swap/00003.h5")
    with workflow_at_work(other):
        assert states(root)[1] is JobState.RUNNING and states(root)[3] is JobState.RUNNING


def test_deleted_output_is_not_a_failed_job(root: Path) -> None:
    write(root / "benchmarks/mine/synthesize/object_swap/00002.tsv", "s\n1\n")
    assert states(root)[2] is JobState.DELETED
    assert not any("00002" in line for line in report("mine", root, NOW))


def test_job_that_failed_after_an_earlier_success_is_not_a_deleted_output(root: Path) -> None:
    mark(root, "results/mine/candidates/object_swap/00002.h5", "metadata")  # Snakemake 9.27 records failed jobs too
    assert states(root)[2] is JobState.FAILED
    benchmark = write(root / "benchmarks/mine/synthesize/object_swap/00002.tsv", "s\n1\n")
    os.utime(benchmark, (NOW, NOW))
    assert states(root)[2] is JobState.FAILED


def test_read_only_folder_can_be_reported(root: Path) -> None:
    with workflow_at_work(root):
        lines = report_to_reader(root)
    assert lines[:2] == ["run mine: a workflow is running", ""] and any(
        "synthesize_shard object_swap 00002" in line for line in lines
    )


def test_unreadable_paths_are_named_and_not_reported_as_failures(root: Path) -> None:
    closed = ["results/mine/candidates/object_swap", ".snakemake", "results/mine/omniedit.lock"]
    with workflow_at_work(root):
        lines = report_to_reader(root, *closed)
    assert lines[0] == "run mine: unknown whether a workflow is running"
    assert {"results/mine/candidates/object_swap: Permission denied", "results/mine/omniedit.lock: cannot be read"} <= {
        *lines
    }
    assert any(line.startswith(".snakemake/incomplete: Permission denied") for line in lines)
    assert "failed:" not in lines
    closed = ["results/mine"]
    assert report_to_reader(root, *closed) == ["results/mine/config.json: cannot be read: Permission denied"]


def report_to_reader(root: Path, *closed: str) -> list[str]:
    """Return the report, or the error, for a user who may only read a folder, except the paths `closed`."""
    modes = {path: path.stat().st_mode for path in [root, *root.rglob("*")]}
    for path, mode in modes.items():
        path.chmod(0o555 if path.is_dir() else 0o444 | mode & 0o111)
    for path in reversed(closed):
        (root / path).chmod(0)
    code = "import os, sys; from omniedit.run.status import report; from omniedit.errors import UserError\n"
    code += "if os.geteuid() == 0: os.setgroups([]); os.setresgid(65534, 65534, 65534); os.setresuid(*[65534] * 3)\n"
    code += f"try: lines = report('mine', now={NOW})\nexcept UserError as error: lines = [str(error)]\n"
    code += "print(*lines, sep=chr(10))"
    try:
        # PATH is empty because a machine may have Slurm's programs without a running Slurm.
        done = subprocess.run([sys.executable, "-c", code], cwd=root, env={"PATH": ""}, capture_output=True, text=True)
    finally:
        for path, mode in modes.items():
            path.chmod(mode)
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_foreign_files_are_ignored(root: Path) -> None:
    marks = root / ".snakemake/incomplete"
    before = list_started_outputs(root)
    for name in (".nfs0000000000a1b2c300000001", "migration_underway", "____", "abcd", "ÿÿÿÿ", "notes.txt"):
        (marks / name).write_text("{}")
    (root / "results/mine/candidates/object_swap/.nfs0001.h5").touch()
    (root / "results/mine/candidates/object_swap/00003.h5").mkdir()
    (root / "results/mine/candidates/object_removal").write_text("no folder")
    assert list_started_outputs(root) == before
    assert states(root) == [JobState.DONE, JobState.STOPPED, JobState.FAILED, JobState.WAITING]


def test_files_that_vanish_during_the_report_are_skipped(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Simulate listed files that vanish before their time is read, and a log that vanishes before it is opened."""
    listed = Path.iterdir
    monkeypatch.setattr(Path, "iterdir", lambda folder: [*listed(folder), folder / "00003.h5", folder / "00002.h5"])
    assert states(root) == [JobState.DONE, JobState.STOPPED, JobState.FAILED, JobState.WAITING]
    monkeypatch.setattr(job_states, "is_file", lambda path: True)
    assert last_line(root / "logs/gone.log") == ""


@pytest.mark.parametrize("text", [b"\xff\xfe", b"[" * 100_000, b'{"run": "\x1b[2J"}', b"", b'{"run": 1e999}'])
def test_damaged_config_gives_one_printable_line(text: bytes, root: Path) -> None:
    (root / "results/mine/config.json").write_bytes(text)
    with pytest.raises(UserError, match=r"config\.json: not a config of this version") as error:
        report("mine", root)
    assert str(error.value).isprintable()


def test_a_run_may_be_given_by_its_folder(root: Path) -> None:
    expected = report("mine", root, now=NOW)
    assert report("results/mine/", root, now=NOW) == report(str(root.absolute() / "results/mine"), now=NOW) == expected


def test_a_lock_that_is_a_pipe_does_not_block(root: Path) -> None:
    (root / "results/mine/omniedit.lock").unlink(missing_ok=True)
    os.mkfifo(root / "results/mine/omniedit.lock")
    assert report("mine", root, now=NOW)


def test_config_that_is_a_pipe_raises_error_without_blocking(root: Path) -> None:
    (root / "results/mine/config.json").unlink()
    os.mkfifo(root / "results/mine/config.json")
    with pytest.raises(UserError, match="is not a file"):
        report("mine", root)


def test_terminal_escapes_in_a_log_are_removed(root: Path) -> None:
    log = root / "logs/mine/synthesize/object_swap/00002.log"
    log.write_bytes(b"\x1b]0;title\x07\x1b[2Jerror \xff \xe2\x80\xae" + b"x" * 1000)
    (line,) = [line for line in report("mine", root, NOW) if "synthesize_shard object_swap 00002" in line]
    assert line.isprintable() and len(line) < 400 and "error" in line
    log.unlink()
    os.mkfifo(log)
    assert last_line(log) == ""


def test_report_counts_jobs_and_gives_the_reason_of_a_failure(root: Path) -> None:
    lines = report("mine", root, NOW)
    assert lines[0] == "run mine: no workflow is running"
    row, by_task = [line.split() for line in lines if line.startswith("synthesize_shard ")]
    assert row == ["synthesize_shard", "1", "1", "1", "25", "10", "2.7", "h"]
    assert by_task == ["synthesize_shard", "1/4", "(1)", *["0/4"] * 6]
    assert lines[-1] == (
        "  synthesize_shard object_swap 00002: error: no such file  (logs/mine/synthesize/object_swap/00002.log)"
    )


def test_long_output_names_are_read(tmp_path: Path) -> None:
    outputs = {"results/mine/" + "deep/" * 30 + "a.h5", "results/mine/b.h5"}
    for output in outputs:
        mark(tmp_path, output, longest=40)
    assert list_started_outputs(tmp_path) == outputs


def test_hourly_rate_covers_at_most_the_last_hour() -> None:
    assert hourly_rate([], NOW) == 0
    assert hourly_rate([NOW - 7200], NOW) == 0
    assert hourly_rate([NOW - 7200, NOW - 600, NOW - 60], NOW) == 2
    assert hourly_rate([NOW - 1800, NOW - 60], NOW) == 4


def test_last_line_skips_blank_lines_and_missing_logs(tmp_path: Path) -> None:
    assert last_line(tmp_path / "absent.log") == ""
    assert last_line(write(tmp_path / "empty.log", "\n \n")) == ""
    assert last_line(write(tmp_path / "long.log", "x" * 9000 + "\nthe end\n")) == "the end"


def test_unknown_run_error_lists_the_known_runs(root: Path) -> None:
    with pytest.raises(UserError, match=r"results/yours: no run of this name was started here; available: mine"):
        read_run_state("yours", root)
