"""Filter: every candidate gets a decision with its reason, and another threshold changes only its own reasons."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.chain import REPOSITORY
from helpers.flat_pairs import BY, make_pair
from omniedit.errors import UserError
from omniedit.pairs import EditPair, Shard, write_shard
from omniedit.scoring.filter import ACCEPTED, CandidateFilter, duplicates
from omniedit.scoring.human_decisions import Decision, HandDecision
from omniedit.sources.near_duplicates import perceptual_hash
from omniedit.tasks import Task

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
BENCH = [{"sha256": "sha-held_out"}]
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
        rows = CandidateFilter(min_score, BENCH, by_hand or {}).decide(shard, scores, "scores.parquet")
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
        filters = (CandidateFilter(0.0, min_scores={name: 10.0}) for name in (task, "outpaint"))
        strict, other = (each.decide(shard, SCORES, "s") for each in filters)
    assert not any(row["kept"] and row["o_score"] < 10 for row in strict) and any(row["kept"] for row in other)


@pytest.mark.parametrize("threshold", [0.0, 9.0, 10.0])
def test_judges_that_disagree_reject_a_pair_at_any_threshold(candidates: Path, threshold: float) -> None:
    scores = SCORES | {"first": SCORES["first"] | {"disagreement": 2.1}, "just": SCORES["just"] | {"disagreement": 2.0}}
    scores |= {"unread": SCORES["unread"] | {"disagreement": None}}
    with Shard(candidates) as shard:
        filters = (CandidateFilter(threshold, max_disagreement=most) for most in (None, 2.0))
        free, limited = ({row["pair_id"]: row["reason"] for row in each.decide(shard, scores, "s")} for each in filters)
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
        rows = CandidateFilter(9.9, BENCH).decide(shard, scores, "scores.parquet")
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
            (row,) = CandidateFilter(9.0, [{"sha256": "sha", "phash": bench}]).decide(shard, scores, "s.parquet")
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
        (row,) = CandidateFilter(9.0, faults=faults).decide(shard, {"new": BY | {"o_score": 9.5}}, "s.parquet")
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
        rows = CandidateFilter(9.0, bench).decide(
            shard, {pair.pair_id: BY | {"o_score": 10.0} for pair in pairs}, "s.parquet"
        )
    assert [row["reason"] for row in rows] == ["kept", "overlaps the benchmark", "duplicate of mine"]
    assert {row["ratio"] for row in rows} == {"3x2"}


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
