"""Finished batches of a shard, kept beside it until it is whole: a killed job goes on after the last of them."""

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from omniedit.errors import UserError
from omniedit.pairs import EditPair, Refusal, Shard, write_shard
from omniedit.tasks import Task


class Journal:
    """
    Args:
        shard: the file that the job is to write.
        about: JSON values that decide what the job makes; batches of a job with others are thrown away.
    """

    def __init__(self, shard: Path, task: Task, specialist: str, seed: int, about: Mapping[str, Any]) -> None:
        digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:16]
        self.folder = shard.with_name(f".{shard.name}.{digest}.batches")
        self.task, self.specialist, self.seed = task, specialist, seed
        self._thread = ThreadPoolExecutor(1, "journal")
        self._keeping: Future[None] | None = None
        for left in shard.parent.glob(f".{shard.name}.*.batches"):
            if left != self.folder:
                shutil.rmtree(left)

    def recall(self, batch: int, edits: Mapping[str, str]) -> list[EditPair | Refusal] | None:
        """What became of a batch, in the edits' order; None where it was not finished.

        Args:
            edits: id of the pair -> id of its photo.
        """
        path = self._path(batch)
        if not path.exists():
            return None
        try:
            with Shard(path) as shard:
                pairs = {pair.pair_id: pair for pair in shard}
                refusals = {refusal.source_id: refusal for refusal in shard.refusals}
        except UserError:
            return None
        return [pairs.get(pair_id) or refusals[source_id] for pair_id, source_id in edits.items()]

    def keep(self, batch: int, outcomes: Sequence[EditPair | Refusal]) -> None:
        """Write a batch, while the next one is edited; the one before has been written then.

        Raises:
            OSError: that one could not be written.
        """
        self.finish()
        pairs = [outcome for outcome in outcomes if isinstance(outcome, EditPair)]
        refusals = [outcome for outcome in outcomes if isinstance(outcome, Refusal)]
        about = (self.task, self.specialist, self.seed)
        self._keeping = self._thread.submit(write_shard, self._path(batch), *about, pairs, refusals)

    def finish(self) -> None:
        """Wait until what was kept is written."""
        if self._keeping:
            self._keeping.result()

    def close(self) -> None:
        """The shard is whole."""
        self.finish()
        self._thread.shutdown()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, batch: int) -> Path:
        return self.folder / f"{batch:06d}.h5"
