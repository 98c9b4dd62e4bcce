"""File of a model's benchmark scores on one task: `bench/{model}/{task}.parquet`."""

from dataclasses import asdict

import pyarrow as pa

from omniedit.evaluation.preservation import preservation
from omniedit.pairs import EditPair
from omniedit.scoring.reply_parser import Unscorable
from omniedit.scoring.score_table import LATER_COLUMNS, SCORES_SCHEMA, score_row
from omniedit.scoring.verdict import Judge, Score

BENCH_SCHEMA = pa.schema(
    [
        ("model", pa.string()),
        ("task", pa.string()),
        ("source_id", pa.string()),
        *SCORES_SCHEMA,
        ("mae_outside", pa.float64()),
        ("psnr_outside", pa.float64()),
        ("ssim_outside", pa.float64()),
        ("pixel_shift", pa.float64()),
    ]
)
"""The judge's columns, as in scores/, and the fields of `Preservation`."""
COLUMNS = [name for name in BENCH_SCHEMA.names if name not in LATER_COLUMNS]
"""Columns of every file of benchmark scores, including files of earlier releases."""


def bench_row(model: str, pair: EditPair, verdict: Score | Unscorable, judge: Judge) -> dict[str, object]:
    """Build a row of `BENCH_SCHEMA`."""
    pair_columns = {"model": model, "task": str(pair.task), "source_id": pair.provenance.get("source_id", "")}
    return pair_columns | score_row(pair.pair_id, verdict, judge) | asdict(preservation(pair))
