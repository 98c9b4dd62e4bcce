"""Journal of a shard's finished batches, from which a killed job resumes.

The batches are kept in a folder next to the shard until the shard is complete.
"""

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from omniedit.errors import UserError
from omniedit.pairs import EditPair, EncodedPair, Rejection, Shard, write_shard
from omniedit.tasks import Task


class Journal:
    """Finished batches of one shard.

    Args:
        shard: the file that the job writes.
        about: JSON values that determine the job's results. Batches made with other values are deleted.
    """

    def __init__(self, shard: Path, task: Task, specialist: str, seed: int, about: Mapping[str, Any]) -> None:
        digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:16]
        self.folder = shard.with_name(f".{shard.name}.{digest}.batches")
        self.task, self.specialist, self.seed = task, specialist, seed
        self._thread = ThreadPoolExecutor(1, "journal")
        self._keeping: Future[None] | None = None
        for leftover in shard.parent.glob(f".{shard.name}.*.batches"):
            if leftover != self.folder:
                shutil.rmtree(leftover)

    def recall(self, batch: int, edits: Mapping[str, str]) -> list[EditPair | Rejection] | None:
        """Return the outcomes of a finished batch in the order of `edits`, or None if the batch was not finished.

        Args:
            edits: id of the pair -> id of its photo.
        """
        path = self._path(batch)
        if not path.exists():
            return None
        try:
            with Shard(path) as shard:
                pairs = {pair.pair_id: pair for pair in shard}
                rejections = {rejection.source_id: rejection for rejection in shard.rejections}
        except UserError:
            return None
        return [pairs.get(pair_id) or rejections[source_id] for pair_id, source_id in edits.items()]

    def load_encoded_batch(self, batch: int) -> list[EncodedPair | Rejection] | None:
        """Return all outcomes of a finished batch, its pairs first, or None if the batch was not finished."""
        path = self._path(batch)
        if not path.exists():
            return None
        try:
            with Shard(path) as shard:
                return [*map(shard.encoded_pair, range(len(shard))), *shard.rejections]
        except UserError:
            return None

    def keep(self, batch: int, outcomes: Sequence[EditPair | EncodedPair | Rejection]) -> None:
        """Write a batch in the background, after waiting for the previous one.

        Raises:
            OSError: the previous batch could not be written.
        """
        self.finish()
        pairs = [outcome for outcome in outcomes if not isinstance(outcome, Rejection)]
        rejections = [outcome for outcome in outcomes if isinstance(outcome, Rejection)]
        about = (self.task, self.specialist, self.seed)
        self._keeping = self._thread.submit(write_shard, self._path(batch), *about, pairs, rejections)

    def finish(self) -> None:
        """Wait until the last batch is written."""
        if self._keeping:
            self._keeping.result()

    def close(self) -> None:
        """Delete the journal of a complete shard."""
        self.finish()
        self._thread.shutdown()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, batch: int) -> Path:
        return self.folder / f"{batch:06d}.h5"
