"""Tests of each bench on examples by hand, and of GenAI-Bench on GPT-4o's recorded votes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from omniedit.errors import UserError
from omniedit.evaluation.reward_benches.records import VoteRow, read_records
from omniedit.evaluation.reward_benches.registry import BENCHES
from omniedit.evaluation.reward_benches.result import VoteResult

VOTES = Path(__file__).parents[1] / "published/genai_bench/gpt4o_votes.jsonl"
SHARED = Path(__file__).parents[4] / "shared/data/genai_bench/gpt4o_votes.jsonl"


def measure(
    bench: str, rows: Sequence[Mapping[str, Any]], file: str = "results.json", data_type: str = ""
) -> VoteResult:
    return BENCHES[bench].measure([VoteRow(Path(file), n, row, data_type) for n, row in enumerate(rows, 1)])


def parts(result: VoteResult) -> dict[str, tuple[int, int]]:
    return {part.name: (part.total, part.correct) for part in result.parts}


def vote(human: str, judge: str | None) -> dict[str, Any]:
    return {"human_vote": human, "model_vote": judge}


@pytest.mark.parametrize("name", BENCHES)
def test_unreadable_rows_raise_no_error_in_any_bench(name: str) -> None:
    strange = [{}, {"id": None, "key": 3, "score": "x"}, {"human_vote": {"ranking": 3}, "results": [1]}]
    result = measure(name, strange, "results_3pair.json")
    assert result.overall.correct == 0 and (sum(result.skipped.values()) or result.overall.total)


def test_a_repeated_row_with_an_id_counts_once() -> None:
    rows = [{"idx": 1, **vote("leftvote", "[[A>B]]")}] * 2 + [vote("rightvote", "[[A>B]]")] * 2
    result = measure("genai", rows)
    assert (result.overall.total, result.overall.correct) == (3, 1)
    assert result.skipped == {"the comparison has an earlier row": 1}


def test_genai_votes_of_four_kinds_must_be_equal() -> None:
    rows = [
        vote("leftvote", "[[A>B]]"),
        vote("rightvote", "[[A>B]]"),
        vote("tievote", "[[A=B=Good]]"),
        vote("bothbad_vote", "[[A=B=Good]]"),
        vote("bothbad_vote", " [[A = B = Bad]] "),
        vote("leftvote", None),
        vote("", "[[A>B]]"),
        {"human_vote": "leftvote", "correct": True},
    ]
    result = measure("genai", rows)
    assert (result.overall.total, result.overall.correct) == (7, 4)
    assert dict(result.wrong) == {"the judge's vote could not be read": 1}
    assert dict(result.skipped) == {"no vote of people": 1}
    assert parts(result)["both bad"] == (2, 1) and parts(result)["first is better"] == (3, 2)


def test_genai_scores_are_compared_with_calibrated_ties() -> None:
    rows = [
        {"human_vote": "leftvote", "scores": [9, 2]},
        {"human_vote": "rightvote", "scores": [-3.5, 4]},
        {"human_vote": "tievote", "scores": [5, 5.5]},
        {"human_vote": "bothbad_vote", "scores": [1, 0]},
        {"human_vote": "leftvote", "scores": [1, float("nan")]},
    ]
    result = measure("genai", rows)
    assert (result.overall.total, result.overall.correct) == (4, 4) and "at most 1," in result.ties
    assert dict(result.skipped) == {"no two scores of the judge": 1}
    with pytest.raises(UserError, match="row 6: has votes and earlier rows have scores"):
        measure("genai", [*rows, vote("leftvote", "[[A>B]]")])


def test_genai_recorded_votes_of_gpt_4o_are_measured() -> None:
    records = read_records([VOTES])
    result = BENCHES["genai"].measure(records)
    assert (result.overall.total, result.overall.correct) == (100, sum(record.row["correct"] for record in records))


@pytest.mark.skipif(not SHARED.is_file(), reason="the whole published votes are not here")
def test_genai_gives_gpt_4os_published_accuracy() -> None:
    result = BENCHES["genai"].measure(read_records([SHARED]))
    assert (result.overall.correct, round(100 * (result.overall.accuracy or 0), 2)) == (492, 53.54)


def test_aurora_has_one_kind_of_tie_and_accepts_scores_by_people() -> None:
    rows = [
        {"model1_dim1_score": 4, "model2_dim1_score": 2, "model_vote": "[[A>B]]"},
        {"model1_dim1_score": 1, "model2_dim1_score": 1, "model_vote": "[[A=B]]"},
        {"human_vote": "bothbad_vote", "model_vote": "[[A=B=Good]]"},
        {"model1_dim1_score": 1, "model2_dim1_score": 3, "model_vote": "[[A>B]]"},
        {"model1_dim1_score": None, "model2_dim1_score": 3, "model_vote": "[[A>B]]"},
    ]
    result = measure("aurora", rows)
    assert (result.overall.total, result.overall.correct) == (4, 3) and sum(result.skipped.values()) == 1
    scored = [
        {"model1_dim1_score": a, "model2_dim1_score": b, "scores": s}
        for a, b, s in [(4, 2, [3, 1]), (1, 1, [2, 2]), (1, 3, [5, 1])]
    ]
    result = measure("aurora", scored)
    assert (result.overall.total, result.overall.correct) == (3, 2)
    assert result.figures == {"accuracy without people's ties": 0.5}


def group(name: str, human: str, judge: str, comparison: str) -> dict[str, Any]:
    return {"id": f"{name}_{comparison}", "comparison_type": comparison, **vote(human, judge)}


THREE = [
    group("g1", "A>B", "[[A>B]]", "AvsB"),
    group("g1", "C>A", "C>A", "AvsC"),
    group("g1", "C>B", "B<C", "BvsC"),
    group("g2", "A>B", "A>B", "AvsB"),
    group("g2", "A>C", "C>A", "AvsC"),
    group("g2", "B>C", "B>C", "BvsC"),
    group("g3", "A>B", "A>B", "AvsB"),
    group("g4", "A>B", "Unknown", "AvsB"),
    group("g4", "A>C", "A>C", "AvsC"),
    group("g4", "B>C", "B>C", "BvsC"),
]


def test_editreward_groups_are_right_if_all_their_comparisons_are() -> None:
    result = measure("editreward", [*THREE, THREE[0]], data_type="huggingface_3pair")
    assert (result.unit, parts(result)) == ("groups", {"K = 3": (4, 1)})
    assert dict(result.wrong) == {"comparisons are missing": 1, "the judge's vote could not be read": 1}
    assert dict(result.skipped) == {"the comparison has an earlier row": 1}


def test_editreward_pairs_may_tie_and_sizes_are_counted_together() -> None:
    two = [
        {"id": f"x{n}", "dataset": "2pair", **vote(*votes)}
        for n, votes in enumerate([("A=B", "A=B"), ("A=B", "A>B"), ("B>A", "B>A")])
    ]
    three = [{**row, "dataset": "3pair"} for row in THREE]
    result = measure("editreward", [*two, *three])
    assert parts(result) == {"K = 2": (3, 2), "K = 3": (4, 1)}
    assert (result.overall.total, result.overall.correct) == (7, 3)


def test_editreward_needs_the_size_of_groups() -> None:
    assert parts(measure("editreward", THREE[:3], "gpt_pairwise_3pair_hf.json")) == {"K = 3": (1, 1)}
    with pytest.raises(UserError, match="does not state whether groups have 2, 3 or 4 edits"):
        measure("editreward", THREE)


def test_editreward_scores_are_compared_with_rankings() -> None:
    rows = [
        {"human_vote": {"ranking": "C>A>B"}, "scores": [2, 1, 3]},
        {"human_vote": {"ranking": "C > A > B"}, "scores": [2, 1, 2]},
        {"ranking": "B>A>D>C", "scores": [3, 4, -1, 0]},
        {"ranking": "A=B=Bad", "scores": [1, 1.2]},
        {"ranking": "A>B", "scores": [5, 1]},
        {"ranking": "A>A>B", "scores": [2, 1, 3]},
        {"ranking": "A>B", "scores": [2]},
    ]
    result = measure("editreward", rows)
    assert parts(result) == {"K = 2": (2, 2), "K = 3": (2, 1), "K = 4": (1, 1)}
    assert dict(result.skipped) == {"no vote of people": 1, "no two scores of the judge": 1}


def test_gedit2_counts_by_task_and_omits_failures() -> None:
    rows = [
        {"key": "swap_pair_1", "results": {"gt_winner": "Image B", "winner": "Image B"}},
        {"key": "swap_pair_2", "results": {"gt_winner": "Image A", "winner": "Tie"}},
        {"key": "swap_pair_3", "results": {"gt_winner": "Image A", "winner": "Failed"}},
        {"key": "add_pair_1", "results": {"gt_winner": "Image A", "winner": "Image A"}},
        {"key": "add_pair_2", "results": {"winner": "Image A"}},
    ]
    result = measure("gedit2", rows)
    assert parts(result) == {"swap": (2, 1), "add": (1, 1)} and (result.overall.total, result.overall.correct) == (3, 2)
    assert result.figures == {"mean of tasks": 0.75} and sum(result.skipped.values()) == 2


def test_editscore_is_the_mean_of_tasks_of_each_dimension() -> None:
    rows = {"a/overall": [[3, 1], [1, 1]], "b/overall": [[9, 2]], "b/consistency": [[1, 2]], "b/other": [[1, 2]]}
    records = [VoteRow(Path(f"{file}.jsonl"), 1, {"score": score}) for file, scores in rows.items() for score in scores]
    result = BENCHES["editscore"].measure(records)
    assert (result.overall.total, result.overall.correct) == (3, 2) and sum(result.skipped.values()) == 1
    assert result.figures == {"mean of tasks, consistency": 0, "mean of tasks, overall": 0.75}
