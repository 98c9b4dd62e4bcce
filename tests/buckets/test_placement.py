"""Tests of the drawing of pairs for the buckets."""

import numpy as np
import pyarrow as pa

from omniedit.buckets.placement import draw

IDS = [f"pair-{number}" for number in range(200)]


def ids(table: pa.Table) -> list[str]:
    return table["pair_id"].to_pylist()


def test_a_draw_has_its_number_of_pairs_in_their_order() -> None:
    drawn = ids(draw(pa.table({"pair_id": IDS}), 50))
    assert len(set(drawn)) == 50 and drawn == [each for each in IDS if each in set(drawn)]


def test_a_draw_depends_on_the_ids_and_not_on_their_order() -> None:
    mixed = [IDS[place] for place in np.random.default_rng(0).permutation(len(IDS))]
    assert set(ids(draw(pa.table({"pair_id": mixed}), 50))) == set(ids(draw(pa.table({"pair_id": IDS}), 50)))


def test_a_larger_draw_contains_a_smaller_one() -> None:
    table = pa.table({"pair_id": IDS})
    assert set(ids(draw(table, 50))) < set(ids(draw(table, 80)))


def test_all_pairs_stay_without_a_limit_or_below_it() -> None:
    table = pa.table({"pair_id": IDS})
    assert draw(table, None) is table and draw(table, 200) is table
