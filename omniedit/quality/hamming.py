"""Search for 64-bit hashes within a Hamming radius, exact and without comparing all pairs.

Two hashes that differ in at most six bits agree in at least two of their eight bytes (pigeonhole principle; multi-index
hashing of Norouzi et al. 2012). Each of the 28 pairs of bytes is a table: the hashes are sorted by these two bytes, and
only neighbours that share them are compared. The time is quadratic only in the number of distinct hashes of one bucket.
"""

from collections.abc import Iterator
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
"""(N,) hashes of 64 bits."""
MAX_RADIUS = 6
"""Maximum radius; up to it, at least two of eight bytes agree."""
_TABLES = tuple(combinations(range(8), 2))
_CHUNK = 1 << 15
"""Number of hashes that are compared at once; 256 KiB stay in the processor's cache."""
_EXPANDED = 1 << 20
"""Number of elements to compare at once."""
_TOP_16 = np.uint64(48)


def find_close_pairs(hashes: Hashes, radius: int) -> Iterator[tuple[Hashes, Hashes]]:
    """Yield all pairs of distinct values with at most `radius` different bits, each once, in chunks.

    Args:
        hashes: sorted, without repeated values (`np.unique`).
        radius: at most `MAX_RADIUS`.
    """
    _check_radius(radius)
    for table, chosen in enumerate(_TABLES):
        order = _byte_order(chosen)
        ordered = np.sort(_move_bytes(hashes, order))
        back = np.argsort(order)
        for first, second in _near_neighbours(ordered, radius):
            first, second = _move_bytes(first, back), _move_bytes(second, back)
            is_new = _first_table(first ^ second) == table
            if is_new.any():
                yield first[is_new], second[is_new]


def find_close_matches(left: Hashes, right: Hashes, radius: int) -> Iterator[tuple[Hashes, Hashes]]:
    """Yield all pairs of a value of `left` and a value of `right` that differ in at most `radius` bits, in chunks.

    Fast if `right` is small. Neither array may repeat a value. Equal values count as a pair.
    """
    _check_radius(radius)
    for table, chosen in enumerate(_TABLES):
        order, back = _byte_order(chosen), np.argsort(_byte_order(chosen))
        ordered = np.sort(_move_bytes(right, order))
        starts = np.searchsorted(ordered >> _TOP_16, np.arange(0x10001, dtype=np.uint64))
        moved = _move_bytes(left, order)
        for first, second in _expand_buckets(moved, ordered, starts):
            is_near = np.bitwise_count(first ^ second) <= radius
            first, second = _move_bytes(first[is_near], back), _move_bytes(second[is_near], back)
            is_new = _first_table(first ^ second) == table
            if is_new.any():
                yield first[is_new], second[is_new]


def _check_radius(radius: int) -> None:
    if not 0 <= radius <= MAX_RADIUS:
        raise ValueError(f"a radius of {radius} bits cannot be searched; give one between 0 and {MAX_RADIUS}")


def _byte_order(chosen: tuple[int, int]) -> NDArray[np.intp]:
    """Return the order of bytes, least significant first, that puts the chosen two on top."""
    rest = [byte for byte in range(8) if byte not in chosen]
    return np.array([*rest, *chosen])


def _move_bytes(hashes: Hashes, order: NDArray[np.intp]) -> Hashes:
    """Return each hash with its bytes in another order, which changes no distance."""
    return np.ascontiguousarray(hashes.view(np.uint8).reshape(-1, 8)[:, order]).view(np.uint64).ravel()


def _near_neighbours(ordered: Hashes, radius: int) -> Iterator[tuple[Hashes, Hashes]]:
    """Yield the pairs of a sorted array that share their top 16 bits and differ in at most `radius` bits."""
    for start in range(0, len(ordered), _CHUNK):
        chunk = ordered[start : start + _CHUNK]
        last = np.searchsorted(ordered, chunk[-1] | np.uint64((1 << 48) - 1), side="right")
        ahead = ordered[start:last]
        for distance in range(1, len(ahead)):
            lower, upper = chunk[: len(ahead) - distance], ahead[distance : distance + len(chunk)]
            near = np.flatnonzero(np.bitwise_count(lower ^ upper) <= radius)
            if len(near):
                yield lower[near], upper[near]
            if distance % 16 == 0 and not ((lower ^ upper) >> _TOP_16 == 0).any():
                break


def _expand_buckets(moved: Hashes, ordered: Hashes, starts: NDArray[np.intp]) -> Iterator[tuple[Hashes, Hashes]]:
    """Yield each value of `moved` with all values of `ordered` in its bucket, `_EXPANDED` at a time where possible."""
    bucket = (moved >> _TOP_16).astype(np.intp)
    counts = (starts[1:] - starts[:-1])[bucket]
    filled = np.flatnonzero(counts)
    counts, begins, values = counts[filled], starts[bucket[filled]], moved[filled]
    for some, number, within in blocks(counts):
        yield np.repeat(values[some], number), ordered[np.repeat(begins[some], number) + within]


def blocks(counts: NDArray[np.intp]) -> Iterator[tuple[slice, NDArray[np.intp], NDArray[np.intp]]]:
    """Yield groups as (slice of groups, their sizes, place of each element within its group).

    Args:
        counts: number of elements of each group. A block has at most `_EXPANDED` elements, or one group.
    """
    ends = np.cumsum(counts)
    low = 0
    while low < len(counts):
        done = ends[low - 1] if low else 0
        high = max(low + 1, int(np.searchsorted(ends, done + _EXPANDED, side="right")))
        number = counts[low:high]
        yield slice(low, high), number, np.arange(number.sum()) - np.repeat(ends[low:high] - number - done, number)
        low = high


def _first_table(difference: Hashes) -> NDArray[np.intp]:
    """Return the first table in which two hashes meet, given their bitwise difference; 28 if there is none."""
    equal = difference.view(np.uint8).reshape(-1, 8) == 0
    meet = np.stack([equal[:, a] & equal[:, b] for a, b in _TABLES], axis=-1)
    return np.where(meet.any(axis=-1), meet.argmax(axis=-1), len(_TABLES))
