"""Growth of a store: earlier pairs keep their rows when others are added."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from omniedit.aspect import RATIOS
from omniedit.buckets.placement import BucketSettings, EarlierPlacement, Plan, hash_ids, index_texts
from omniedit.buckets.store_layout import HELD_OUT

COLUMNS = ("pair_id", "ratio", "row", "part", "split")
"""Columns of a plan that growth needs; the others would take another 0.2 GB of memory for five million pairs."""


def find_earlier_placement(accepted: pa.Table, layout: BucketSettings, earlier: Plan) -> EarlierPlacement | None:
    """Return the placement of an earlier plan's pairs; None if one is no longer accepted, or if the layout differs.

    A larger number of parts does not count as a different layout. Pairs are matched by 64 bits of a hash of their ids,
    because a table of the ids themselves needs gigabytes. Two of five million ids collide with a probability of one in
    a million.
    """
    if replace(earlier.layout, parts=layout.parts) != layout or earlier.layout.parts > layout.parts:
        return None
    table = earlier.table
    index = _match(hash_ids(table["pair_id"], str(layout.seed)), hash_ids(accepted["pair_id"], str(layout.seed)))
    if index is None or (index_texts(accepted["ratio"], RATIOS)[index] != index_texts(table["ratio"], RATIOS)).any():
        return None
    row, part = (np.full(len(accepted), -1, np.int32) for _ in range(2))
    held_out = np.zeros(len(accepted), bool)
    row[index], held_out[index] = table["row"], pc.equal(table["split"], HELD_OUT)
    part[index] = index_texts(table["part"], [f"{part:05d}" for part in range(layout.parts)])
    return EarlierPlacement(row, part, held_out)


def _match(wanted: np.ndarray, known: np.ndarray) -> np.ndarray | None:
    """Return the index of each value of `wanted` in `known`, or None if one is missing."""
    order = np.argsort(known)
    found = np.searchsorted(known, wanted, sorter=order)
    if len(wanted) > len(known) or (found == len(known)).any():
        return None
    index = order[found]
    return index if (known[index] == wanted).all() else None
