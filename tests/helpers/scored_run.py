"""Runs with scores and decisions for tests."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from helpers.pair_files import make_image
from omniedit.pairs import EncodedPair, write_shard
from omniedit.scoring.filter import DECISIONS_SCHEMA
from omniedit.scoring.score_table import SCORES_SCHEMA
from omniedit.storage.parquet import write_rows
from omniedit.tasks import Task


def make_run(run: Path, scores: Mapping[str, float | None], min_score: float | None = 8, **about: Any) -> Path:
    """Write a run with one shard of pairs that have these O; `min_score` None makes no decisions."""
    shard = about.pop("shard", "swap/00000")
    pairs = [
        EncodedPair(
            **{
                "pair_id": pair_id,
                "task": Task(shard.split("/")[0]),
                "instructions": (about.get("instruction", pair_id),),
            },
            **{"source": make_image(0), "edited": make_image(number + 1), "mask": None},
            provenance={"source_id": "a", "licence": about.get("licence", "CC0"), "ratio": about.get("ratio", "3x2")},
        )
        for number, pair_id in enumerate(scores)
    ]
    write_shard(run / f"candidates/{shard}.h5", Task(shard.split("/")[0]), "embedded", 0, pairs)
    judge = {"judge": about.get("judge", "reference"), "prompt_hash": "x", "judge_version": "1", "reasoning": "Good."}
    rows = [
        {"pair_id": pair_id, "status": "unscorable" if o is None else "scored", **judge}
        | ({} if o is None else {"sc_score_1": o, "sc_score_2": o, "pq_score": o, "o_score": o})
        for pair_id, o in scores.items()
    ]
    write_rows(run / f"scores/{shard}.parquet", rows, SCORES_SCHEMA)
    if min_score is not None:
        reasons = {
            o: "unscorable" if o is None else "kept" if o >= min_score else "below threshold" for o in scores.values()
        }
        decisions = [
            {"pair_id": pair_id, "kept": reasons[o] == "kept", "reason": reasons[o], "o_score": o, "row": row}
            for row, (pair_id, o) in enumerate(scores.items())
        ]
        write_rows(run / f"decisions/{shard}.parquet", decisions, DECISIONS_SCHEMA)
    return run


SCORES = {"a": 9.0, "b": 8.0, "c": 7.0, "d": None, "e": 5.0}
