"""Canary: a small fixed set of pairs that every run scores, to detect drift of its judge.

The pairs are scored twice, the second time in reverse order. The difference of the two passes is the judge's noise (an
endpoint's sampling, rounding in a batch). The first record of a judge is kept; the distance of later records from it is
the judge's drift.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa

from omniedit.errors import DamagedFile
from omniedit.imaging.images import Image, decode_image
from omniedit.pairs import EditPair
from omniedit.scoring.score_table import SCORES_SCHEMA, score_row
from omniedit.scoring.verdict import Judge
from omniedit.storage.parquet import read_table, write_table
from omniedit.tasks import Task

CANARY_SCHEMA = pa.schema([field for field in SCORES_SCHEMA if field.name != "disagreement"]).append(
    pa.field("pass", pa.int64())
)
"""Columns of a record: the columns of a single judge's scores, which records of earlier releases have too."""
MAX_NOISE = 0.1
"""Largest mean absolute change of O that counts as noise. VIEScore's users report changes of this size between two
calls of a judge."""
MAX_LOST_SHARE = 0.05
"""Largest share of the pairs that may be scored in only one of two records."""
GREY_STYLE = "black and white photograph"
INSTRUCTION = f"Turn this photo into a {GREY_STYLE}."
_TRUTH = {"truth": {"style": GREY_STYLE}}
_PIXELS = 384 * 384


def canary_pairs() -> list[EditPair]:
    """Return four pairs of each shipped photo: grey as requested, half grey, grey and blurred, and unchanged."""
    folder = resources.files("omniedit.sources") / "sample"
    photos = sorted(file.name for file in folder.iterdir() if file.name.endswith(".jpg"))
    return [
        EditPair(f"canary-{Path(name).stem}-{kind}", Task.STYLE_TRANSFER, (INSTRUCTION,), photo, edited, None, _TRUTH)
        for name in photos
        for photo in [_small(decode_image((folder / name).read_bytes(), name))]
        for kind, edited in _edits(photo).items()
    ]


def canary_key(judge: Judge, fingerprint: str, pairs: Sequence[EditPair]) -> str:
    """Return a digest (16 hex digits) of all settings that decide the canary's scores. Silent changes of an endpoint
    cannot be included.

    Args:
        fingerprint: the run's `judge_fingerprint`.
    """
    digest = hashlib.sha256(json.dumps([judge.name, judge.version, judge.prompt_hash, fingerprint]).encode())
    for pair in pairs:
        digest.update(pair.source.tobytes() + pair.edited.tobytes())
    return digest.hexdigest()[:16]


def score_canary(judge: Judge, pairs: Sequence[EditPair], number: int) -> list[dict[str, object]]:
    """Return rows of `CANARY_SCHEMA` for pass 0 or 1, sorted by pair id; pass 1 scores in reverse order."""
    ordered = list(pairs)[:: -1 if number else 1]
    verdicts = []
    for first in range(0, len(ordered), judge.batch_size):
        verdicts += judge.judge(ordered[first : first + judge.batch_size])
    rows = [score_row(pair.pair_id, verdict, judge) for pair, verdict in zip(ordered, verdicts, strict=True)]
    return sorted(({**row, "pass": number} for row in rows), key=lambda row: str(row["pair_id"]))


def drift(now: Sequence[Mapping[str, Any]], first: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return how far two records of `CANARY_SCHEMA` differ, and whether that raises the alarm.

    `noise` is the mean absolute difference of O between a record's two passes, the larger of both records. `moved` is
    the mean absolute difference between the mean scores of the two records. The alarm is raised if `moved` exceeds 0.1
    plus twice the noise, if more than one pair in twenty is scored in only one record, or if the judge scores no pair.
    Values that cannot be computed are None.
    """
    now_scores, first_scores = _scored_twice(now), _scored_twice(first)
    both = sorted(now_scores.keys() & first_scores.keys())
    difference = np.array([np.mean(now_scores[pair]) - np.mean(first_scores[pair]) for pair in both])
    records = [np.array(list(scores.values())) for scores in (now_scores, first_scores) if scores]
    noise = max((float(np.abs(scores_N2[:, 0] - scores_N2[:, 1]).mean()) for scores_N2 in records), default=None)
    unmatched = len(now_scores.keys() ^ first_scores.keys())
    moved = float(np.abs(difference).mean()) if both else None
    limit = MAX_NOISE + 2 * (noise or 0.0)
    pairs = len({row["pair_id"] for row in now})
    return {
        "pairs": pairs,
        "scored": len(now_scores),
        "scored_in_one_only": unmatched,
        "noise": noise,
        "moved": moved,
        "bias": float(difference.mean()) if both else None,
        "largest_move": float(np.abs(difference).max()) if both else None,
        "limit": limit,
        "alarm": not now_scores or unmatched > MAX_LOST_SHARE * pairs or (moved is not None and moved > limit),
    }


def _scored_twice(record: Sequence[Mapping[str, Any]]) -> dict[str, list[float]]:
    """Return the O of both passes for each pair that both passes scored."""
    passes: dict[str, list[Any]] = {}
    for row in record:
        passes.setdefault(row["pair_id"], []).append(row.get("o_score"))
    return {pair: scores for pair, scores in passes.items() if None not in scores}


def _small(photo: Image) -> Image:
    height, width = photo.shape[:2]
    scale = (_PIXELS / (height * width)) ** 0.5
    size = round(width * scale), round(height * scale)
    return np.asarray(cv2.resize(photo, size, interpolation=cv2.INTER_AREA), np.uint8)


def _edits(photo: Image) -> dict[str, Image]:
    grey = np.asarray(cv2.cvtColor(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB), np.uint8)
    half = ((photo.astype(np.uint16) + grey + 1) // 2).astype(np.uint8)
    blurred = np.asarray(cv2.GaussianBlur(grey, (0, 0), 1.5), np.uint8)
    return {"asked": grey, "half": half, "blurred": blurred, "unchanged": photo.copy()}


def write_record(path: Path, rows: Sequence[Mapping[str, Any]], run: str) -> None:
    table = pa.Table.from_pylist(list(rows), schema=CANARY_SCHEMA)
    write_table(path, table.replace_schema_metadata({"run": run}))


def read_record(path: Path) -> tuple[list[dict[str, Any]], str]:
    """Return a record's rows and the run that wrote it.

    Raises:
        DamagedFile: the file has changed since it was written.
    """
    table = read_table(path, CANARY_SCHEMA.names)
    if b"run" not in (table.schema.metadata or {}):
        raise DamagedFile(path, "not a canary record")
    return table.to_pylist(), table.schema.metadata[b"run"].decode()
