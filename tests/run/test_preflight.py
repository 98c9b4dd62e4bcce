"""Tests for preflight: a run is prepared once, before Snakemake plans, and only if jobs will run."""

import errno
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from helpers.chain import SMALL, checkout, environment, shrink_sample, try_snakemake
from helpers.preloaded import run_snakemake
from omniedit.config.arguments import read_section
from omniedit.config.loading import check
from omniedit.config.schema import Config, ScoringConfig
from omniedit.errors import UserError
from omniedit.redaction import ENVIRONMENT, restore
from omniedit.run.preflight import Preflight, check_writable_folder, exit_on_user_error
from omniedit.storage.locks import WORKING_FOLDER, is_held, run_lock
from omniedit.storage.processes import LAUNCHER

RESULTS = Path("results/mini")
LOCAL = SimpleNamespace(dryrun_exec=False, touch_exec=False, local_exec=True)
DRY_RUN = SimpleNamespace(dryrun_exec=True, touch_exec=False, local_exec=True)
TOUCH = SimpleNamespace(dryrun_exec=False, touch_exec=True, local_exec=True)


class Workflow:
    """Stand-in for Snakemake's workflow: it records its calls, and whether a damaged file still existed."""

    def __init__(self, main: bool = True) -> None:
        self.is_main_process = main
        self.calls: list[tuple[str, bool]] = []

    def execute(self, executor_plugin: Any) -> None:
        self.calls.append(("execute", (RESULTS / "sources/00000.tar").exists()))

    def delete_output(self, only_temp: bool, dryrun: bool) -> None:
        self.calls.append(("delete", dryrun))


@pytest.fixture
def damaged_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Yield a working folder whose run has a damaged file, and a folder with a missing file."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(LAUNCHER, "")
    (RESULTS / "sources").mkdir(parents=True)
    (RESULTS / "sources/00000.tar").write_text("half")
    (RESULTS / "damaged.txt").write_text("sources/00000.tar\n")
    (RESULTS / "scorer").mkdir()
    (RESULTS / "scorer/manifest.json").write_text('{"files": {"weights": {"bytes": 3}}}')
    yield tmp_path


def preflight(workflow: Workflow, config: Config | None = None) -> Workflow:
    Preflight(workflow, config or check({}), [RESULTS / "scorer"], [], []).register()
    return workflow


