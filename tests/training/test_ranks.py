import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from omniedit.errors import alive

RANK = """
import os, pathlib, time
from omniedit.training.ranks import join_ranks
join_ranks()
pathlib.Path("rank").write_text(str(os.getpid()))
time.sleep(120)
"""


def test_a_rank_ends_with_the_torchrun_that_started_it(tmp_path: Path) -> None:
    (tmp_path / "rank.py").write_text(RANK)
    torchrun = subprocess.Popen(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "1", "rank.py"],
        cwd=tmp_path,
    )
    waited_until(lambda: (tmp_path / "rank").is_file() and (tmp_path / "rank").read_text() != "")
    rank = int((tmp_path / "rank").read_text())
    torchrun.send_signal(signal.SIGKILL)
    torchrun.wait()
    waited_until(lambda: not alive(rank))


def waited_until(is_so: Callable[[], bool], seconds: float = 180) -> None:
    start = time.monotonic()
    while not is_so():
        assert time.monotonic() - start < seconds
        time.sleep(0.1)
