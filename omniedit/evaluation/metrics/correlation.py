"""Agreement of metrics with people, as in VIEScore's table of metrics: Spearman's correlation with SC, PQ and O."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from omniedit.errors import UserError
from omniedit.evaluation.agreement import (
    SCORES,
    Agreement,
    Key,
    Rating,
    Scores,
    agreements,
    match_keys,
    no_common_images,
    read_ratings,
)
from omniedit.evaluation.agreement.protocol import AgreementProtocol
from omniedit.evaluation.agreement.ratings import build_key
from omniedit.evaluation.agreement.viescore_files import is_unrated
from omniedit.evaluation.metrics.registry import METRICS
from omniedit.plain_text import markdown_cell, markdown_table
from omniedit.storage.parquet import read_given


def is_measured(rows: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether rows are the output of `omniedit metrics`."""
    return bool(rows) and "status" in rows[0] and any(name in METRICS for name in rows[0])


def correlate_metrics(values: Path, ratings: Path, key: str, protocol: AgreementProtocol) -> dict[str, list[Agreement]]:
    """Compare each metric of a table with people's ratings.

    Args:
        values: table that `omniedit metrics` wrote; its columns `key`, model and task name the images.
        key: column that identifies pairs.

    Returns:
        For each metric a row for each task, then their mean. If lower is better for a metric, the signs of its
        correlations are reversed, so that a good metric has positive ones.

    Raises:
        UserError: the table has no column `key`, has two rows for one image, a value that is not a number, or no image
            in common with the ratings.
    """
    rows, rated = read_given(values), read_ratings(ratings, key)
    if rows and key not in rows[0]:
        raise UserError(f"{values}: lacks the column {key}; --key names the column that identifies pairs")
    images = _read_images(values, rows, key)
    by_metric = {name: _read_values(values, rows, name, images) for name in METRICS if rows and name in rows[0]}
    matched = {
        name: _match(values, metric_values, ratings, rated)
        for name, metric_values in by_metric.items()
        if metric_values
    }
    if not any(matched.values()):
        remedy = no_common_images(key, images, (rating.key for rating in rated))
        raise UserError(f"{values} and {ratings} have no image in common; {remedy}")
    return {
        name: agreements(rated, rank_scores(scores, METRICS[name].higher_is_better), protocol)
        for name, scores in matched.items()
        if scores
    }


def _read_images(values: Path, rows: Sequence[Mapping[str, Any]], key: str) -> list[Key]:
    """Return the key of each row.

    Raises:
        UserError: two rows have the same one, or as `build_key`.
    """
    lines: dict[Key, int] = {}
    for number, row in enumerate(rows, 1):
        first = lines.setdefault(build_key(values, number, row, key), number)
        if first != number:
            problem = f"{key} {row[key]!r} is in row {first} too"
            raise UserError(f"{values}: row {number}: {problem}; remove one, or name their editors in a column model")
    return list(lines)


def _read_values(values: Path, rows: Sequence[Mapping[str, Any]], name: str, images: Sequence[Key]) -> dict[Key, float]:
    """Return the values of a metric, without those of images that have none.

    Raises:
        UserError: a value is not a number.
    """
    cells = {image: row[name] for image, row in zip(images, rows, strict=True)}
    try:
        return {image: float(cell) for image, cell in cells.items() if not is_unrated(cell)}
    except ValueError as error:
        raise UserError(f"{values}: column {name}: {error}; correct or empty the cell") from None


def _match(
    values: Path, metric_values: Mapping[Key, float], ratings: Path, rated: Sequence[Rating]
) -> dict[Key, Scores]:
    matches = match_keys(ratings, {rating.key for rating in rated}, values, metric_values)
    return {own_key: dict.fromkeys(SCORES, metric_values[judge_key]) for own_key, judge_key in matches.items()}


def rank_scores(scores: Mapping[Key, Scores], higher_is_better: bool) -> dict[Key, Scores]:
    """Replace values by their ranks, starting with 1 for the worst; equal values share a rank.

    Rank correlations stay the same, and a protocol may combine the numbers, which are all positive.
    """
    values = np.array([image_scores["o"] for image_scores in scores.values()])
    _, ranks = np.unique(values if higher_is_better else -values, return_inverse=True)
    return {key: dict.fromkeys(SCORES, float(rank + 1)) for key, rank in zip(scores, ranks, strict=True)}


def correlation_lines(agreements: Mapping[str, Sequence[Agreement]], protocol: AgreementProtocol) -> list[str]:
    """Format agreement as a Markdown table: a row for each metric and task, and people's agreement with each other."""
    cells = [
        _cells(METRICS[name].label, row, row.judge, protocol.digits)
        for name, rows in agreements.items()
        for row in rows
    ]
    longest = max(agreements.values(), key=lambda rows: rows[-1].images)
    cells += [_cells("people", row, row.people, protocol.digits) for row in longest]
    table = markdown_table(("metric", "task", "images", "SC", "PQ", "O"), cells)
    return [*table, "signs of metrics for which lower is better are reversed", protocol.reason]


def correlations_json(agreements: Mapping[str, Sequence[Agreement]], protocol: AgreementProtocol) -> dict[str, Any]:
    """Return agreement by metric and task, with 95 % intervals."""
    metrics = {
        name: [
            {
                "task": row.task,
                "images": row.images,
                "correlations": dict(row.judge),
                "intervals": {score: row.judge_intervals.get(score) for score in SCORES},
            }
            for row in rows
        ]
        for name, rows in agreements.items()
    }
    return {"protocol": protocol.name, "metrics": metrics}


def _cells(label: str, row: Agreement, correlations: Mapping[str, float | None], digits: int) -> list[str]:
    cells = ["-" if (value := correlations[score]) is None else f"{value:.{digits}f}" for score in SCORES]
    return [label, markdown_cell(row.task), str(row.images), *cells]
