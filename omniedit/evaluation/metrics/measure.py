"""Measurement of edited images by several metrics, in batches. For a sample that cannot be read, the reason is
recorded."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from math import isnan
from typing import Any

import numpy as np

from omniedit.errors import UserError
from omniedit.evaluation.bench.item import BenchItem, ImageFile
from omniedit.evaluation.metrics.metric import Features, ImageMetric, Sample, SetMetric
from omniedit.evaluation.metrics.networks import Networks, NotAvailable
from omniedit.evaluation.metrics.registry import HUMAN_ONLY, METRICS
from omniedit.imaging.images import decode_image, decode_mask
from omniedit.tasks import DEMONSTRATION

SUBJECTS = ("subject", DEMONSTRATION)
"""Prefixes of the roles of references that are photographs of the subject."""
BATCH = 16
"""Number of samples in memory."""


@dataclass(frozen=True)
class BadSample:
    """Sample that cannot be measured.

    Args:
        status: kind of failure, one word or two.
        reason: problem and remedy.
    """

    status: str
    reason: str


Load = Callable[[], Sample | BadSample]
"""Function that reads the images of a sample."""


@dataclass(frozen=True)
class MetricValues:
    """Values of metrics.

    Args:
        rows: for each sample `status`, `reason` and the values by metric; None for a missing value.
        sets: values of set metrics; None if there are too few images.
        unavailable: reasons of the metrics that cannot be computed here. They have no column.
        weights: sources of the weights, by network.
    """

    rows: Sequence[Mapping[str, Any]]
    sets: Mapping[str, float | None] = field(default_factory=dict)
    unavailable: Mapping[str, str] = field(default_factory=dict)
    weights: Mapping[str, str] = field(default_factory=dict)


def measure(
    items: Sequence[BenchItem],
    edits: Mapping[str, ImageFile | str],
    metrics: Sequence[str],
    networks: Networks | None = None,
) -> MetricValues:
    """Measure one editor's edits of a benchmark's items; rows also have `item_id` and `task`.

    Args:
        edits: for each item's id the edited image, or the reason of the editor's failure. An item without an entry was
            not edited.

    Raises:
        UserError: as in `choose`.
    """
    measured = measure_samples(
        [partial(read_sample, item, edits.get(item.item_id)) for item in items], metrics, networks
    )
    keys = [{"item_id": item.item_id, "task": item.task} for item in items]
    rows = [key | dict(row) for key, row in zip(keys, measured.rows, strict=True)]
    return MetricValues(rows, measured.sets, measured.unavailable, measured.weights)


def measure_samples(loads: Iterable[Load], metrics: Sequence[str], networks: Networks | None = None) -> MetricValues:
    """Measure samples, which are read a batch at a time.

    Raises:
        UserError: as in `choose`.
    """
    networks = networks or Networks()
    chosen, unavailable = choose(metrics, networks)
    image_metrics = [metric for metric in chosen if isinstance(metric, ImageMetric)]
    set_metrics = [metric for metric in chosen if isinstance(metric, SetMetric)]
    rows: list[dict[str, Any]] = []
    features = _Features(networks)
    remaining = iter(loads)
    while samples := [load() for load in islice(remaining, BATCH)]:
        good = [sample for sample in samples if isinstance(sample, Sample)]
        values = {metric.name: iter(_measure_batch(metric, good, networks)) for metric in image_metrics}
        rows += [_row(sample, values) for sample in samples]
        features.add(set_metrics, good)
    weights = {name: networks.describe(name) for metric in chosen for name in metric.networks}
    return MetricValues(rows, features.compare(set_metrics), unavailable, weights)


def choose(names: Sequence[str], networks: Networks) -> tuple[list[ImageMetric | SetMetric], dict[str, str]]:
    """Return the metrics that can be computed here, and the reasons of the others.

    Raises:
        UserError: no metric has one of the names.
    """
    if unknown := [name for name in names if name not in METRICS and name not in HUMAN_ONLY]:
        raise UserError(f"no metric {unknown[0]!r}; the metrics are: {', '.join(METRICS)}")
    chosen: list[ImageMetric | SetMetric] = []
    unavailable = {}
    for name in dict.fromkeys(names):
        if name in HUMAN_ONLY:
            unavailable[name] = HUMAN_ONLY[name]
            continue
        try:
            for network in METRICS[name].networks:
                networks[network]
        except NotAvailable as reason:
            unavailable[name] = str(reason)
        else:
            chosen.append(METRICS[name])
    return chosen, unavailable


class _Features:
    """Features of all samples so far, for set metrics. The features of a network are computed once."""

    def __init__(self, networks: Networks) -> None:
        self._networks = networks
        self._pairs: dict[Any, list[tuple[Features, Features]]] = defaultdict(list)

    def add(self, metrics: Sequence[SetMetric], samples: Sequence[Sample]) -> None:
        for embed, needs in {metric.embed: metric.needs for metric in metrics}.items():
            if usable := [sample for sample in samples if not sample.lacks(needs)]:
                self._pairs[embed].append(embed(usable, self._networks))

    def compare(self, metrics: Sequence[SetMetric]) -> dict[str, float | None]:
        return {metric.name: self._compare(metric) for metric in metrics}

    def _compare(self, metric: SetMetric) -> float | None:
        pairs = self._pairs[metric.embed]
        if not pairs:
            return None
        return _known(metric.compare(*(np.concatenate(side) for side in zip(*pairs, strict=True))))


def _measure_batch(metric: ImageMetric, samples: Sequence[Sample], networks: Networks) -> Iterator[float | None]:
    """Yield the value of each sample; None for a sample that lacks an input of the metric."""
    usable = [sample for sample in samples if not sample.lacks(metric.needs)]
    values = iter(metric.measure(usable, networks) if usable else [])
    for sample in samples:
        yield None if sample.lacks(metric.needs) else _known(next(values))


def _row(sample: Sample | BadSample, values: Mapping[str, Iterator[float | None]]) -> dict[str, Any]:
    if isinstance(sample, BadSample):
        return {"status": sample.status, "reason": sample.reason} | dict.fromkeys(values)
    return {"status": "measured", "reason": ""} | {name: next(column) for name, column in values.items()}


def _known(value: float) -> float | None:
    return None if isnan(value) else float(value)


def read_sample(item: BenchItem, edit: ImageFile | str | None) -> Sample | BadSample:
    """Read the images of an item and its edit."""
    if edit is None or isinstance(edit, str):
        return BadSample("failed", edit or "the editor has no output for this item")
    try:
        return Sample(
            decode_image(edit(), "edited image"),
            decode_image(item.source(), "source image"),
            decode_image(item.target(), "target image") if item.target else None,
            decode_mask(item.mask(), "mask") if item.mask else None,
            item.captions.source,
            item.captions.edited,
            item.extra.get("foreground"),
            tuple(decode_image(read(), role) for role, read in item.references if role.startswith(SUBJECTS)),
        ).checked()
    except (UserError, OSError) as error:
        return BadSample("bad image", str(error))
