"""Record the spending of a run's jobs, one file per job. No locks are used, so any shared file system works."""

import json
import os
import socket
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from omniedit.storage.atomic import write_text
from omniedit.vlm.messages import Usage

WRITE_EVERY_S = 1.0
"""Seconds between writes; the spending of a killed job's last second is lost."""
LOOK_EVERY_S = 30.0


class Ledger:
    """Spending of this job, in its own file in a folder shared by the run's jobs. Not thread-safe."""

    def __init__(self, folder: str | Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder, self._clock = Path(folder), clock
        self._file = self._folder / f"{socket.gethostname()}.{os.getpid()}.{time.time_ns()}.json"
        self._spent, self._written_at = Usage(), -WRITE_EVERY_S
        self._others, self._read_at = Usage(), -LOOK_EVERY_S

    def write(self, spent: Usage) -> None:
        """Record the total spending of this job."""
        self._spent = spent
        if self._clock() - self._written_at >= WRITE_EVERY_S:
            self._flush()

    def others_usage(self) -> Usage:
        """Return the total spending of the run's other jobs, finished ones included; the value is at most half a
        minute old."""
        if self._clock() - self._read_at >= LOOK_EVERY_S:
            files = [file for file in self._folder.glob("*.json") if file != self._file]
            self._others = sum((Usage(**json.loads(file.read_text())) for file in files), Usage())
            self._read_at = self._clock()
        return self._others

    def close(self) -> None:
        """Write the last record, if any."""
        if self._spent != Usage():
            self._flush()

    def _flush(self) -> None:
        write_text(self._file, json.dumps(asdict(self._spent)))
        self._written_at = self._clock()
