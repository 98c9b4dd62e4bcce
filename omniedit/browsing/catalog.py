"""Pairs of a run for the local page: an index that grows while shards are read, images, and decisions."""

import threading
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from omniedit.browsing.counts import count_by_hand
from omniedit.browsing.pair_index import join_tables, stream_index
from omniedit.browsing.pair_record import list_images, read_record
from omniedit.browsing.run_files import ShardFiles, decisions_file, list_shards
from omniedit.browsing.select import IndexQuery, select
from omniedit.errors import UserError, error_line
from omniedit.pairs import Shard
from omniedit.pairs.open_shards import OpenShards
from omniedit.reporting.page import outline
from omniedit.scoring.human_decisions import Decision, HandDecision, HandDecisions, append_by_hand, read_by_hand
from omniedit.storage.atomic import file_version

FACETS = ("task", "reason", "judge", "ratio")
SHOWN_PROBLEMS = 20


class Catalog:
    """Pairs of a run. Its methods may be called from several threads.

    A pair is identified by its number, its place in the index. Numbers never change, because shards are only appended.

    Args:
        person: name to record with decisions.
    """

    def __init__(self, run: Path, person: str) -> None:
        self.run, self.who = run, person
        self.shards = list_shards(run)
        self._lock = threading.RLock()
        self._tables: list[pa.Table] = []
        self._problems: list[str] = []
        self._index, self._joined = join_tables([]), 0
        self._facets: tuple[int, dict[str, Any]] | None = None
        self._selection: tuple[Any, NDArray[np.int64]] | None = None
        self._by_hand: tuple[Any, HandDecisions] | None = None
        self._open = OpenShards()

    def read_shards(self) -> None:
        """Read all shards into the index, one after the other."""
        for table, problems in stream_index(self.shards):
            with self._lock:
                self._tables.append(table)
                self._problems += problems

    @property
    def index(self) -> pa.Table:
        """Rows of the shards that are read so far."""
        with self._lock:
            if self._joined < len(self._tables):
                self._index, self._joined = join_tables(self._tables), len(self._tables)
            return self._index

    @property
    def by_hand(self) -> HandDecisions:
        """Decisions of people. The file is read again when it has changed, because other programs also append to it."""
        path = decisions_file(self.run)
        with self._lock:
            version = file_version(path)
            if self._by_hand is None or self._by_hand[0] != version:
                self._by_hand = version, read_by_hand(path)
            return self._by_hand[1]

    def describe(self) -> dict[str, Any]:
        """Return the run's name, values to filter by with their counts, progress, and files that cannot be read."""
        with self._lock:
            index, by_hand = self.index, self.by_hand
            if self._facets is None or self._facets[0] != len(index):
                self._facets = len(index), {name: _count_values(index[name]) for name in FACETS}
            problems = [*by_hand.problems, *self._problems]
            return {
                "run": self.run.resolve().name,
                "who": self.who,
                "pairs": len(index),
                "shards": {"read": len(self._tables), "all": len(self.shards)},
                "facets": self._facets[1],
                "by_hand": count_by_hand(by_hand),
                "problems": [error_line(problem) for problem in problems[:SHOWN_PROBLEMS]],
                "more_problems": max(0, len(problems) - SHOWN_PROBLEMS),
            }

    def list_pairs(self, query: IndexQuery, offset: int, limit: int) -> dict[str, Any]:
        """Return the number of selected pairs, and some of them."""
        index, by_hand = self.index, self.by_hand.by_pair
        chosen = self._select(index, query)
        numbers = chosen[offset : offset + limit]
        rows = index.take(numbers).to_pylist()
        pairs = [
            {name: row[name] for name in ("pair_id", "task", "ratio", "score", "status", "kept", "reason")}
            | {"number": int(number), "by_hand": _decision(by_hand.get(row["pair_id"]))}
            for number, row in zip(numbers, rows, strict=True)
        ]
        return {"total": len(chosen), "offset": offset, "pairs": pairs}

    def _select(self, index: pa.Table, query: IndexQuery) -> NDArray[np.int64]:
        """Return the selected numbers, computed once for the requests that scroll through a selection."""
        with self._lock:
            by_hand = self.by_hand
            key = query, len(index), id(by_hand) if query.by_hand else None
            if self._selection is None or self._selection[0] != key:
                self._selection = key, select(index, query, by_hand.by_pair)
            return self._selection[1]

    def read_pair(self, number: int) -> dict[str, Any]:
        """Return a pair's record (`read_record`), with the decision by hand and the outline of its mask.

        Raises:
            UserError: the pair does not exist.
        """
        files, row = self._find(number)
        record = read_record(files, row["pair_id"])
        if "row" in record:
            mask = self._open.read(files.candidates, lambda shard: shard.mask(record["row"]))
            record["outline"] = "" if mask is None else outline(mask)
        hand_decision = self.by_hand.by_pair.get(row["pair_id"])
        return record | {
            "number": number,
            "ratio": row["ratio"],
            "by_hand": asdict(hand_decision) if hand_decision else None,
        }

    def read_image(self, number: int, name: str) -> bytes:
        """Return a stored image of a pair. `name` is source, edited, mask, reference-1 and so on.

        Raises:
            UserError: the pair or the image does not exist, or it cannot be read.
        """
        files, row = self._find(number)

        def read(shard: Shard) -> bytes:
            place = shard.find(row["pair_id"])
            if name in ("source", "edited"):
                return shard.encoded(name, place)
            for key, encoded in list_images(shard, place):
                if key == name:
                    return encoded
            raise UserError(f"{row['pair_id']}: has no image {name}")

        return self._open.read(files.candidates, read)

    def decide(
        self, number: int, pair_id: str, decision: Decision, note: str = "", undoes: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Append a decision; return it, the replaced one, and the counts.

        Args:
            undoes: the decision to undo, as it was returned.

        Raises:
            UserError: the pair of this number has another id, a later decision replaced the one to undo, or the file
                cannot be written.
        """
        _, row = self._find(number)
        if row["pair_id"] != pair_id:
            raise UserError(f"pair {number} is {row['pair_id']} and not {pair_id!a:.200}; reload the page")
        now = datetime.now(UTC).isoformat(timespec="seconds")
        with self._lock:
            previous = self.by_hand.by_pair.get(pair_id)
            if undoes is not None and (previous is None or asdict(previous) != undoes):
                raise UserError(f"{pair_id}: decided again in another window, so nothing is undone")
            append_by_hand(decisions_file(self.run), HandDecision(pair_id, decision, self.who, now, note))
            made, counts = self.by_hand.by_pair.get(pair_id), count_by_hand(self.by_hand)
        return {
            "previous": _decision(previous),
            "decision": _decision(made),
            "made": asdict(made) if made else None,
            "by_hand": counts,
        }

    def _find(self, number: int) -> tuple[ShardFiles, dict[str, Any]]:
        index = self.index
        if not 0 <= number < len(index):
            raise UserError(f"there is no pair {number}; the index has {len(index)}")
        row = index.slice(number, 1).to_pylist()[0]
        return self.shards[row["shard"]], row


def _count_values(column: pa.ChunkedArray) -> list[tuple[str, int]]:
    """Return the values of a column and their counts, the most frequent first."""
    counted = pc.value_counts(column.cast(pa.string())).to_pylist()
    return sorted(((row["values"], row["counts"]) for row in counted), key=lambda pair: (-pair[1], pair[0]))


def _decision(hand_decision: HandDecision | None) -> str | None:
    return None if hand_decision is None else str(hand_decision.decision)
