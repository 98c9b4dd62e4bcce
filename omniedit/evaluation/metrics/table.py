"""Tables of edited images: `omniedit metrics` reads one and writes it with the values of metrics."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import isfinite, isinf
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from omniedit.errors import UserError
from omniedit.evaluation.metrics.measure import BadSample, Load, MetricValues, measure_samples
from omniedit.evaluation.metrics.metric import Need, Sample
from omniedit.evaluation.metrics.networks import Networks
from omniedit.evaluation.metrics.registry import METRICS
from omniedit.imaging.decode import UnreadableImage
from omniedit.imaging.images import Image, decode_image, decode_mask
from omniedit.plain_text import markdown_cell, markdown_table
from omniedit.storage.atomic import is_file
from omniedit.storage.parquet import SURPLUS_CELLS, read_csv, write_by_suffix

IMAGES = ("edited", "source", "target")
TEXTS = ("source_caption", "target_caption", "foreground")
RESERVED_COLUMNS = ("status", "reason")

InputRow = Mapping[str, str]


def read_table(table: Path) -> list[dict[str, str]]:
    """Read a CSV table of edited images.

    Columns: edited; if metrics need them, source, target, mask, source_caption, target_caption and foreground; model,
        the name of the editor. Other columns are kept.

    Raises:
        UserError: the table is unusable; one line names the file, the problem and the remedy.
    """
    rows = read_csv(table)
    if not rows:
        raise UserError(f"{table}: has no row below the line with the column names")
    if "edited" not in rows[0]:
        raise UserError(f"{table}: lacks the column edited; available: {', '.join(filter(None, rows[0]))}")
    if reserved := [name for name in (*RESERVED_COLUMNS, *METRICS) if name in rows[0]]:
        raise UserError(f"{table}: has a column {reserved[0]}, which is reserved for the result; rename it")
    return rows


def usable_metrics(rows: Sequence[InputRow]) -> list[str]:
    """Return the metrics whose needs are columns of the table."""
    return [name for name, metric in METRICS.items() if set(metric.needs) <= set(rows[0])]


def check_needs(table: Path, rows: Sequence[InputRow], names: Sequence[str]) -> None:
    """Check that the table has the columns that metrics need.

    Raises:
        UserError: a column is missing.
    """
    for name in names:
        needs: tuple[Need, ...] = METRICS[name].needs if name in METRICS else ()
        if missing := [need for need in needs if need not in rows[0]]:
            raise UserError(f"{table}: lacks the column {missing[0]}, which {name} needs; add it or leave {name} out")


def measure_table(
    table: Path, rows: Sequence[InputRow], names: Sequence[str], networks: Networks, advance: Callable[[], None]
) -> dict[str, MetricValues]:
    """Measure the rows of a table, editor by editor; the column `model` names the editor.

    Args:
        advance: called for each row that was read.

    Returns:
        Values by editor, in the order of the table; each row also has the table's own columns.
    """
    editors: dict[str, list[tuple[int, InputRow]]] = defaultdict(list)
    for number, row in enumerate(rows, 1):
        editors[(row.get("model") or "").strip()].append((number, row))
    return {editor: _measure_rows(table, numbered, names, networks, advance) for editor, numbered in editors.items()}


def _measure_rows(
    table: Path,
    numbered: Sequence[tuple[int, InputRow]],
    names: Sequence[str],
    networks: Networks,
    advance: Callable[[], None],
) -> MetricValues:
    firsts: dict[str, int] = {}
    loads = (_loader(table, number, row, firsts.setdefault(repr(row), number), advance) for number, row in numbered)
    measured = measure_samples(loads, names, networks)
    both = zip(numbered, measured.rows, strict=True)
    rows = [{"row": number} | {k: v for k, v in row.items() if k} | dict(values) for (number, row), values in both]
    return MetricValues(rows, measured.sets, measured.unavailable, measured.weights)


def _loader(table: Path, number: int, row: InputRow, first: int, advance: Callable[[], None]) -> Load:
    """Return the reader of a row; `first` is the number of the first row with the same cells."""

    def load() -> Sample | BadSample:
        advance()
        if first != number:
            return BadSample("repeated", f"{table}: row {number}: all cells equal those of row {first}")
        try:
            return row_to_sample(row, table.parent)
        except UserError as error:
            return BadSample("bad row", f"{table}: row {number}: {error}")

    return load


def row_to_sample(row: InputRow, folder: Path) -> Sample:
    """Read the images of a row, whose paths are relative to the table's folder. Empty cells are left out.

    Raises:
        UserError: an image cannot be read, or the row has more cells than columns.
    """
    if None in row:
        raise UserError(SURPLUS_CELLS)
    if not row["edited"].strip():
        raise UserError("column edited is empty; fill it in")
    images: dict[str, Image | None] = {name: _read(row, name, folder, decode_image) for name in IMAGES}
    texts = {name: row.get(name) or None for name in TEXTS}
    return Sample(**images, mask=_read(row, "mask", folder, decode_mask), **texts).checked()  # type: ignore[arg-type]


def _read(row: InputRow, name: str, folder: Path, decode: Callable[[bytes, str], Any]) -> Any:
    cell = (row.get(name) or "").strip()
    if not cell:
        return None
    path = folder / cell
    if not is_file(path):
        raise UserError(f"column {name}: {cell[:200]}: no such file; paths are relative to the table's folder")
    try:
        return decode(path.read_bytes(), f"column {name}: {cell[:200]}")
    except (UnreadableImage, OSError) as error:
        raise UserError(f"column {name}: {cell[:200]}: {error}") from None


def write_measured(out: Path, measured: Mapping[str, MetricValues]) -> None:
    """Write all rows in the order of the input table, to a .parquet or .csv file."""
    rows = sorted(
        (row for editor_values in measured.values() for row in editor_values.rows), key=lambda row: row["row"]
    )
    names = [name for name in rows[0] if name != "row"]
    schema = pa.schema([(name, pa.float64() if name in METRICS else pa.string()) for name in names])
    write_by_suffix(out, rows, schema)


def summary_lines(measured: Mapping[str, MetricValues]) -> list[str]:
    """Format the mean of each metric for each editor as a Markdown table, then the metrics that are not available."""
    first = next(iter(measured.values()))
    names = _names(first)
    head = [f"{METRICS[name].label} {'up' if METRICS[name].higher_is_better else 'down'}" for name in names]
    rows = []
    for editor, metrics in measured.items():
        means = (_mean(metrics, name) for name in names)
        cells = ["-" if mean is None else f"{mean:.4f}" for mean in means]
        count = sum(row["status"] == "measured" for row in metrics.rows)
        rows.append([markdown_cell(editor or "-"), str(count), *cells])
    return [*markdown_table(["editor", "images", *head], rows), *_notes(measured)]


def summary_json(measured: Mapping[str, MetricValues]) -> dict[str, Any]:
    """Return the means by editor, the reasons why metrics are not available, and the weights."""
    first = next(iter(measured.values()))
    return {
        "editors": {editor: _editor_json(metrics) for editor, metrics in measured.items()},
        "unavailable": dict(first.unavailable),
        "weights": dict(first.weights),
        "directions": {name: "higher" if METRICS[name].higher_is_better else "lower" for name in _names(first)},
    }


def _editor_json(metrics: MetricValues) -> dict[str, Any]:
    means = {name: _mean(metrics, name) for name in _names(metrics)}
    counts = {name: sum(row[name] is not None for row in metrics.rows) for name in means if name not in metrics.sets}
    measured = sum(row["status"] == "measured" for row in metrics.rows)
    infinite = _count_infinite(metrics)
    return {"rows": len(metrics.rows), "measured": measured, "means": means, "images": counts, "infinite": infinite}


def _names(metrics: MetricValues) -> list[str]:
    return [name for name in METRICS if name in metrics.sets or name in metrics.rows[0]]


def _mean(metrics: MetricValues, name: str) -> float | None:
    """Return the value of a set metric, or the mean of a metric over the images whose value is finite."""
    if name in metrics.sets:
        return metrics.sets[name]
    values = [row[name] for row in metrics.rows if row[name] is not None and isfinite(row[name])]
    return float(np.mean(values)) if values else None


def _count_infinite(metrics: MetricValues) -> dict[str, int]:
    """Count the images whose PSNR is infinite, by metric."""
    counts = {
        name: sum(row[name] is not None and isinf(row[name]) for row in metrics.rows)
        for name in _names(metrics)
        if name not in metrics.sets
    }
    return {name: count for name, count in counts.items() if count}


def _notes(measured: Mapping[str, MetricValues]) -> Iterator[str]:
    first = next(iter(measured.values()))
    yield from (f"{name}: not available: {reason}" for name, reason in first.unavailable.items())
    for editor, metrics in measured.items():
        for name, count in _count_infinite(metrics).items():
            yield f"{editor or '-'}: {count} images have an infinite {METRICS[name].label}; the mean leaves them out"
    bad = [row for metrics in measured.values() for row in metrics.rows if row["status"] != "measured"]
    for is_repeated, problem in ((True, "repeated rows, which count once"), (False, "rows that could not be measured")):
        if chosen := [row for row in bad if (row["status"] == "repeated") == is_repeated]:
            yield f"{problem}: {len(chosen)}; the first reason: {chosen[0]['reason']}"
