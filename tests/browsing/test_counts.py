"""Counts of a run's pairs, and their text."""

from pathlib import Path

from helpers.small_run import make_run
from omniedit.browsing.counts import COUNTS, count_pairs, format_counts
from omniedit.browsing.pair_index import join_tables, stream_index
from omniedit.browsing.run_files import list_shards
from omniedit.scoring.human_decisions import Decision, HandDecision, HandDecisions

NOTHING = HandDecisions({}, [])


def count(run: Path, by_hand: HandDecisions = NOTHING) -> dict:
    shards = list_shards(run)
    return count_pairs(join_tables([table for table, _ in stream_index(shards)]), shards, by_hand, ["a.h5: broken"])


def test_every_grouping_counts_all_pairs(tmp_path: Path) -> None:
    counts = count(make_run(tmp_path))
    total = {"pairs": 9, "scored": 3, "accepted": 1, "rejected": 3, "undecided": 5}
    assert {name: counts[name] for name in COUNTS} == total
    for group in ("task", "folder", "ratio", "reason", "judge", "source"):
        assert {name: sum(row[name] for row in counts[group].values()) for name in COUNTS} == total, group
    assert list(counts["task"]) == ["object_swap", "style_transfer", "visual_depth"]
    assert {name: row["pairs"] for name, row in counts["task"].items()} == {
        "object_swap": 5,
        "style_transfer": 2,
        "visual_depth": 2,
    }
    assert counts["task"]["object_swap"]["mean_score"] == (9.5 + 4 + 10) / 3
    assert counts["task"]["style_transfer"]["mean_score"] is None
    assert {name: row["pairs"] for name, row in counts["folder"].items()}["my_set"] == 3
    assert {name: n for name, n in counts["score"].items() if n} == {"4-5": 1, "9-10": 2}


def test_the_text_names_decisions_by_hand_and_broken_files(tmp_path: Path) -> None:
    made = {n: HandDecision(n, Decision.ACCEPT, "", "") for n in "ab"} | {
        "c": HandDecision("c", Decision.REJECT, "", "")
    }
    lines = format_counts("small", count(make_run(tmp_path), HandDecisions(made, ["human.jsonl: line 3 is skipped"])))
    assert lines[0] == "run small: 9 pairs, 3 scored, 1 accepted, 3 rejected, 5 undecided"
    assert lines[1] == "by hand: 2 accepted, 1 rejected"
    assert lines[-2:] == ["  a.h5: broken", "  human.jsonl: line 3 is skipped"]
    assert any(line.split() == ["object_swap", "5", "3", "1", "3", "1", "7.83"] for line in lines)


def test_a_run_without_pairs_has_zero_counts(tmp_path: Path) -> None:
    (tmp_path / "candidates").mkdir()
    counts = count(tmp_path)
    assert counts["pairs"] == 0 and counts["mean_score"] is None and counts["task"] == {}
    assert format_counts("empty", counts)[0].startswith("run empty: 0 pairs")


def test_names_from_files_cannot_control_the_terminal(tmp_path: Path) -> None:
    counts = count(make_run(tmp_path))
    counts["source"] = {"\x1b[31mred\n" + "x" * 100: counts["task"]["object_swap"]}
    text = "\n".join(format_counts("a\x07b", counts))
    assert "\x1b" not in text and "\x07" not in text and max(map(len, text.splitlines())) < 120
