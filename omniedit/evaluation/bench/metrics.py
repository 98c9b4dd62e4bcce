"""Metrics of an editor's outputs: `metrics.parquet` with a row for each item, `metrics.json` with their weights."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from omniedit.evaluation.bench.edit_records import EDITED, EditFolder
from omniedit.evaluation.bench.item import BenchSet
from omniedit.evaluation.metrics.measure import choose, measure
from omniedit.evaluation.metrics.networks import Networks
from omniedit.storage.atomic import write_text
from omniedit.storage.parquet import read_rows, write_rows

DEFAULT_METRICS = ("l1_source", "ssim_source", "l1_outside", "psnr_outside", "ssim_outside", "pixel_shift")
"""Metrics that need neither weights nor the benchmark's own result."""
METRICS_TABLE, METRICS_JSON = "metrics.parquet", "metrics.json"
_TEXTS = ("item_id", "task", "status", "reason")


def measure_edits(bench: BenchSet, edits: EditFolder, names: Sequence[str], networks: Networks) -> None:
    """Measure the edits if they, the metrics or the available weights have changed since the last measurement.

    Raises:
        UserError: no metric has one of the names, or a stored edit is damaged.
    """
    images = sorted((record.item_id, record.status, record.sha256) for record in edits.records.values())
    digest = hashlib.sha256(json.dumps([bench.version, images, list(names)]).encode()).hexdigest()[:16]
    about = edits.folder / METRICS_JSON
    if (edits.folder / METRICS_TABLE).is_file() and about.is_file():
        facts = json.loads(about.read_text())
        if facts["digest"] == digest and not choose(list(facts["unavailable"]), networks)[0]:
            return
    files = {
        item_id: partial(edits.read_bytes, item_id) if record.status == EDITED else f"{record.status}: {record.reason}"
        for item_id, record in edits.records.items()
    }
    values = measure(bench.items, files, names, networks)
    columns = [name for name in names if any(name in row for row in values.rows)]
    schema = pa.schema([(name, pa.string()) for name in _TEXTS] + [(name, pa.float64()) for name in columns])
    write_rows(edits.folder / METRICS_TABLE, values.rows, schema)
    facts = {"sets": dict(values.sets), "unavailable": dict(values.unavailable), "weights": dict(values.weights)}
    write_text(about, json.dumps({"digest": digest, **facts}, indent=2) + "\n")


def read_metrics(folder: Path) -> tuple[dict[str, Mapping[str, float]], dict[str, Any]]:
    """Return the values of each item by metric, and the facts of `metrics.json`; both empty if nothing was measured."""
    if not (folder / METRICS_JSON).is_file():
        return {}, {}
    rows = read_rows(folder / METRICS_TABLE)
    values: dict[str, Mapping[str, float]] = {
        row["item_id"]: {name: value for name, value in row.items() if name not in _TEXTS and value is not None}
        for row in rows
    }
    return values, json.loads((folder / METRICS_JSON).read_text())