def files(folder: Path) -> list[Path]:
    """Return all files except the run's lock."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "omniedit.lock")


def test_damaged_files_are_set_aside_before_snakemake_plans(
    damaged_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    workflow = preflight(Workflow())
    workflow.execute(executor_plugin=SimpleNamespace(common_settings=LOCAL))
    assert workflow.calls == [("execute", False)]
    assert (RESULTS / "sources/00000.tar.damaged").exists() and not (RESULTS / "scorer/manifest.json").exists()
    assert Config.model_validate_json((RESULTS / "config.json").read_text()).run == "mini"
    printed = capsys.readouterr().err
    assert (
        "00000.tar: damaged; renamed to 00000.tar.damaged, and remade" in printed
        and "weights is missing (1 in all); the folder is remade" in printed
    )


@pytest.mark.parametrize("executor", [DRY_RUN, TOUCH])
def test_dry_run_and_touch_leave_the_run_unchanged(executor: SimpleNamespace, damaged_run: Path) -> None:
    before = files(damaged_run / "results")
    workflow = preflight(Workflow())
    workflow.execute(executor_plugin=SimpleNamespace(common_settings=executor))
    assert workflow.calls == [("execute", True)] and files(damaged_run / "results") == before


def test_subprocess_of_a_job_prepares_nothing(damaged_run: Path) -> None:
    before = files(damaged_run)
    preflight(Workflow(main=False)).execute(executor_plugin=SimpleNamespace(common_settings=LOCAL))
    assert files(damaged_run) == before


def test_results_are_deleted_under_the_lock_of_the_run(damaged_run: Path) -> None:
    workflow = preflight(Workflow())
    workflow.delete_output(only_temp=False, dryrun=True)
    assert not (damaged_run / ".snakemake").exists() and not run_lock("mini").exists()
    workflow.delete_output(only_temp=False, dryrun=False)
    assert WORKING_FOLDER.exists() and is_held(run_lock("mini"))


def test_jobs_know_the_lock_of_their_launcher(damaged_run: Path) -> None:
    preflight(Workflow()).execute(executor_plugin=SimpleNamespace(common_settings=LOCAL))
    launcher = json.loads(os.environ[LAUNCHER])
    assert launcher["lock"] == str(damaged_run / run_lock("mini")) and launcher["process"]["pid"] == os.getpid()


def test_missing_api_key_stops_the_run_but_not_a_dry_run(damaged_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    api = {"url": "http://127.0.0.1:1/v1", "model": "a", "key_env": "OPENAI_API_KEY"}
    workflow = preflight(Workflow(), check({"scoring": {"judge": "api", "api": api}}))
    workflow.execute(executor_plugin=SimpleNamespace(common_settings=DRY_RUN))
    with pytest.raises(SystemExit, match="error: the environment variable OPENAI_API_KEY is unset or empty"):
        workflow.execute(executor_plugin=SimpleNamespace(common_settings=LOCAL))


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "No space left on device; free some space"),
        (errno.EACCES, "Permission denied; ask its owner"),
        (errno.EROFS, "Read-only file system; run in a folder that can be written: snakemake --directory"),
    ],
)
def test_unusable_folder_stops_the_run_with_path_and_remedy(number: int, remedy: str) -> None:
    with pytest.raises(SystemExit, match=f"error: /some/file: {remedy}"), exit_on_user_error():
        raise OSError(number, os.strerror(number), "/some/file")


def test_only_expected_errors_lose_their_traceback() -> None:
    with pytest.raises(FileNotFoundError), exit_on_user_error():
        raise FileNotFoundError(errno.ENOENT, "No such file", "here")
    with pytest.raises(SystemExit, match="error: a mistake"), exit_on_user_error():
        raise UserError("a mistake")


def test_writable_folder_check_leaves_no_files(tmp_path: Path) -> None:
    check_writable_folder(tmp_path / "new")
    assert files(tmp_path) == []


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """Yield a folder on a full disk, which only root can mount."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("no right to mount a disk")
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_full_disk_is_reported_in_one_line(full_disk: Path) -> None:
    root = checkout(full_disk.parent, SMALL)
    words = ["all", "--cores", "2", "--snakefile", str(root / "Snakefile"), "--configfile", str(root / "small.yaml")]
    done = run_snakemake(words, full_disk, environment())
    assert done.returncode != 0 and "Traceback" not in done.stderr
    assert f"error: {full_disk}/.snakemake: No space left on device; free some space" in done.stderr


@pytest.mark.parametrize("options", [["-nj4"], ["--lt"], ["--unlock"]])
def test_commands_that_run_no_job_change_no_file(options: list[str], tmp_path: Path) -> None:
    root = checkout(tmp_path, SMALL)
    shrink_sample(root / "photos")
    (root / "results/small/sources").mkdir(parents=True)
    (root / "results/small/sources/00000.tar").write_text("half")
    (root / "results/small/damaged.txt").write_text("sources/00000.tar\n")
    before = files(root / "results")
    target = "results/small/sources/00000.tar"
    done = try_snakemake(root, target, *options)
    assert done.returncode == 0, done.stderr
    assert files(root / "results") == before and not (root / ".snakemake/omniedit.lock").exists()


def test_config_json_hides_secrets_that_jobs_still_receive(damaged_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENVIRONMENT, "")
    api = {"url": "http://bob:hunter2@host/v1", "model": "m", "key_env": None}
    config = Config.model_validate({"run": "mini", "scoring": {"judge": "api", "api": api}})
    preflight(Workflow(), config).execute(executor_plugin=SimpleNamespace(common_settings=LOCAL))
    assert "hunter2" not in (RESULTS / "config.json").read_text()
    assert restore(read_section(ScoringConfig, RESULTS / "config.json").api.url or "") == api["url"]
