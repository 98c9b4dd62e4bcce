"""Selection of candidates by task, score, licence, ratio and judge."""

from pathlib import Path
from typing import Any

import pytest

from helpers.scored_run import SCORES, make_run
from omniedit.errors import UserError
from omniedit.exchange.candidates import (
    PairSelection,
    describe_judge,
    describe_pairs,
    make_selector,
    matches_licence,
    read_candidates,
)
from omniedit.scoring.filter import DECISIONS_SCHEMA
from omniedit.storage.parquet import write_rows


def choose(run: Path, **selection: Any) -> list[str]:
    selector = make_selector(run, PairSelection(**selection))
    return [each.pair_id for each, is_accepted in selector.split(read_candidates(run)) if is_accepted]


def test_decisions_of_the_run_apply_by_default(tmp_path: Path) -> None:
    assert choose(make_run(tmp_path, SCORES)) == ["a", "b"]
    assert choose(make_run(tmp_path / "raw", SCORES, None)) == ["a", "b", "c", "e"]


def test_min_score_replaces_the_threshold_of_the_run(tmp_path: Path) -> None:
    run = make_run(tmp_path, SCORES)
    assert choose(run, min_score=6) == ["a", "b", "c"]
    assert choose(run, min_score=8.5) == ["a"]


@pytest.mark.parametrize(("top", "expected"), [(1, "a"), (25, "a"), (26, "ab"), (50, "ab"), (100, "abce")])
def test_top_selects_a_share_of_each_tasks_scored_pairs(top: float, expected: str, tmp_path: Path) -> None:
    make_run(tmp_path, SCORES)
    make_run(tmp_path, {"x": 3.0}, shard="style/00000")
    assert choose(tmp_path, top=top) == ["x", *expected]
    assert choose(tmp_path, top=top, min_score=8) == [each for each in expected if each in "ab"]


def test_ties_at_the_cutoff_are_trimmed_to_the_share(tmp_path: Path) -> None:
    run = make_run(tmp_path, {"a": 9, "b": 7, "c": 7, "d": 7})
    assert choose(run, top=50) == ["a", "b"]


def test_pairs_rejected_for_other_reasons_stay_excluded(tmp_path: Path) -> None:
    run = make_run(tmp_path, {"a": 9, "b": 9})
    row = {"pair_id": "a", "kept": False, "reason": "duplicate of b", "o_score": 9.0, "row": 0}
    kept = {"pair_id": "b", "kept": True, "reason": "kept", "o_score": 9.0, "row": 1}
    write_rows(run / "decisions/swap/00000.parquet", [row, kept], DECISIONS_SCHEMA)
    assert choose(run) == choose(run, min_score=1) == choose(run, top=100) == ["b"]


def test_candidates_are_filtered_by_task_ratio_licence_and_judge(tmp_path: Path) -> None:
    make_run(tmp_path, {"a": 9}, shard="swap/00000", licence="CC BY 4.0", ratio="1x1", judge="student")
    make_run(tmp_path, {"b": 9}, shard="style/00000", licence="CC BY-NC 4.0", ratio="3x2", judge="reference")
    assert choose(tmp_path, tasks=("style",)) == choose(tmp_path, ratios=("3x2",)) == ["b"]
    assert choose(tmp_path, licences=("cc-by", "cc0")) == choose(tmp_path, judge="student") == ["a"]


@pytest.mark.parametrize(
    ("licence", "wanted", "expected"),
    [
        ("CC-BY-4.0", "cc-by", True),
        ("CC BY 4.0", "cc-by", True),
        ("cc_by", "CC BY", True),
        ("CC BY-SA 4.0", "cc-by", False),
        ("CC-BY-NC-4.0", "cc-by", False),
        ("CC0-1.0", "cc0", True),
        ("CC0", "cc", False),
        ("MIT", "mit", True),
        ("MIT-0", "mit", True),
        ("unknown", "cc0", False),
        ("Apache-2.0", "apache-2.0", True),
        ("Apache-2.0.1", "apache-2.1", False),
    ],
)
def test_licence_matches_in_all_its_versions(licence: str, wanted: str, expected: bool) -> None:
    assert matches_licence(licence, (wanted,)) is expected


@pytest.mark.parametrize(
    ("name", "version", "shown"),
    [
        ("student", "student 58109823e101", "student 58109823e101"),
        ("api", "gpt-4o-2024-08-06", "api gpt-4o-2024-08-06"),
        ("vlm", "vlmaster 2", "vlm vlmaster 2"),
        ("reference", "", "reference"),
        (None, None, ""),
    ],
)
def test_judge_is_named_once(name: str | None, version: str | None, shown: str) -> None:
    assert describe_judge({"judge": name, "judge_version": version}) == shown


def test_no_fitting_pair_error_shows_the_highest_score(tmp_path: Path) -> None:
    make_run(tmp_path, {"a": 9, "b": 3})
    found = describe_pairs(read_candidates(tmp_path), PairSelection(min_score=10))
    assert found.startswith("2 pairs matches the options; available: decision ") and found.endswith("; highest O 9.00")


def test_missing_candidates_or_scores_raise_errors(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no candidates; import pairs with omniedit import, or run snakemake"):
        choose(tmp_path)
    make_run(tmp_path, SCORES, None)
    (tmp_path / "scores/swap/00000.parquet").unlink()
    assert choose(tmp_path) == ["a", "b", "c", "d", "e"]
    for option in ({"min_score": 1.0}, {"top": 1.0}, {"judge": "x"}, {"kind": "rejected"}):
        with pytest.raises(UserError, match="has no scores, which the chosen options need"):
            choose(tmp_path, **option)
    with pytest.raises(UserError, match="--ratio: '1:1' is not a ratio; give one of 1x1"):
        choose(tmp_path, ratios=("1:1",))


def test_shard_without_decisions_raises_error(tmp_path: Path) -> None:
    make_run(tmp_path, SCORES)
    make_run(tmp_path, {"x": 9}, None, shard="style/00000")
    with pytest.raises(UserError, match=r"decisions/style/00000\.parquet: no such file; run snakemake"):
        choose(tmp_path)
