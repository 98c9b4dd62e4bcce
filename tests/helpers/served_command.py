"""Commands that serve a page until a signal."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from helpers.chain import REPOSITORY


def serve_until_signals(folder: Path, *words: str) -> Iterator[str]:
    """Start `omniedit` twice, and end it by SIGINT and by SIGTERM; yield the line that each prints when it serves.

    The command must end without an error or a message.
    """
    for ending in (signal.SIGINT, signal.SIGTERM):
        with subprocess.Popen(
            [sys.executable, "-m", "omniedit", *words],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
            preexec_fn=heed_interrupts,
        ) as served:
            try:
                assert served.stdout and served.stderr
                yield served.stdout.readline()
                served.send_signal(ending)
                assert served.wait(60) == 0 and served.stderr.read() == ""
            finally:
                served.kill()


def heed_interrupts() -> None:
    """Undo what a shell does to programs that it starts in the background: they ignore SIGINT."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
