"""What the jobs of a run have spent, each in a file of its own: no lock, so that any shared file system serves."""

import json
import os
import socket
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from omniedit.storage.atomic import replace_file
from omniedit.vlm.endpoint import Usage

WRITE_EVERY_S = 1.0
"""What a killed job spent in its last second is forgotten."""
LOOK_EVERY_S = 30.0


class Ledger:
    """This job's file in a folder of such files. Not for several threads at once."""

    def __init__(self, folder: str | Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder, self._clock = Path(folder), clock
        self._file = self._folder / f"{socket.gethostname()}.{os.getpid()}.{time.time_ns()}.json"
        self._spent, self._written_at = Usage(), -WRITE_EVERY_S
        self._of_others, self._looked_at = Usage(), -LOOK_EVERY_S

    def write(self, spent: Usage) -> None:
        """All that this job has spent."""
        self._spent = spent
        if self._clock() - self._written_at >= WRITE_EVERY_S:
            self._flush()

    def of_others(self) -> Usage:
        """All that the run's other jobs, those that ended too, have spent, as of the last half minute."""
        if self._clock() - self._looked_at >= LOOK_EVERY_S:
            files = [file for file in self._folder.glob("*.json") if file != self._file]
            self._of_others = sum((Usage(**json.loads(file.read_text())) for file in files), Usage())
            self._looked_at = self._clock()
        return self._of_others

    def close(self) -> None:
        """Write what is not written yet."""
        if self._spent != Usage():
            self._flush()

    def _flush(self) -> None:
        with replace_file(self._file) as temporary:
            temporary.write_text(json.dumps(asdict(self._spent)))
        self._written_at = self._clock()
