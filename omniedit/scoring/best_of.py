"""Best of several candidates of one request, by the judge's score."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from math import inf

HAND_PICKED = inf
"""Score of a candidate that a person has accepted. Only candidates with this score are then accepted."""

Request = tuple[str, str]
"""Digest of the source photo or image, and instruction."""


def find_lesser(requests: Sequence[Request], scores: Sequence[float | None], size: int) -> set[int]:
    """Return the rows that are not the best of their set; among equal scores, the first row is the best.

    The candidates of a request form sets of `size`, in order. The last set may be smaller.

    Args:
        requests: request of each row.
        scores: score of each row, `HAND_PICKED` or None; a row with None counts as a candidate, but is neither best nor
            lesser.
    """
    lesser: set[int] = set()
    for rows in _split_sets(requests, size):
        scored = {row: score for row in rows if (score := scores[row]) is not None}
        best = max(scored, key=lambda row: scored[row], default=None)
        lesser |= {row for row, score in scored.items() if row != best and score != HAND_PICKED}
    return lesser


def _split_sets(requests: Sequence[Request], size: int) -> Iterable[list[int]]:
    """Return the rows of each set."""
    sets: dict[tuple[Request, int], list[int]] = defaultdict(list)
    number: Counter[Request] = Counter()
    for row, request in enumerate(requests):
        sets[request, number[request] // size].append(row)
        number[request] += 1
    return sets.values()
