"""Selection of pairs from the index: filters and order."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from omniedit.scoring.human_decisions import Decision, HandDecision

ORDERS = ("file", "best", "worst")
BY_HAND = {"accepted": Decision.ACCEPT, "rejected": Decision.REJECT, "none": None}
"""Values of the filter by decisions of people, and the decisions that they select."""


@dataclass(frozen=True)
class IndexQuery:
    """Filters of the index; an empty text or None selects all.

    Args:
        text: part of a pair id or of a source id.
        least, most: limits of the score; if either is set, pairs without a score are left out.
        by_hand: a key of `BY_HAND`.
        order: one of `ORDERS`: as stored, highest score first, or lowest score first; pairs without a score come last.
    """

    task: str = ""
    reason: str = ""
    judge: str = ""
    ratio: str = ""
    text: str = ""
    least: float | None = None
    most: float | None = None
    by_hand: str = ""
    order: str = "file"


def select(index: pa.Table, query: IndexQuery, by_hand: Mapping[str, HandDecision]) -> NDArray[np.int64]:
    """Return the numbers of the rows that a query selects, in its order."""
    chosen_N = np.full(len(index), True)
    for name in ("task", "reason", "judge", "ratio"):
        if value := getattr(query, name):
            chosen_N &= _mask(pc.equal(index[name], value))
    if query.text:
        matches = [pc.match_substring(index[name].cast(pa.string()), query.text, ignore_case=True) for name in _TEXTS]
        chosen_N &= _mask(matches[0]) | _mask(matches[1])
    scores_N = index["score"].to_numpy()
    for limit, compare in ((query.least, np.greater_equal), (query.most, np.less_equal)):
        if limit is not None:
            chosen_N &= compare(scores_N, limit)
    if query.by_hand:
        chosen_N &= _select_by_hand(index, BY_HAND[query.by_hand], by_hand)
    return _sort(np.flatnonzero(chosen_N), scores_N, query.order)


_TEXTS = ("pair_id", "source")


def _mask(column: pa.ChunkedArray) -> NDArray[np.bool_]:
    return column.fill_null(False).to_numpy().astype(bool)


def _select_by_hand(
    index: pa.Table, decision: Decision | None, by_hand: Mapping[str, HandDecision]
) -> NDArray[np.bool_]:
    """Return a mask of the pairs with this decision by hand; if `decision` is None, of the pairs without one."""
    ids = [pair_id for pair_id, hand_decision in by_hand.items() if decision in (None, hand_decision.decision)]
    found_N = _mask(pc.is_in(index["pair_id"], pa.array(ids, pa.string())))
    return ~found_N if decision is None else found_N


def _sort(rows: NDArray[np.int64], scores_N: NDArray[np.float64], order: str) -> NDArray[np.int64]:
    """Sort rows by score; NaN, for no score, sorts last in both directions."""
    if order == "file":
        return rows
    scores = scores_N[rows]
    return rows[np.argsort(-scores if order == "best" else scores, kind="stable")]
