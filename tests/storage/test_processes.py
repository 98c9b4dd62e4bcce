"""Tests that jobs and ranks end with the process that started them, and only then."""

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from omniedit.storage.locks import hold_lock
from omniedit.storage.processes import (
    LAUNCHER,
    TORCHRUN,
    Process,
    boot_id,
    describe_launcher,
    pid_namespace,
    this_process,
    to_process,
)

LONG_S = 900
"""Timeout that no test reaches, even on a busy machine with one core."""
JOB = "from omniedit.run.program import run_program; run_program(lambda: print('works', flush=True) or print(input()))"
LAUNCH = """
from pathlib import Path
from omniedit.storage import processes
if {hidden}: processes.pid_namespace = lambda: "pid:[1]"
from omniedit.storage.locks import hold_lock
from omniedit.storage.processes import describe_launcher
lock = {lock!r}
if lock: hold_lock(lock)
print(describe_launcher(Path(lock) if lock else None), flush=True)
input()
"""


@contextmanager
def launcher(lock: str = "", hidden: bool = False) -> Iterator[tuple[subprocess.Popen[str], dict]]:
    """Yield a process that starts jobs, and its description of itself; if `hidden`, it claims another PID namespace."""
    command = [sys.executable, "-c", LAUNCH.format(lock=lock, hidden=hidden)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process, json.loads(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()


@contextmanager
def job(described: object) -> Iterator[subprocess.Popen[str]]:
    """Yield a running job, which ends successfully when it reads a line."""
    variables = {**os.environ, LAUNCHER: described if isinstance(described, str) else json.dumps(described)}
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", JOB]
    process = subprocess.Popen(command, env=variables, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
    try:
        assert process.stdout is not None and process.stdout.readline() == "works\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def finishes(process: subprocess.Popen[str]) -> bool:
    out, _ = process.communicate("done\n", timeout=LONG_S)
    return process.returncode == 0 and out == "done\n"


@pytest.mark.parametrize("lock", ["", "lock"])
def test_job_ends_with_the_run_that_started_it(lock: str, tmp_path: Path) -> None:
    with launcher(str(tmp_path / lock) if lock else "") as (process, described), job(described) as orphan:
        process.kill()
        assert orphan.wait(timeout=LONG_S) == 1
        assert orphan.stderr is not None and f"process {process.pid}, which started this job" in orphan.stderr.read()


def test_job_in_another_pid_namespace_ends_when_the_lock_is_released(tmp_path: Path) -> None:
    with launcher(str(tmp_path / "lock"), hidden=True) as (process, described):
        with job(described) as works:
            assert finishes(works)
        with job(described) as orphan:
            process.kill()
            assert orphan.wait(timeout=LONG_S) == 1


def test_orphan_ends_even_if_another_run_takes_the_lock_at_once(tmp_path: Path) -> None:
    with launcher(str(tmp_path / "lock"), hidden=True) as (process, described), job(described) as orphan:
        orphan.send_signal(signal.SIGSTOP)
        process.kill()
        process.wait()
        assert hold_lock(tmp_path / "lock")
        orphan.send_signal(signal.SIGCONT)
        assert orphan.wait(timeout=LONG_S) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"process": {"namespace": "pid:[1]"}},
        {"process": {"namespace": "pid:[1]"}, "lock": "/nowhere/lock"},
        {"process": {"boot": "another"}},
        {"process": {"host": "another"}},
        {"process": {"pid": "1"}},
        {"process": {}, "lock": "/nowhere/lock"},
    ],
)
def test_job_that_cannot_see_its_launcher_continues(change: dict) -> None:
    described = json.loads(describe_launcher(None))
    unseen = {"pid": 2**22 + 1} if change["process"] else {}
    described = described | change | {"process": described["process"] | unseen | change["process"]}
    with job(described) as works:
        assert finishes(works)


def test_job_that_sees_its_launcher_needs_no_lock(tmp_path: Path) -> None:
    (tmp_path / "lock").touch()
    with job(describe_launcher(tmp_path / "lock")) as works:
        assert finishes(works)


@pytest.mark.parametrize("text", ["", "host:1", "null", "[]", '{"process": null}', "{"])
def test_unreadable_launcher_does_not_stop_the_job(text: str) -> None:
    with job(text) as works:
        assert finishes(works)


def test_process_is_distinguished_from_later_and_remote_ones_with_its_id() -> None:
    here = this_process()
    assert to_process(asdict(here)) == here and here.is_visible and not here.is_gone
    assert replace(here, started="1").is_gone
    elsewhere = replace(here, namespace="pid:[1]", pid=2**22 + 1)
    assert not elsewhere.is_visible and not elsewhere.is_gone
    assert not replace(here, boot="another", pid=2**22 + 1).is_gone


def test_exited_process_is_gone_before_it_is_reaped() -> None:
    ended = subprocess.Popen(["true"])
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
    started = Path(f"/proc/{ended.pid}/stat").read_text().rpartition(")")[2].split()[19]
    assert Process(this_process().host, boot_id(), pid_namespace(), ended.pid, started).is_gone
    ended.wait()


RANK = """
import os, signal
from omniedit.storage.processes import exit_with_torchrun
exit_with_torchrun()
print(os.getpid(), flush=True)
os.kill(os.getpid(), signal.SIGSTOP)
"""


def test_hanging_rank_is_killed_with_its_torchrun() -> None:
    start = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {RANK!r}])"
    torchrun = subprocess.Popen([sys.executable, "-c", start], stdout=subprocess.PIPE, text=True)
    assert torchrun.stdout is not None
    rank = os.pidfd_open(int(torchrun.stdout.readline()))
    torchrun.kill()
    torchrun.communicate()
    ended, _, _ = select.select([rank], [], [], LONG_S)
    assert ended
    os.close(rank)


def test_rank_ends_if_its_torchrun_died_before_it_joined() -> None:
    variables = {**os.environ, TORCHRUN: "1"}
    done = subprocess.run([sys.executable, "-c", RANK], env=variables, capture_output=True, text=True, timeout=LONG_S)
    assert done.returncode == 1 and "is gone; stopping" in done.stderr and done.stdout == ""


@pytest.mark.skipif(os.geteuid() != 0, reason="a PID namespace needs root")
def test_job_in_a_real_pid_namespace_runs_while_its_launcher_lives(tmp_path: Path) -> None:
    hold_lock(tmp_path / "lock")
    variables = {**os.environ, LAUNCHER: describe_launcher(tmp_path / "lock")}
    unshared = ["unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-c", JOB]
    done = subprocess.run(unshared, env=variables, input="done\n", capture_output=True, text=True, timeout=LONG_S)
    if "unshare failed" in done.stderr:
        pytest.skip(done.stderr)
    assert done.stdout == "works\ndone\n", done.stderr
