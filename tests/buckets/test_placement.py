"""Tests of the accepted pairs of a plan: reading and drawing."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from omniedit.buckets.placement import draw, read_accepted
from omniedit.errors import UserError
from omniedit.scoring.filter import GATHERED_SCHEMA
from omniedit.storage.parquet import write_rows

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


def test_accepted_pairs_of_several_files_follow_each_other(tmp_path: Path) -> None:
    files = [write_decisions(tmp_path / f"{block}.parquet", f"b{block}", "ynyy") for block in range(2)]
    accepted = read_accepted(files)
    assert ids(accepted) == ["b0-0", "b0-2", "b0-3", "b1-0", "b1-2", "b1-3"]
    assert set(accepted["folder"].to_pylist()) == {"object_swap"}


@pytest.mark.parametrize(
    ("kept", "reason"),
    [
        ("nn", r"no pair is accepted \(0 of 4, best O 1\.00\); lower filter\.min_score"),
        ("--", "0 of 4, none was scored"),
        ("", "no candidate pairs: no photo suits any task"),
    ],
    ids=["rejected", "not scored", "empty"],
)
def test_files_without_an_accepted_pair_raise_an_error(kept: str, reason: str, tmp_path: Path) -> None:
    files = [write_decisions(tmp_path / f"{block}.parquet", f"b{block}", kept) for block in range(2)]
    with pytest.raises(UserError, match=reason):
        read_accepted(files)


def write_decisions(path: Path, name: str, kept: str) -> Path:
    """Write gathered decisions, one pair for each letter of `kept`: y is accepted, - has no score. O is its number."""
    scores = [None if each == "-" else n for n, each in enumerate(kept)]
    rows = [
        {"pair_id": f"{name}-{n}", "kept": each == "y", "reason": "", "o_score": score, "row": n, "ratio": "1x1"}
        | {"task": "object_swap", "folder": "object_swap", "shard": "00000"}
        for n, (each, score) in enumerate(zip(kept, scores, strict=True))
    ]
    write_rows(path, rows, GATHERED_SCHEMA)
    return path
