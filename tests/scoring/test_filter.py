"""Filter: every candidate gets a decision with its reason, and another threshold changes only its own reasons."""

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
from omniedit.errors import UserError
from omniedit.exchange.candidates import Choice
from omniedit.exchange.exporting import ExportOptions, export_run
from omniedit.pairs import EditPair, Shard, write_shard
from omniedit.scoring.filter import ACCEPTED, DECISIONS_SCHEMA, decide, duplicates
from omniedit.scoring.human_decisions import Decision, HandDecision
from omniedit.scoring.score_table import SCORES_SCHEMA
from omniedit.sources.near_duplicates import perceptual_hash
from omniedit.storage.parquet import read_rows, write_rows
from omniedit.tasks import Task


def make_pair(name: str, source: str = "sea", instruction: str = "Turn it red.", shade: int = 0) -> EditPair:
    image = np.zeros((8, 8, 3), np.uint8)
    provenance = {"source_id": source, "source_sha256": f"sha-{source}", "ratio": "1x1"}
    return EditPair(name, Task.STYLE_TRANSFER, (instruction,), image, image + np.uint8(shade), None, provenance)


PAIRS = [
    make_pair("first"),
    make_pair("twin"),
    make_pair("other_source", source="hill"),
    make_pair("other_instruction", instruction="Turn it blue."),
    make_pair("other_pixels", shade=1),
    make_pair("low", shade=2),
    make_pair("of_bench", source="held_out"),
    make_pair("unread", source="unread"),
    make_pair("just", source="just"),
]
BY = {"judge": "student", "prompt_hash": "abc"}
SCORES = {pair.pair_id: BY | {"o_score": 9.5} for pair in PAIRS} | {
    "low": BY | {"o_score": 8.99},
    "unread": BY | {"o_score": None},
    "just": BY | {"o_score": 9.0},
}


@pytest.fixture(scope="module")
def candidates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("candidates") / "00000.h5"
    write_shard(path, Task.STYLE_TRANSFER, "embedded", 0, PAIRS)
    return path


def reasons(
    candidates: Path, scores: dict = SCORES, min_score: float = 9.0, by_hand: dict[str, HandDecision] | None = None
) -> dict[str, str]:
    with Shard(candidates) as shard:
        rows = decide(shard, scores, "scores.parquet", [{"sha256": "sha-held_out"}], min_score, by_hand)
    assert [row["row"] for row in rows] == list(range(len(PAIRS)))
    assert all(row["kept"] == (row["reason"] in ACCEPTED) for row in rows)
    return {row["pair_id"]: row["reason"] for row in rows}


def test_rejections_have_the_expected_reasons(candidates: Path) -> None:
    assert reasons(candidates) == {
        "first": "kept",
        "twin": "duplicate of first",
        "other_source": "kept",
        "other_instruction": "kept",
        "other_pixels": "kept",
        "low": "below threshold",
        "of_bench": "overlaps the benchmark",
        "unread": "unscorable",
        "just": "kept",
    }


@given(threshold=st.floats(0, 10))
def test_changing_the_threshold_changes_only_its_reasons(candidates: Path, threshold: float) -> None:
    for pair_id, reason in reasons(candidates, min_score=threshold).items():
        if reason in ("kept", "below threshold"):
            assert (reason == "kept") == (SCORES[pair_id]["o_score"] >= threshold)
        else:
            assert reason == reasons(candidates)[pair_id]


def test_task_has_its_own_threshold(candidates: Path) -> None:
    with Shard(candidates) as shard:
        (task,) = set(map(str, shard.tasks))
        strict, other = (decide(shard, SCORES, "s", [], 0.0, min_scores={name: 10.0}) for name in (task, "outpaint"))
    assert not any(row["kept"] and row["o_score"] < 10 for row in strict) and any(row["kept"] for row in other)


@pytest.mark.parametrize("threshold", [0.0, 9.0, 10.0])
def test_judges_that_disagree_reject_a_pair_at_any_threshold(candidates: Path, threshold: float) -> None:
    scores = SCORES | {"first": SCORES["first"] | {"disagreement": 2.1}, "just": SCORES["just"] | {"disagreement": 2.0}}
    scores |= {"unread": SCORES["unread"] | {"disagreement": None}}
    with Shard(candidates) as shard:
        free, limited = (
            {row["pair_id"]: row["reason"] for row in decide(shard, scores, "s", [], threshold, max_disagreement=most)}
            for most in (None, 2.0)
        )
    assert "the judges disagree" not in free.values()
    assert {name for name in limited if limited[name] != free[name]} == {"first"}
    assert limited["first"] == "the judges disagree", "a disagreement at the limit is accepted"


