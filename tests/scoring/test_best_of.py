"""Best of several candidates: at most one of each set is accepted, and nothing but the scores decides which.

The last tests choose within the filter, in `scripts/decide.py` and in the export of a run.
"""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.chain import REPOSITORY
from helpers.flat_pairs import BY, make_pair
from omniedit.exchange.candidates import PairSelection
from omniedit.exchange.exporting import ExportOptions, export_run
from omniedit.pairs import EditPair, Shard, write_shard
from omniedit.scoring.best_of import HAND_PICKED, find_lesser
from omniedit.scoring.filter import ACCEPTED, DECISIONS_SCHEMA, CandidateFilter
from omniedit.scoring.human_decisions import Decision, HandDecision
from omniedit.scoring.score_table import SCORES_SCHEMA
from omniedit.storage.parquet import read_rows, write_rows
from omniedit.tasks import Task

A, B = ("sea", "Add fog."), ("sea", "Remove the boat.")
SCORES = st.one_of(st.none(), st.floats(0, 10))


def test_all_but_the_best_candidate_of_each_request_are_lesser() -> None:
    requests = [A, B, A, B, A]
    assert find_lesser(requests, [7.0, 9.0, 8.0, 3.0, 1.0], 4) == {0, 3, 4}


def test_candidates_form_sets_of_the_given_size_in_their_order() -> None:
    assert find_lesser([A] * 5, [1.0, 2.0, 9.0, 8.0, 0.0], 2) == {0, 3}


def test_an_unscored_candidate_counts_but_is_neither_best_nor_lesser() -> None:
    assert find_lesser([A] * 4, [None, 2.0, 9.0, 8.0], 2) == {3}


def test_the_first_of_equal_scores_is_the_best() -> None:
    assert find_lesser([A] * 3, [5.0, 8.0, 8.0], 3) == {0, 2}


def test_all_candidates_accepted_by_hand_remain() -> None:
    assert find_lesser([A] * 4, [10.0, HAND_PICKED, 3.0, HAND_PICKED], 4) == {0, 2}


@given(st.lists(st.tuples(st.sampled_from([A, B]), SCORES), max_size=20), st.integers(1, 6))
def test_each_set_with_a_score_keeps_exactly_one(rows: list[tuple[tuple[str, str], float | None]], size: int) -> None:
    requests, scores = [request for request, _ in rows], [score for _, score in rows]
    lesser = find_lesser(requests, scores, size)
    for request in (A, B):
        of_request = [row for row, each in enumerate(requests) if each == request]
        for first in range(0, len(of_request), size):
            scored = [row for row in of_request[first : first + size] if scores[row] is not None]
            winners = [row for row in scored if row not in lesser]
            assert len(winners) == min(1, len(scored))
            assert all(scores[winners[0]] >= scores[row] for row in scored)


LESSER = "not the best of 3 candidates of its request"


def decide_best(folder: Path, pairs: list[EditPair], scores: dict[str, float | None], **options: Any) -> dict[str, str]:
    """Return the reasons of pairs with these O, where each request's best of 3 is accepted."""
    write_shard(folder / "best.h5", Task.STYLE_TRANSFER, "embedded", 0, pairs)
    with Shard(folder / "best.h5") as shard:
        given = {pair_id: BY | {"o_score": score} for pair_id, score in scores.items()}
        rows = CandidateFilter(**{"min_score": 9.0, "best_of": 3} | options).decide(shard, given, "s.parquet")
    assert all(row["kept"] == (row["reason"] in ACCEPTED) for row in rows)
    return {row["pair_id"]: row["reason"] for row in rows}


@pytest.mark.parametrize("min_score", [0.0, 8.5, 9.2, 10.0])
def test_the_threshold_decides_only_the_best_candidate_of_a_request(tmp_path: Path, min_score: float) -> None:
    pairs = [make_pair(name, shade=shade) for shade, name in enumerate("abc")]
    pairs.append(make_pair("other", instruction="Turn it blue."))
    found = decide_best(tmp_path, pairs, {"a": 8.5, "b": 9.2, "c": None, "other": 9.5}, min_score=min_score)
    assert found == {
        "a": LESSER,
        "b": "kept" if min_score <= 9.2 else "below threshold",
        "c": "unscorable",
        "other": "kept" if min_score <= 9.5 else "below threshold",
    }


