"""Tests that benchmark photos leave training photos in every ratio, and the rest is dealt evenly."""

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniedit.aspect import RATIOS
from omniedit.errors import UserError
from omniedit.sources.listing import list_files
from omniedit.sources.photo_index import SAMPLE, IndexRow, PhotoRequirements, index_rows
from omniedit.sources.shard_assignment import deal, hold_out

BOX = [0, 0, 1, 1]


def photo(name: str, ratio: str, named: bool) -> IndexRow:
    objects = json.dumps([{"name": "x", "box": BOX}] if named else [])
    digest = hashlib.sha256(name.encode()).hexdigest()
    return {"source_id": name, "status": "kept", "ratio": ratio, "objects": objects, "sha256": digest}


photos = st.lists(st.tuples(st.sampled_from(list(RATIOS)), st.booleans()), min_size=1, max_size=30).map(
    lambda drawn: [photo(f"p{i}", ratio, named) for i, (ratio, named) in enumerate(drawn)]
)


@given(photos, st.integers(1, 4), st.integers(1, 5), st.integers(0, 9), st.randoms())
def test_deal_is_even_deterministic_and_keeps_every_ratio_in_training(
    rows: list[IndexRow], shards: int, bench: int, seed: int, random
) -> None:
    if len(rows) < bench + shards:
        with pytest.raises(UserError, match="too few"):
            deal(rows, shards, bench, seed)
        return
    dealt = deal(rows, shards, bench, seed)
    shard_of = {row["source_id"]: row["shard"] for row in dealt}
    counts = [list(shard_of.values()).count(f"{number:05d}") for number in range(shards)]
    assert list(shard_of.values()).count("bench") == bench and sum(counts) == len(rows) - bench
    assert max(counts) - min(counts) <= 1

    shuffled = random.sample(rows, len(rows))
    assert {row["source_id"]: row["shard"] for row in deal(shuffled, shards, bench, seed)} == shard_of

    ratios = {row["ratio"] for row in rows}
    held = [row for row in rows if shard_of[row["source_id"]] == "bench"]
    trained = (
        {row["ratio"] for row in rows}
        if not held
        else {row["ratio"] for row in rows if shard_of[row["source_id"]] != "bench"}
    )
    spare = len(rows) - len(ratios)
    assert len(ratios - trained) == max(0, bench - spare)


def test_rejected_rows_are_not_dealt() -> None:
    refused = {"source_id": None, "status": "refused", "file": "x"}
    dealt = deal([photo("a", "1x1", True), refused, photo("b", "1x1", True)], 1, 1, 0)
    assert "shard" not in dealt[1] and {dealt[0]["shard"], dealt[2]["shard"]} == {"bench", "00000"}


def test_sample_benchmark_is_the_two_spare_photos_with_named_objects() -> None:
    rows = list(index_rows(SAMPLE, list_files(SAMPLE), PhotoRequirements(1_000_000, 4_000_000, 0.15, "centre")))
    for seed in range(5):
        dealt = deal(rows, 1, 2, seed)
        assert {row["source_id"] for row in dealt if row["shard"] == "bench"} == {"mountain_meadow", "paint_brushes"}


def test_twin_of_a_benchmark_photo_is_in_no_shard() -> None:
    rows = [photo(f"p{number}", "1x1", False) | {"file": f"p{number}.jpg"} for number in range(6)]
    hashes = [f"{number:036x}" for number in (0, *(((1 << 140) - 1) // 3 << shift for shift in range(5)))]
    (bench,) = [row["source_id"] for row in deal(rows, 1, 1, 0) if row["shard"] == "bench"]
    others = [row for row in rows if row["source_id"] != bench]
    twin = others[0]["source_id"]
    for row in rows:
        row["phash"] = hashes[0] if row["source_id"] == bench else hashes[rows.index(row) % 5 + 1]
    others[0]["phash"] = f"{0b111:036x}"
    for dealt in (deal(rows, 1, 1, 0), hold_out([row | {"shard": "00000"} for row in rows], 1, 0)):
        refused = [row for row in dealt if row["status"] == "refused"]
        assert [row["reason"] for row in refused] == [
            f"a resized or re-encoded copy of {bench}.jpg, which is held out for the benchmark"
        ]
        assert twin not in [row["source_id"] for row in dealt] and refused[0]["shard"] is None
        assert [row["shard"] for row in dealt if row["status"] == "kept"].count("00000") == 4
    with pytest.raises(UserError, match="only 1 photo is usable, too few"):
        deal([row for row in rows if row["source_id"] in (bench, twin)], 1, 1, 0)
