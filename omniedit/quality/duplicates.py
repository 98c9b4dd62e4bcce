"""Duplicates among the pairs of a run, in all shards: exact, near, and mirrored left to right.

Two pairs are duplicates if their sources are near, their edited images are near, and the changes from source to edited
image are the same. The same source with another edit is not a duplicate.

Policy: exact duplicates are searched first, then near pairs, then mirrored ones, because a run may reject only the
    first of these kinds. For each kind, pairs are visited in their order. A pair is a duplicate of the first near pair
    that is kept. A
pair that is near only to duplicates is kept. So no chain of small differences removes a pair that differs from all kept
pairs.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from omniedit.quality.hamming import MAX_RADIUS, Hashes, blocks, find_close_pairs
from omniedit.quality.hashes import (
    CHANGE_RADIUS,
    are_near_duplicates,
    levels_match,
    mirror,
    mirror_changes,
    search_keys,
)
from omniedit.quality.signature_table import Signatures

Rows = NDArray[np.int64]
EXACT, SAME_IMAGES, NEAR, MIRRORED = "exact", "same images, other instruction", "near", "mirrored"
MAX_NEIGHBOURS = 16
"""Number of earlier neighbours to remember for each pair when memory is short."""
_MAX_EDGES = 20_000_000
"""Maximum number of edges (two near pairs) in memory: 320 MB."""
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Duplicate:
    """Pair that repeats another.

    Args:
        row, original: rows in the signatures. The original is not a duplicate of the same or a stricter kind.
        kind: EXACT, SAME_IMAGES, NEAR or MIRRORED, from strict to loose.
    """

    row: int
    original: int
    kind: str


def find_duplicates(pairs: Signatures, mirrored: bool = True) -> list[Duplicate]:
    """Return the duplicates in the order of their rows.

    Pairs are compared if their sources, or their edited images, differ in at most `MAX_RADIUS` bits.

    Args:
        mirrored: whether a mirrored pair is a duplicate.
    """
    exact = _find_exact(pairs)
    stays = np.ones(len(pairs), bool)
    stays[[duplicate.row for duplicate in exact]] = False
    nodes = np.flatnonzero(stays & ~pairs.plain)
    near = _find_near(pairs, nodes, mirrored)
    return sorted(exact + near, key=lambda duplicate: duplicate.row)


def _find_exact(pairs: Signatures) -> list[Duplicate]:
    row, original = _repeats(np.arange(len(pairs)), pairs.source_digest, pairs.edited_digest)
    same = pairs.instruction[row] == pairs.instruction[original]
    kinds = np.where(same, EXACT, SAME_IMAGES).tolist()
    return [Duplicate(*fields) for fields in zip(row.tolist(), original.tolist(), kinds, strict=True)]


def _repeats(rows: Rows, *keys: Hashes) -> tuple[Rows, Rows]:
    """Return the rows that repeat the keys of an earlier row, and the first row with the same keys."""
    order = np.lexsort(keys)
    differs = np.zeros(max(0, len(rows) - 1), bool)
    for key in keys:
        differs |= key[order][1:] != key[order][:-1]
    starts = np.flatnonzero(np.concatenate([[True], differs])) if len(rows) else np.zeros(0, np.intp)
    firsts = np.repeat(order[starts], np.diff(np.append(starts, len(rows))))
    repeated = order != firsts
    return rows[order[repeated]], rows[firsts[repeated]]


def _find_near(pairs: Signatures, nodes: Rows, mirrored: bool) -> list[Duplicate]:
    """Return the near and mirrored duplicates among rows in ascending order."""
    keys = pairs.source_key[nodes], pairs.edited_key[nodes], pairs.change_hash[nodes]
    same, first = _repeats(nodes, *keys)
    equal = levels_match(pairs.change_levels[same], pairs.change_levels[first])
    same, first = same[equal], first[equal]
    nodes = nodes[~np.isin(nodes, same)]
    edges = _Edges()
    for side in ("edited", "source"):
        for earlier, later, is_mirrored in _near_nodes(_Search(pairs, nodes, side, mirrored)):
            edges.add(earlier, later, is_mirrored)
    duplicates = {duplicate.row: duplicate for duplicate in _keep_first(nodes, edges)}
    # Rows with equal keys follow their first row, if that is a near duplicate itself.
    followers = zip(same.tolist(), first.tolist(), strict=True)
    near = {row: duplicate for row, duplicate in duplicates.items() if duplicate.kind == NEAR}
    equals = [replace(near[one], row=row) if one in near else Duplicate(row, one, NEAR) for row, one in followers]
    return [*duplicates.values(), *equals]


def _keep_first(nodes: Rows, edges: "_Edges") -> list[Duplicate]:
    """Apply the policy to near nodes. Edges index `nodes`."""
    earlier, later, is_mirrored = edges.merge()
    duplicates: dict[int, Duplicate] = {}
    for kind, chosen in ((NEAR, ~is_mirrored), (MIRRORED, is_mirrored)):
        one, two = earlier[chosen], later[chosen]
        order = np.lexsort((one, two))
        for first, second in zip(one[order].tolist(), two[order].tolist(), strict=True):
            if first not in duplicates and second not in duplicates:
                duplicates[second] = Duplicate(int(nodes[second]), int(nodes[first]), kind)
    return list(duplicates.values())


class _Edges:
    """Near nodes as (earlier, later, mirrored), in bounded memory."""

    def __init__(self) -> None:
        self._parts: list[tuple[Rows, Rows, NDArray[np.bool_]]] = []
        self._count = 0

    def add(self, earlier: Rows, later: Rows, mirrored: NDArray[np.bool_]) -> None:
        self._parts.append((earlier, later, mirrored))
        self._count += len(earlier)
        if self._count > _MAX_EDGES:
            self._parts = [self._nearest()]
            self._count = len(self._parts[0][0])

    def merge(self) -> tuple[Rows, Rows, NDArray[np.bool_]]:
        empty = np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, bool)
        earlier, later, mirrored = zip(empty, *self._parts, strict=True)
        return np.concatenate(earlier), np.concatenate(later), np.concatenate(mirrored)

    def _nearest(self) -> tuple[Rows, Rows, NDArray[np.bool_]]:
        """Return the edges of each later node to its first `MAX_NEIGHBOURS`."""
        earlier, later, mirrored = self.merge()
        order = np.lexsort((earlier, later))
        starts = np.flatnonzero(np.diff(later[order], prepend=-1))
        place = np.arange(len(order)) - np.repeat(starts, np.diff(np.append(starts, len(order))))
        near = order[place < MAX_NEIGHBOURS]
        return earlier[near], later[near], mirrored[near]


@dataclass(frozen=True)
class _Search:
    """Nodes to compare, in ascending order, and the elements that are searched: each node, and its mirror image.

    Element e < N is node e; element N + n is the mirror image of node n. It suffices that candidates have near keys on
    one side: a crop of 2 % moves at least one of the two images beyond the radius in 15 % of the pairs, but both in
    only 1 %.

    Args:
        side: 'source' or 'edited', whose keys are searched.
    """

    pairs: Signatures
    nodes: Rows
    side: str
    mirrored: bool

    @cached_property
    def _sorted(self) -> tuple[Hashes, Rows]:
        keys = getattr(self.pairs, f"{self.side}_key")[self.nodes]
        if self.mirrored:
            keys = np.concatenate([keys, self._mirrored_keys()])
        order = np.argsort(keys, kind="stable")
        return keys[order], order

    def _mirrored_keys(self) -> Hashes:
        hashes = getattr(self.pairs, f"{self.side}_hash")
        parts = (self.nodes[start : start + _CHUNK] for start in range(0, len(self.nodes), _CHUNK))
        return np.concatenate([np.zeros(0, np.uint64), *(search_keys(mirror(hashes[part])) for part in parts)])

    @cached_property
    def values(self) -> Hashes:
        return np.unique(self._sorted[0])

    @property
    def elements(self) -> Rows:
        """Elements, sorted by key."""
        return self._sorted[1]

    @cached_property
    def starts(self) -> Rows:
        """Index in `elements` at which each value begins, and the end of the last one."""
        return np.append(np.searchsorted(self._sorted[0], self.values), len(self.elements))

    def check(self, one: Rows, two: Rows) -> tuple[Rows, Rows, NDArray[np.bool_]]:
        """Return the elements that are near in both images and in the change, as nodes (earlier, later, mirrored)."""
        count = len(self.nodes)
        one, two = np.minimum(one, two), np.maximum(one, two)
        flipped = two >= count
        earlier, later = one, np.where(flipped, two - count, two)
        checked = (one < count) & (earlier < later)
        earlier, later, flipped = earlier[checked], later[checked], flipped[checked]
        for flip in (False, True):
            chosen = np.flatnonzero(flipped == flip)
            near = self._are_near(self.nodes[earlier[chosen]], self.nodes[later[chosen]], flip)
            keep = np.ones(len(earlier), bool)
            keep[chosen[~near]] = False
            earlier, later, flipped = earlier[keep], later[keep], flipped[keep]
        return earlier, later, flipped

    def _are_near(self, one: Rows, two: Rows, flip: bool) -> NDArray[np.bool_]:
        pairs = self.pairs
        change = mirror_changes(pairs.change_hash[two]) if flip else pairs.change_hash[two]
        near = np.bitwise_count(pairs.change_hash[one] ^ change) <= CHANGE_RADIUS
        near &= levels_match(pairs.change_levels[one], pairs.change_levels[two])
        for hashes in (pairs.source_hash, pairs.edited_hash):
            candidates = np.flatnonzero(near)
            second = mirror(hashes[two[candidates]]) if flip else hashes[two[candidates]]
            near[candidates] = are_near_duplicates(hashes[one[candidates]], second)
        return near


def _near_nodes(search: _Search) -> Iterator[tuple[Rows, Rows, NDArray[np.bool_]]]:
    """Yield near nodes in chunks as (earlier, later, mirrored)."""
    for one, two in _equal_elements(search):
        yield search.check(one, two)
    for first, second in find_close_pairs(search.values, MAX_RADIUS):
        places = np.searchsorted(search.values, first), np.searchsorted(search.values, second)
        for one, two in _expand(search, *places):
            yield search.check(one, two)


def _equal_elements(search: _Search) -> Iterator[tuple[Rows, Rows]]:
    """Yield the pairs of elements with the same key, at most `len(elements)` at once."""
    ends = np.repeat(search.starts[1:], np.diff(search.starts))
    places = np.arange(len(search.elements))
    distance = 1
    while len(places := places[places + distance < ends[places]]):
        yield search.elements[places], search.elements[places + distance]
        distance += 1


def _expand(search: _Search, first: Rows, second: Rows) -> Iterator[tuple[Rows, Rows]]:
    """Yield each element of one value with each of another, for values given by index."""
    counts = np.diff(search.starts)
    for some, number, within in blocks(counts[first] * counts[second]):
        width = np.repeat(counts[second[some]], number)
        one = np.repeat(search.starts[first[some]], number) + within // width
        two = np.repeat(search.starts[second[some]], number) + within % width
        yield search.elements[one], search.elements[two]