def test_faulty_candidates_do_not_compete_and_decisions_by_hand_override_the_choice(tmp_path: Path) -> None:
    pairs = [make_pair(name, shade=shade) for shade, name in enumerate("abc")]
    scores = {"a": 9.9, "b": 9.2, "c": 9.1}
    assert decide_best(tmp_path, pairs, scores, faults={"a": "identical"}) == {
        "a": "identical",
        "b": "kept",
        "c": LESSER,
    }
    by_hand = {"c": HandDecision("c", Decision.ACCEPT, "ada", ""), "a": HandDecision("a", Decision.REJECT, "ada", "")}
    assert decide_best(tmp_path, pairs, scores, by_hand=by_hand) == {
        "a": "rejected by hand",
        "b": LESSER,
        "c": "accepted by hand",
    }


def test_candidates_of_an_addition_differ_in_their_source_and_are_not_duplicates(tmp_path: Path) -> None:
    pairs = [replace(make_pair(name), source=np.full((8, 8, 3), shade, np.uint8)) for shade, name in enumerate("abc")]
    pairs.append(replace(pairs[2], pair_id="again"))
    scores = dict.fromkeys(("a", "b", "again"), 9.2) | {"c": 9.5}
    found = decide_best(tmp_path, pairs, scores)
    assert found == {"a": LESSER, "b": LESSER, "c": "kept", "again": "duplicate of c"}


def test_pairs_derived_from_lesser_candidates_are_rejected(tmp_path: Path) -> None:
    """Its new instruction makes a recaptioned pair a request of its own."""
    pairs = {"first": [make_pair("a"), make_pair("b", shade=1)], "derived": []}
    for name, origin in (("from_a", "a"), ("from_b", "b"), ("recaptioned", "a")):
        pair = make_pair(name, instruction=f"Undo {name}.")
        pair.provenance["derived"] = {"from": origin, "how": "inverse"}
        if name == "recaptioned":
            pair.provenance["recaptioned"] = {"from": "Turn it red."}
        pairs["derived"].append(pair)
    columns = {"status": "scored", **BY}
    for group, made in pairs.items():
        write_shard(tmp_path / f"candidates/{group}/00000.h5", Task.STYLE_TRANSFER, "embedded", 0, made)
        scores = [{"pair_id": pair.pair_id, "o_score": 9.0 + (pair.pair_id == "b"), **columns} for pair in made]
        write_rows(tmp_path / f"scores/{group}/00000.parquet", scores, SCORES_SCHEMA)
    write_rows(tmp_path / "bench.parquet", [], pa.schema([("sha256", pa.string()), ("phash", pa.string())]))
    lists = {"scores": "parquet", "candidates": "h5"}
    options = [part for name, suffix in lists.items() for part in list_files(tmp_path, name, suffix, list(pairs))]
    outs = [str(tmp_path / f"decisions/{group}/00000.parquet") for group in pairs]
    program = [sys.executable, str(REPOSITORY / "scripts/decide.py"), "--bench", str(tmp_path / "bench.parquet")]
    command = [*program, "--min-score", "9", "--best-of", "2", *options, "--out", *outs]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "first: 1 not the best of 2 candidates of its request, 1 kept" in done.stdout
    lesser = "not the best of 2 candidates of its request"
    assert {row["pair_id"]: row["reason"] for row in read_rows(outs[1])} == {
        "from_a": lesser,
        "from_b": "kept",
        "recaptioned": "kept",
    }


def test_lesser_candidates_of_a_decided_run_are_exported_as_preference_pairs(tmp_path: Path) -> None:
    pairs = [make_pair(name, shade=shade) for shade, name in enumerate("abcd")]
    write_shard(tmp_path / "candidates/style_transfer/00000.h5", Task.STYLE_TRANSFER, "embedded", 0, pairs)
    scores = [
        {"pair_id": name, "o_score": o, "status": "scored", **BY}
        for name, o in zip("abcd", (8, 9.5, 9.2, None), strict=True)
    ]
    write_rows(tmp_path / "scores/style_transfer/00000.parquet", scores, SCORES_SCHEMA)
    with Shard(tmp_path / "candidates/style_transfer/00000.h5") as shard:
        rows = CandidateFilter(9.0, best_of=4).decide(shard, {row["pair_id"]: row for row in scores}, "s.parquet")
    write_rows(tmp_path / "decisions/style_transfer/00000.parquet", rows, DECISIONS_SCHEMA)
    for kind, number in (("preference", 2), ("accepted", 1), ("rejected", 3)):
        options = ExportOptions(format="parquet", selection=PairSelection(kind=kind), rows_per_file=9)
        assert export_run(tmp_path, options, tmp_path / kind) == number
    exported = pq.read_table(tmp_path / "preference/data").to_pylist()
    assert {(row["chosen_id"], row["rejected_id"]) for row in exported} == {("b", "a"), ("b", "c")}


def list_files(folder: Path, name: str, suffix: str, groups: list[str]) -> list[str]:
    return [f"--{name}", *(str(folder / name / group / f"00000.{suffix}") for group in groups)]
