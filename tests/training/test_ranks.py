import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from helpers.chain import REPOSITORY
from omniedit.storage.processes import is_alive

RANK = """
import os, pathlib, time
from omniedit.training.ranks import join_ranks
join_ranks()
pathlib.Path("rank").write_text(str(os.getpid()))
time.sleep(3600)
"""


def test_rank_exits_when_its_torchrun_is_killed(tmp_path: Path) -> None:
    (tmp_path / "rank.py").write_text(RANK)
    torchrun = subprocess.Popen(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "1", "rank.py"],
        cwd=tmp_path,
    )
    wait_until(lambda: (tmp_path / "rank").is_file() and (tmp_path / "rank").read_text() != "")
    rank = int((tmp_path / "rank").read_text())
    torchrun.send_signal(signal.SIGKILL)
    torchrun.wait()
    try:
        wait_until(lambda: not is_alive(rank))
    finally:
        with suppress(ProcessLookupError):
            os.kill(rank, signal.SIGKILL)


def test_runs_that_share_a_first_node_use_different_ports(tmp_path: Path) -> None:
    (tmp_path / "srun").write_text('#!/bin/sh\necho "$MASTER_PORT"\n')
    (tmp_path / "srun").chmod(0o755)
    launch = [str(REPOSITORY / "scripts/launch_ranks.sh"), "2", "1", "1", "logs", "train.py"]
    variables = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    ports = [
        int(subprocess.run(launch, env=variables | {"SLURM_JOB_ID": job}, capture_output=True, check=True).stdout)
        for job in ("4095", "4096", "67123456", "4095")
    ]
    assert len(set(ports)) == 3 and ports[0] == ports[3] and all(1024 < port < 32768 for port in ports)


def test_single_rank_starts_without_torchrun(tmp_path: Path) -> None:
    (tmp_path / "python").write_text('#!/bin/sh\necho "${RANK-alone} $OMP_NUM_THREADS $*"\n')
    (tmp_path / "python").chmod(0o755)
    launch = [str(REPOSITORY / "scripts/launch_ranks.sh"), "1", "1", "2", "logs", "train.py", "buckets", "--seed", "0"]
    variables = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "RANK": "3"}
    output = subprocess.run(launch, env=variables, capture_output=True, check=True, text=True, cwd=tmp_path).stdout
    assert output == f"alone 2 {REPOSITORY / 'scripts'}/train.py buckets --seed 0\n"
    assert not (tmp_path / "logs").exists()


def wait_until(is_so: Callable[[], bool], seconds: float = 900) -> None:
    start = time.monotonic()
    while not is_so():
        assert time.monotonic() - start < seconds
        time.sleep(0.1)
