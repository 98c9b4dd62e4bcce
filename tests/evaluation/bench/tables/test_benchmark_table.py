"""Tests of a benchmark's own table."""

import dataclasses
import json
from collections.abc import Sequence
from statistics import fmean

from helpers.small_bench import small_set
from omniedit.evaluation.bench.protocol import GroupRow, ItemRow, JudgeInputs, Protocol
from omniedit.evaluation.bench.sets.published import Published
from omniedit.evaluation.bench.tables.benchmark_table import build_protocol, to_rows
from omniedit.evaluation.bench.tables.grid import FigureRank
from omniedit.evaluation.bench.tables.render import to_markdown
from omniedit.evaluation.bench.tables.results import BenchResults, EditorResult

ITEMS = [
    {"item_id": f"style/{number}", "task": "style", "image_id": str(number), "ratio": "3x2", "session": None}
    for number in range(4)
]


def result(name: str, scores: Sequence[float | None]) -> EditorResult:
    rows = [
        item
        | ({"status": "failure"} if score is None else {"status": "scored"})
        | {"sc_score": score, "pq_score": score, "o_score": score, "scores": json.dumps({"success": score})}
        for item, score in zip(ITEMS, scores, strict=True)
    ]
    return EditorResult(name, name, "", False, "", {}, {"gpt": rows})


def aggregate(rows: Sequence[ItemRow]) -> list[GroupRow]:
    known = [row["success"] for row in rows if "success" in row]
    missing = tuple(row["item_id"] for row in rows if "success" not in row)
    official = {"S": sum(known) / len(rows)} if missing else {}
    return [GroupRow("mean of items", {"S": fmean(known)}, len(rows), missing, official), GroupRow("style", {}, 4)]


PROTOCOL = Protocol(
    "GPT-4o",
    ("S",),
    lambda item: JudgeInputs({}, {}),
    lambda row: {},
    aggregate,
    "It counts 0.",
    "0 to 10",
    rubric="edit",
)
PUBLISHED = [
    Published("Rival", {("mean of items", "S"): 7.5}, "Paper, Table 1", "https://x", "GPT-4o", "on other items"),
    Published("Other", {("elsewhere", "T"): 1.0}, "Paper, Table 2", "https://x"),
]


def test_published_means_are_listed_without_a_rank() -> None:
    results = BenchResults("small", "v", ITEMS, [result("a", [1, 2, 3, None]), result("b", [4] * 4)])
    means, groups = build_protocol(small_set(), PROTOCOL, results, PUBLISHED)
    assert [(row.label, row.cells[0].mean) for row in means.rows] == [("a", 2), ("b", 4), ("Rival (published)", 7.5)]
    assert means.places(0).keys() == {0, 1} and means.rows[2].section == "Paper, Table 1, https://x"
    assert "Paper, Table 1: on other items." in means.notes
    assert "a as the benchmark's own script computes it: mean of items S 1.5." in means.notes
    assert any("It counts 0." in note for note in means.notes)
    assert [column.label for column in groups.columns] == ["mean of items", "style"] and groups.rows[0].cells[1] is None


def test_tables_without_figures_of_the_editors_are_omitted() -> None:
    nothing = dataclasses.replace(result("a", [None] * 4), scores={})
    assert not list(build_protocol(small_set(), PROTOCOL, BenchResults("small", "v", ITEMS, [nothing]), PUBLISHED))


def test_the_lowest_distance_is_the_best_and_metrics_have_four_decimals() -> None:
    def aggregate_metrics(rows: Sequence[ItemRow]) -> list[GroupRow]:
        return [GroupRow("mean of items", {name: fmean(row[name] for row in rows) for name in ("l1", "clip_i")}, 4)]

    columns = ("l1", "clip_i")
    protocol = Protocol(
        "", columns, lambda item: JudgeInputs({}, {}), lambda row: {}, aggregate_metrics, "", "as each metric"
    )
    editors = [result(name, [None] * 4) for name in ("near", "far")]
    values = {"near": {"l1": 0.1, "clip_i": 0.9}, "far": {"l1": 0.4, "clip_i": 0.5}}
    editors = [
        dataclasses.replace(editor, metrics={item["item_id"]: values[editor.name] for item in ITEMS}, scores={})
        for editor in editors
    ]
    published = [Published("Rival", {("mean of items", "l1"): 0.0203}, "Paper, Table 2", "https://x")]
    means, *_ = build_protocol(small_set(), protocol, BenchResults("small", "v", ITEMS, editors), published)
    assert "| Rival (published) | 0.0203 | - |" in to_markdown(means)
    assert [column.label for column in means.columns] == ["L1", "CLIP-I"]
    assert [means.places(column)[0] for column in (0, 1)] == [FigureRank.BEST, FigureRank.BEST]
    assert means.notes[0] == "Scale: as each metric."


def test_an_edit_without_a_score_has_no_score_in_its_row() -> None:
    rows = to_rows(small_set(), result("a", [1, 2, 3, None]), "gpt")
    assert "success" not in rows[3] and "o_score" not in rows[3] and rows[0]["success"] == 1 == rows[0]["pq_score"]


def test_an_editor_without_any_score_has_no_figures() -> None:
    results = BenchResults("small", "v", ITEMS, [result("a", [None] * 4), result("b", [4] * 4)])
    means, _ = build_protocol(small_set(), PROTOCOL, results, [])
    assert means.rows[0].cells == [None]
