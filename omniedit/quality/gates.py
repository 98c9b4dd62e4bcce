"""Quality gates: from signatures to findings, and from findings to a decision on each pair.

A finding is a fact with its value. A policy says for each gate whether its findings reject a pair or flag it, or
whether the gate is off. After a change of policy, no image is read again.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from omniedit.config.gates import GatesConfig
from omniedit.quality.benchmark_leaks import BenchmarkSet, find_leaks
from omniedit.quality.duplicates import EXACT, MIRRORED, NEAR, SAME_IMAGES, find_duplicates
from omniedit.quality.signature_table import Signatures
from omniedit.quality.swapped_by_comparison import find_swapped_turns, swap_odds
from omniedit.storage.parquet import read_table

IDENTICAL = 7.0
"""Two images count as the same if the mean of no 24 x 24 pixels changes by this amount, 0-255."""
DISPLACEMENT = 1.0
"""Minimum displacement of the farthest corner that is a fault, in pixels of an image whose longer side is 1,024."""
ALIGNMENT = 0.6
"""Minimum share of the windows that agree on shift and scale."""
STANDARD_ERRORS = 3.0
"""Number of standard errors by which a displacement must exceed `DISPLACEMENT`."""
SWAPPED = 2.0
"""Minimum log-odds of a swapped pair."""


class Gate(StrEnum):
    """Gate, named after the fault that it detects; the value is its name in findings and policies."""

    DUPLICATE = "duplicate"
    NEAR_DUPLICATE = "near_duplicate"
    MIRRORED_DUPLICATE = "mirrored_duplicate"
    LEAK = "benchmark_leak"
    IDENTICAL = "identical"
    MISALIGNED = "misaligned"
    SWAPPED = "swapped"
    MISLABELLED = "mislabelled"


class Action(StrEnum):
    """Consequence of a finding."""

    REJECT = "reject"
    FLAG = "flag"
    OFF = "off"


Policy = Mapping[Gate, Action]
"""Action of each gate. A gate that is not named is off."""


def to_policy(actions: Mapping[str, Any]) -> Policy:
    """Return the policy of a section `gates` of the config."""
    return {gate: Action(actions[gate]) for gate in Gate}


@dataclass(frozen=True)
class GateFinding:
    """Fault of one pair.

    Args:
        value: measurement behind it, in the unit of the gate: pixels, levels or log-odds; 1 if there is none.
        detail: one line for a reader: the other pair, the benchmark image, the clues.
    """

    pair_id: str
    gate: Gate
    value: float
    detail: str


FINDINGS_SCHEMA = pa.schema(
    [("pair_id", pa.string()), ("gate", pa.string()), ("value", pa.float64()), ("detail", pa.string())]
)
"""Columns of a table of findings; a pair has a row for each of its faults."""


def find_faults(
    files: Sequence[Path],
    benchmarks: Sequence[BenchmarkSet] = (),
    policy: Policy | None = None,
) -> Iterator[GateFinding]:
    """Yield the findings of all shards: first about single pairs, shard by shard, then from comparisons of pairs.

    Args:
        files: tables of `SIGNATURES_SCHEMA`; the first of two duplicates in this order stays.
        policy: None for that of the config's defaults; gates that are off are skipped.
    """
    policy = policy or to_policy(GatesConfig().model_dump())
    is_on = {gate: policy.get(gate, Action.OFF) is not Action.OFF for gate in Gate}
    for file in files:
        yield from (each for each in find_in_shard(read_table(file)) if is_on[each.gate])
    each = find_between(files, benchmarks, is_on)
    yield from (finding for finding in each if is_on[finding.gate])


def find_in_shard(signatures: pa.Table) -> Iterator[GateFinding]:
    """Yield the findings that need one pair at a time: identical, misaligned and mislabelled pairs."""
    columns = ("pair_id", "width", "height", "largest_change", "shift_x", "shift_y", "scale", "displacement")
    for row in signatures.select([*columns, "alignment", "alignment_error", "label_doubt"]).to_pylist():
        pair_id, largest = row["pair_id"], row["largest_change"]
        if largest < IDENTICAL:
            yield GateFinding(pair_id, Gate.IDENTICAL, largest, f"no 24 x 24 pixels changed by more than {largest:.1f}")
            continue
        certain = row["displacement"] - STANDARD_ERRORS * row["alignment_error"]
        relative = certain * 1024 / max(row["width"], row["height"])
        if relative >= DISPLACEMENT and row["alignment"] >= ALIGNMENT:
            moved = f"shift ({row['shift_x']:+.1f}, {row['shift_y']:+.1f}) pixels, scale {row['scale']:.4f}"
            yield GateFinding(pair_id, Gate.MISALIGNED, row["displacement"], f"{moved}, {row['alignment']:.0%} agree")
        if row["label_doubt"]:
            yield GateFinding(pair_id, Gate.MISLABELLED, 1.0, row["label_doubt"])


def find_between(
    files: Sequence[Path],
    benchmarks: Sequence[BenchmarkSet],
    is_on: Mapping[Gate, bool],
) -> Iterator[GateFinding]:
    """Yield the findings that compare pairs of all shards: duplicates, benchmark leaks and swapped pairs."""
    about = pa.concat_tables(
        read_table(file, ("pair_id", "task", "session", "turn", "swapped", "swap_clues", "largest_change"))
        for file in files
    )
    pairs = Signatures.read(files)
    if is_on[Gate.DUPLICATE] or is_on[Gate.NEAR_DUPLICATE] or is_on[Gate.MIRRORED_DUPLICATE]:
        yield from _duplicates(pairs, about, is_on[Gate.MIRRORED_DUPLICATE])
    if is_on[Gate.LEAK]:
        for leak in find_leaks(pairs, benchmarks):
            kind = "a mirrored copy" if leak.mirrored else "a copy"
            detail = f"the {leak.side} image is {kind} of {leak.image} in {leak.benchmark}"
            yield GateFinding(about["pair_id"][leak.row].as_py(), Gate.LEAK, 1.0, detail)
    if is_on[Gate.SWAPPED]:
        yield from _swapped(pairs, about)


_DUPLICATE_GATES = {
    EXACT: Gate.DUPLICATE,
    SAME_IMAGES: Gate.DUPLICATE,
    NEAR: Gate.NEAR_DUPLICATE,
    MIRRORED: Gate.MIRRORED_DUPLICATE,
}


def _duplicates(pairs: Signatures, about: pa.Table, mirrored: bool) -> Iterator[GateFinding]:
    ids = about["pair_id"]
    for duplicate in find_duplicates(pairs, mirrored):
        detail = f"{duplicate.kind}: {ids[duplicate.original].as_py()}"
        yield GateFinding(ids[duplicate.row].as_py(), _DUPLICATE_GATES[duplicate.kind], 1.0, detail)


def _swapped(pairs: Signatures, about: pa.Table) -> Iterator[GateFinding]:
    """Yield the pairs whose evidence from clues, shared images and session exceeds the threshold."""
    sessions = about["session"].to_pylist()
    shared = swap_odds(pairs, about["task"].to_pylist(), sessions)
    odds = about["swapped"].to_numpy().astype(np.float64) + shared
    broken = find_swapped_turns(pairs, _group_turns(sessions, about["turn"].to_pylist()))
    odds[broken] += SWAPPED + 2
    odds[about["largest_change"].to_numpy() < IDENTICAL] = 0
    for row in np.flatnonzero(odds >= SWAPPED).tolist():
        clues = [about["swap_clues"][row].as_py()]
        clues += [f"shared image {shared[row]:+.1f}"] if shared[row] else []
        clues += ["session"] if row in broken else []
        yield GateFinding(about["pair_id"][row].as_py(), Gate.SWAPPED, odds[row], "; ".join(filter(None, clues)))


def _group_turns(sessions: Sequence[str | None], turns: Sequence[int | None]) -> dict[str, list[int]]:
    """Return the rows of each session, in the order of its turns."""
    rows: dict[str, list[int]] = defaultdict(list)
    for row, session in enumerate(sessions):
        if session is not None:
            rows[session].append(row)
    return {session: sorted(members, key=lambda row: turns[row] or 0) for session, members in rows.items()}


def rejection_reasons(findings: Iterable[Mapping[str, Any]], policy: Policy) -> dict[str, str]:
    """Return the reason for each pair that a gate rejects, such as "near duplicate of PAIR_ID" or "identical".

    Args:
        findings: rows of `FINDINGS_SCHEMA`. If a pair has several faults, the first gate gives the reason.
    """
    gates = list(Gate)
    rejecting = [row for row in findings if policy.get(Gate(row["gate"])) is Action.REJECT]
    reasons: dict[str, str] = {}
    for row in sorted(rejecting, key=lambda row: gates.index(Gate(row["gate"]))):
        words, other = row["gate"].replace("_", " "), row["detail"].rpartition(": ")[2]
        reasons.setdefault(row["pair_id"], f"{words} of {other}" if row["gate"].endswith("duplicate") else words)
    return reasons