def test_no_score_rejects_perception_data_but_a_benchmark_photo_does(tmp_path: Path) -> None:
    task = Task("referring_segmentation")
    pairs = [
        replace(pair, task=task) for pair in PAIRS if pair.pair_id in ("low", "unread", "first", "twin", "of_bench")
    ]
    write_shard(tmp_path / "p.h5", task, "import", 0, pairs)
    scores = {pair.pair_id: SCORES[pair.pair_id] for pair in pairs}
    with Shard(tmp_path / "p.h5") as shard:
        rows = decide(shard, scores, "scores.parquet", [{"sha256": "sha-held_out"}], 9.9)
    decided = {row["pair_id"]: row["reason"] for row in rows if row["kept"]}
    assert decided == dict.fromkeys(("first", "low", "unread"), "kept")
    assert {row["pair_id"] for row in rows if not row["kept"]} == {"twin", "of_bench"}


def decide_all(decision: Decision) -> dict[str, HandDecision]:
    return {pair.pair_id: HandDecision(pair.pair_id, decision, "ada", "") for pair in PAIRS}


@given(threshold=st.floats(0, 10))
def test_a_decision_by_hand_holds_at_any_threshold(candidates: Path, threshold: float) -> None:
    """Pairs of the benchmark and duplicates stay out of training, whatever a person says."""
    fixed = {"twin": "duplicate of first", "of_bench": "overlaps the benchmark"}
    for decision, reason in ((Decision.ACCEPT, "accepted by hand"), (Decision.REJECT, "rejected by hand")):
        found = reasons(candidates, min_score=threshold, by_hand=decide_all(decision))
        assert found == {pair.pair_id: fixed.get(pair.pair_id, reason) for pair in PAIRS}


def test_a_decision_by_hand_changes_no_other_pair(candidates: Path) -> None:
    by_hand = {"low": decide_all(Decision.ACCEPT)["low"], "stranger": HandDecision("x", Decision.REJECT, "", "")}
    assert reasons(candidates, by_hand=by_hand) == reasons(candidates) | {"low": "accepted by hand"}


def test_scores_of_other_pairs_are_rejected_with_both_files_named(candidates: Path) -> None:
    missing = {pair_id: score for pair_id, score in SCORES.items() if pair_id != "twin"}
    with pytest.raises(UserError, match=rf"scores\.parquet: has no score for 1 .*{candidates}.*first: twin"):
        reasons(candidates, missing)
    with pytest.raises(UserError, match=rf"scores\.parquet: has scores for 1 .*{candidates}.*first: stranger"):
        reasons(candidates, SCORES | {"stranger": {"o_score": 1.0}})


def test_scores_under_two_rubrics_or_by_two_judges_are_rejected(candidates: Path) -> None:
    for other in ({"prompt_hash": "def"}, {"judge": "reference"}):
        with pytest.raises(UserError, match=r"scores\.parquet: scores by .* and .*; delete scores\.parquet"):
            reasons(candidates, SCORES | {"just": SCORES["just"] | other})


def test_a_twin_of_a_benchmark_photo_gives_no_training_pair(tmp_path: Path) -> None:
    pair = make_pair("twin_of_bench")
    pair.provenance["source_phash"] = f"{0b1011:036x}"
    write_shard(tmp_path / "a.h5", Task.STYLE_TRANSFER, "embedded", 0, [pair])
    scores = {"twin_of_bench": BY | {"o_score": 10.0}}
    with Shard(tmp_path / "a.h5") as shard:
        for bench, reason in (("0" * 36, "overlaps the benchmark"), ("f" * 36, "kept")):
            (row,) = decide(shard, scores, "scores.parquet", [{"sha256": "sha", "phash": bench}], 9.0)
            assert row["reason"] == reason


@pytest.mark.parametrize(
    ("origins", "more", "faults", "reason"),
    [
        ("origin", {}, {"origin": "benchmark leak"}, "benchmark leak"),
        (["one", "origin"], {}, {"origin": "misaligned"}, "misaligned"),
        (["one", "two"], {}, {"origin": "misaligned"}, "kept"),
        ("origin", {"recaptioned": {"from": "Turn it red."}}, {"origin": "mislabelled"}, "kept"),
        ("origin", {"recaptioned": {"from": "Turn it red."}}, {"origin": "swapped"}, "swapped"),
        ("origin", {}, {"new": "identical", "origin": "swapped"}, "identical"),
        (None, {}, {"origin": "swapped"}, "kept"),
    ],
)
def test_a_derived_pair_inherits_the_faults_of_its_origins(
    tmp_path: Path, origins: object, more: dict, faults: dict[str, str], reason: str
) -> None:
    pair = make_pair("new")
    pair.provenance.update({"derived": {"from": origins, "how": "inverse"}, **more})
    write_shard(tmp_path / "a.h5", Task("inverse"), "derived", 0, [pair])
    with Shard(tmp_path / "a.h5") as shard:
        (row,) = decide(shard, {"new": BY | {"o_score": 9.5}}, "scores.parquet", [], 9.0, faults=faults)
    assert row["reason"] == reason


