"""Swapped pairs by comparison with other pairs: an image that several pairs share is most likely their source."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import log

import numpy as np
from numpy.typing import NDArray

from omniedit.quality.hamming import Hashes
from omniedit.quality.signature_table import Signatures
from omniedit.tasks import Task

MADE_BY_REMOVAL = (str(Task.OBJECT_ADDITION), str(Task.OBJECT_REMOVAL))
"""Tasks without this evidence. Pairs of additions are often made by removal, so that the shared photo is their edited
image."""
MIN_SHARED_IMAGES = 2
"""Minimum number of other pairs that share an image. A single pair could equally be the next turn of a session."""


def swap_odds(pairs: Signatures, tasks: Sequence[str], sessions: Sequence[str | None]) -> NDArray[np.float32]:
    """Return the (N,) log-odds that pairs are swapped; 0 if there is no evidence.

    Positive if at least `MIN_SHARED_IMAGES` other pairs have the edited image as their source, and none has the source
    image; negative in the opposite case. Pairs of sessions, whose images recur by design, and pairs of
    `MADE_BY_REMOVAL` have 0.
    """
    as_source = _count(pairs.source_digest, pairs.source_digest)
    of_edited = _count(pairs.source_digest, pairs.edited_digest)
    others = as_source - 1
    counts = ~np.isin(np.asarray(tasks, dtype=object), MADE_BY_REMOVAL)
    counts &= np.array([session is None for session in sessions], bool)
    odds = np.zeros(len(pairs), np.float32)
    swapped = counts & (of_edited >= MIN_SHARED_IMAGES) & (others == 0)
    upright = counts & (others >= MIN_SHARED_IMAGES) & (of_edited == 0)
    odds[swapped], odds[upright] = np.log1p(of_edited[swapped]) + log(4), -np.log1p(others[upright]) - log(4)
    return odds


def find_swapped_turns(pairs: Signatures, turns: Mapping[str, Sequence[int]]) -> list[int]:
    """Return the rows of turns that break their session's chain and whose swapped images would repair it.

    In a chain, each turn's edited image is the next turn's source. A session needs at least three turns, because two
    edits of one photo also form a chain if the first one is swapped.

    Args:
        turns: rows of each session, in the order of its turns.
    """
    swapped = []
    for rows in turns.values():
        links = [(int(pairs.source_digest[row]), int(pairs.edited_digest[row])) for row in rows]
        if len(links) >= 3 and not _is_chain(links):
            flips = [[*links[:k], links[k][::-1], *links[k + 1 :]] for k in range(len(links))]
            swapped += [row for row, flipped in zip(rows, flips, strict=True) if _is_chain(flipped)]
    return swapped


def _is_chain(links: Sequence[tuple[int, int]]) -> bool:
    return all(edited == source for (_, edited), (source, _) in pairwise(links))


def _count(values: Hashes, keys: Hashes) -> NDArray[np.int64]:
    """Return the number of times that each key occurs among the values."""
    ordered = np.sort(values)
    return np.searchsorted(ordered, keys, side="right") - np.searchsorted(ordered, keys)
