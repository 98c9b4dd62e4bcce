"""Preference pairs for DPO and reward models: a better and a worse edit of the same source with the same
instruction."""

import hashlib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from omniedit.exchange.candidates import CandidateRow, Selector, read_candidates
from omniedit.exchange.fields import ImageCell, OutColumn, OutRow
from omniedit.pairs import Shard
from omniedit.pairs.provenance import IMPORTED

COLUMNS = (
    *(OutColumn("id", "string"), OutColumn("task", "string"), OutColumn("instruction", "string")),
    *(OutColumn("source", "image"), OutColumn("chosen", "image"), OutColumn("rejected", "image")),
    *(OutColumn("chosen_score", "float64"), OutColumn("rejected_score", "float64")),
    *(OutColumn("chosen_id", "string"), OutColumn("rejected_id", "string")),
)
"""Columns of preference pairs; the scores are O."""

ScoredEdit = tuple[float, bool, Path, int]
"""Score O of an edit, whether it is accepted, and its file and row."""


def group_edits(selector: Selector, run: str | Path) -> list[list[ScoredEdit]]:
    """Return the scored edits of each source and instruction that has several, the best first."""
    groups: dict[bytes, list[ScoredEdit]] = defaultdict(list)
    for candidate, is_accepted in selector.split(read_candidates(run)):
        if candidate.o_score is not None and candidate.passes_checks:
            groups[_key(candidate)].append((candidate.o_score, is_accepted, candidate.shard.path, candidate.row))
    ordered = [sorted(group, key=lambda edit: (-edit[0], edit[2:])) for group in groups.values()]
    return [group for group in ordered if _count(group)]


def count_preferences(groups: list[list[ScoredEdit]]) -> int:
    """Return the number of rows that the groups yield."""
    return sum(map(_count, groups))


def preference_rows(groups: list[list[ScoredEdit]]) -> Iterator[OutRow]:
    """Yield a row for the best accepted edit of each group and each rejected edit of a lower O."""
    for group in groups:
        best, worse = group[0], [edit for edit in group[1:] if _is_worse(edit, group[0])]
        with Shard(best[2], keeps_last=False) as shard:
            shared = _describe_best(shard, best)
        for number, edit in enumerate(worse):
            with Shard(edit[2], keeps_last=False) as shard:
                values = _describe_worse(shard, edit)
            key = f"{shared['chosen_id']}-{number}"
            yield OutRow(key, {"id": key, **shared, **values})


def _key(candidate: CandidateRow) -> bytes:
    """Return the digest of source and instruction.

    Of imported images, the recorded digest is used, because equal images can have different files. Of other pairs, it
    is the digest of the photo, which is not the source of an addition or of a derived pair.
    """
    shard, row, provenance = candidate.shard, candidate.row, candidate.provenance
    is_recorded = provenance.get(IMPORTED) and not provenance.get("derived")
    source = (is_recorded and provenance.get("source_sha256")) or shard.sha256("source", row)
    return hashlib.sha256(f"{source}|{shard.instructions(row)[0]}".encode()).digest()[:16]


def _count(group: list[ScoredEdit]) -> int:
    return sum(_is_worse(edit, group[0]) for edit in group[1:])


def _is_worse(edit: ScoredEdit, best: ScoredEdit) -> bool:
    """Return whether an edit was rejected and has a lower O than the best one, which was accepted."""
    return best[1] and not edit[1] and edit[0] < best[0]


def _describe_best(shard: Shard, edit: ScoredEdit) -> dict[str, Any]:
    row = edit[3]
    return {
        "task": str(shard.tasks[row]),
        "instruction": shard.instructions(row)[0],
        "source": ImageCell(shard.encoded("source", row)),
        "chosen": ImageCell(shard.encoded("edited", row)),
        "chosen_score": edit[0],
        "chosen_id": shard.pair_ids[row],
    }


def _describe_worse(shard: Shard, edit: ScoredEdit) -> dict[str, Any]:
    row = edit[3]
    edited = ImageCell(shard.encoded("edited", row))
    return {"rejected": edited, "rejected_score": edit[0], "rejected_id": shard.pair_ids[row]}
