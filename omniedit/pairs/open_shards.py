"""Shards that stay open for readers of single rows, in several threads."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from omniedit.pairs.shard import Shard
from omniedit.storage.atomic import file_version

OPEN_SHARDS = 8
"""Maximum number of candidate files that stay open."""
T = TypeVar("T")


class OpenShards:
    """Open shards by path. A file that was replaced is opened again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: OrderedDict[tuple[str, int, int], Shard] = OrderedDict()

    def read(self, path: Path, read: Callable[[Shard], T]) -> T:
        """Call `read` on a shard, one thread at a time, as HDF5 requires.

        Raises:
            UserError: the file is missing or cannot be read.
        """
        with self._lock:
            key = (str(path), *(file_version(path) or (0, 0)))
            if key not in self._open:
                self._open[key] = Shard(path, keeps_last=False)
            self._open.move_to_end(key)
            while len(self._open) > OPEN_SHARDS:
                self._open.popitem(last=False)[1].__exit__()
            return read(self._open[key])
