"""Protocol of the benchmarks that have only metrics and no judge."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from omniedit.evaluation.bench.protocol import GroupRow, ItemRow, Protocol, show_edit
from omniedit.evaluation.bench.sets.averages import pick


def measure_only(
    metrics: tuple[str, ...], aggregate: Callable[[Sequence[ItemRow]], list[GroupRow]], missing: str
) -> Protocol:
    """Return the protocol whose columns are metrics.

    Args:
        metrics: names in `omniedit.evaluation.metrics`.
        missing: as in `Protocol`.
    """
    return Protocol(
        judge="",
        columns=metrics,
        show=show_edit,
        combine=partial(combine_metrics, metrics),
        aggregate=aggregate,
        missing=missing,
        scale="as each metric",
        metrics=metrics,
    )


def combine_metrics(metrics: Sequence[str], row: ItemRow) -> Mapping[str, float]:
    """Return the metrics that a row has."""
    return pick(row, {name: name for name in metrics})