def test_derived_pairs_of_one_photo_with_other_sources_are_not_duplicates(tmp_path: Path) -> None:
    pairs = []
    for number, name in enumerate(("first", "second", "again")):
        pair = make_pair(name)
        pair.provenance["derived"] = {"from": name, "how": "inverse"}
        pairs.append(replace(pair, source=pair.source + np.uint8(min(number, 1))))
    write_shard(tmp_path / "a.h5", Task("inverse"), "derived", 0, pairs)
    with Shard(tmp_path / "a.h5") as shard:
        assert duplicates(shard) == {"again": "second"}


def test_pairs_without_digest_and_ratio_are_decided(tmp_path: Path) -> None:
    path = tmp_path / "00000.h5"
    rng = np.random.default_rng(0)
    sources = {name: rng.integers(0, 256, (64, 96, 3), np.uint8) for name in ("mine", "benchmark")}
    pairs = [
        EditPair(name, Task.STYLE_TRANSFER, ("Invert it.",), image, 255 - image, None, {"source_id": name})
        for name, image in (*sources.items(), ("again", sources["mine"]))
    ]
    write_shard(path, Task.STYLE_TRANSFER, "mine", 0, pairs)
    bench = [{"sha256": "of the file", "phash": perceptual_hash(sources["benchmark"])}]
    with Shard(path) as shard:
        rows = decide(shard, {pair.pair_id: BY | {"o_score": 10.0} for pair in pairs}, "s.parquet", bench, 9.0)
    assert [row["reason"] for row in rows] == ["kept", "overlaps the benchmark", "duplicate of mine"]
    assert {row["ratio"] for row in rows} == {"3x2"}


LESSER = "not the best of 3 candidates of its request"


def decide_best(folder: Path, pairs: list[EditPair], scores: dict[str, float | None], **options: Any) -> dict[str, str]:
    """Return the reasons of pairs with these O, where each request's best of 3 is accepted."""
    write_shard(folder / "best.h5", Task.STYLE_TRANSFER, "embedded", 0, pairs)
    with Shard(folder / "best.h5") as shard:
        given = {pair_id: BY | {"o_score": score} for pair_id, score in scores.items()}
        rows = decide(shard, given, "s.parquet", [], options.pop("min_score", 9.0), best_of=3, **options)
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
        rows = decide(shard, {row["pair_id"]: row for row in scores}, "s.parquet", [], 9.0, best_of=4)
    write_rows(tmp_path / "decisions/style_transfer/00000.parquet", rows, DECISIONS_SCHEMA)
    for kind, number in (("preference", 2), ("accepted", 1), ("rejected", 3)):
        options = ExportOptions(format="parquet", choice=Choice(kind=kind), rows_per_file=9)
        assert export_run(tmp_path, options, tmp_path / kind) == number
    exported = pq.read_table(tmp_path / "preference/data").to_pylist()
    assert {(row["chosen_id"], row["rejected_id"]) for row in exported} == {("b", "a"), ("b", "c")}


def list_files(folder: Path, name: str, suffix: str, groups: list[str]) -> list[str]:
    return [f"--{name}", *(str(folder / name / group / f"00000.{suffix}") for group in groups)]


@pytest.mark.parametrize("short", ["scores", "candidates", "out"])
def test_lists_of_different_lengths_raise_one_error_before_reading(short: str, tmp_path: Path) -> None:
    names = ("scores", "candidates", "out")
    lists = {name: [f"{name}/{number}" for number in range(1 if name == short else 2)] for name in names}
    options = [text for name, files in lists.items() for text in (f"--{name}", *files)]
    program = [sys.executable, str(REPOSITORY / "scripts/decide.py"), "--bench", "bench.parquet", "--min-score", "9"]
    done = subprocess.run([*program, *options], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2 and list(tmp_path.iterdir()) == []
    counts = ", ".join(f"--{name} {len(files)}" for name, files in lists.items())
    message = f"decide.py: error: lists of different lengths: {counts}; give one file of each for every task"
    assert done.stderr.splitlines()[-1] == message
