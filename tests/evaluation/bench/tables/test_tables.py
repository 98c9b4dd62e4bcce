"""Tests of a bench's tables."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from omniedit.evaluation.agreement.ratings import Rating
from omniedit.evaluation.bench.edit_records import EditRecord
from omniedit.evaluation.bench.tables.builders import (
    DIFFERENCE_ROW,
    build_counts,
    build_differences,
    build_groups,
    build_table3,
)
from omniedit.evaluation.bench.tables.grid import FigureColumn, FigureRank, FigureRow, Figures
from omniedit.evaluation.bench.tables.header import describe_results
from omniedit.evaluation.bench.tables.render import escape_latex, to_latex, to_markdown
from omniedit.evaluation.bench.tables.results import BenchResults, EditorResult
from omniedit.evaluation.bench.tables.write import write_tables
from omniedit.evaluation.table3 import Interval

NAN = float("nan")
ITEMS = [
    {
        "item_id": f"i{number}",
        "task": ("swap", "style")[number % 2],
        "image_id": f"image{number // 2}",
        "ratio": ("1x1", "3x2")[number // 10],
        "session": None,
        "turn": None,
    }
    for number in range(20)
]


def score_row(item: dict, o: float, judge: str) -> dict:
    about = {"judge_version": f"{judge}-v1", "rubric": "edit", "prompt_hash": "abc", "sampling": "greedy"}
    return item | about | {"status": "scored", "sc_score": o, "pq_score": o + 1, "o_score": o}


def result(name: str, level: float, failing: int = 0, section: str = "", is_baseline: bool = False) -> EditorResult:
    rng = np.random.default_rng(len(name))
    rows = [score_row(item, level + rng.normal(0, 0.1), "gpt") for item in ITEMS]
    other = [score_row(item, row["o_score"] - 1, "gemini") for item, row in zip(ITEMS, rows, strict=True)]
    for number in range(failing):
        rows[number] = ITEMS[number] | {"status": "failure", "o_score": None, "reasoning": "no"}
        other[number] = ITEMS[number] | {"status": "unscorable", "o_score": None, "reasoning": "no"}
    records = {
        item["item_id"]: EditRecord(
            item["item_id"],
            "failure" if number < failing else "edited",
            "r",
            f"{name}-v1",
            7,
            output=(512, 512),
            size=(600, 400),
            restore="resize",
        )
        for number, item in enumerate(ITEMS)
    }
    scores = {"gpt": rows, "gemini": other}
    return EditorResult(name, name, section, is_baseline, "512 x 512, stretched", records, scores)


def results(*editors: EditorResult, **changes) -> BenchResults:
    return BenchResults("small", "f" * 64, ITEMS, editors, **changes)


THREE = (result("no_edit", 9, section="Baselines", is_baseline=True), result("rival", 4), result("mine", 5))


def test_best_is_bold_second_underlined_and_the_lead_is_over_the_best_rival() -> None:
    grid = build_table3(results(*THREE), "mine")
    assert [(column.heading, column.label) for column in grid.columns[:3]] == [
        ("gpt", "PQ"),
        ("gpt", "SC"),
        ("gpt", "O"),
    ]
    assert grid.places(2) == {2: FigureRank.BEST, 1: FigureRank.SECOND}
    lead = grid.rows[-1]
    assert lead.label == DIFFERENCE_ROW
    mine, rival = grid.rows[2].cells[2], grid.rows[1].cells[2]
    assert lead.cells[2].mean == pytest.approx(mine.mean - rival.mean)
    lines = "\n".join(to_markdown(grid))
    assert f"| **{mine.mean:.2f}" in lines and f"| <u>{rival.mean:.2f}" in lines and "| +1." in lines


@pytest.mark.parametrize(
    ("outputs", "shown"),
    [
        ([(600, 400)], "the source's"),
        ([(512, 512), (300, 200)], "300 x 200, 512 x 512"),
        ([(512, 512), (600, 400)], "the source's, 512 x 512"),
    ],
)
def test_header_shows_the_sizes_of_all_outputs(outputs: list[tuple[int, int]], shown: str) -> None:
    editor = result("mine", 5)
    records = {
        name: replace(record, output=outputs[number % len(outputs)])
        for number, (name, record) in enumerate(editor.records.items())
    }
    lines = "\n".join(describe_results(results(replace(editor, records=records))))
    assert f"| {shown} | resize |" in lines


def test_failures_are_counted_and_not_averaged_as_0() -> None:
    failing = result("mine", 5, failing=4)
    found = results(failing, result("rival", 4))
    grid = build_table3(found, None)
    assert grid.rows[0].cells[2].mean == pytest.approx(5, abs=0.1)
    counts = build_counts(found)
    by_label = dict(zip([f"{c.heading} {c.label}".strip() for c in counts.columns], counts.rows[0].cells, strict=True))
    assert by_label == {
        "items": "20",
        "edited": "16",
        "failures": "4",
        "refusals": "0",
        "not run": "0",
        "gpt scored": "16",
        "gpt unscorable": "0",
        "gemini scored": "16",
        "gemini unscorable": "4",
    }


def test_ratings_by_people_are_columns_with_the_share_of_full_success() -> None:
    def rate(item: str, rater: str, sc: float) -> Rating:
        return Rating((item, "mine", ""), rater, {"sc": sc, "pq": 1.0, "o": sc**0.5})

    ratings = {"mine": [rate("i0", "a", 1.0), rate("i0", "b", 0.5), rate("i1", "a", 0.0)]}
    grid = build_table3(results(*THREE, ratings=ratings), "mine")
    labels = [column.label for column in grid.columns if column.heading == "people"]
    cells = grid.rows[2].cells[-4:]
    assert labels == ["PQ", "SC", "O", "Acc"]
    assert [cell.mean for cell in cells] == pytest.approx([1, 0.375, (1 + 0.5**0.5) / 4, 0.25])
    assert grid.rows[1].cells[-4:] == [None] * 4


def test_every_item_belongs_to_one_group() -> None:
    grid = build_groups(results(*THREE), "gpt", "ratio")
    assert [column.label for column in grid.columns] == ["1x1", "3x2"]
    assert grid.notes == ["Items: 1x1 10, 3x2 10."]


def test_a_clear_difference_is_significant() -> None:
    grid = build_differences(results(*THREE[1:]), "gpt")
    (row,) = grid.rows
    assert row.label == "rival - mine" and row.cells[0].mean == pytest.approx(-1, abs=0.1)
    assert row.cells[1] == "20" and row.cells[2].mean == 2 / 2**10 and row.cells[-1] == "yes"


def test_figures_that_print_equally_share_a_place() -> None:
    cells = [Interval(value, NAN, NAN) for value in (1.001, 1.004, 0.9)]
    grid = Figures("t", [FigureColumn("", "x")], [FigureRow(str(cell.mean), [cell]) for cell in cells])
    assert grid.places(0) == {0: FigureRank.BEST, 1: FigureRank.BEST, 2: FigureRank.SECOND}
    lower = Figures("t", [FigureColumn("", "x", sign=-1)], grid.rows)
    assert lower.places(0)[2] == FigureRank.BEST
    assert Figures("t", [FigureColumn("", "x", sign=0)], grid.rows).places(0) == {}
    assert Figures("t", [FigureColumn("", "x")], grid.rows[:1]).places(0) == {}


def test_three_formats_have_the_same_figures_and_state_the_settings(tmp_path: Path) -> None:
    markdown, latex, table = write_tables(tmp_path, results(*THREE), "mine")
    text = markdown.read_text()
    for fact in ("gpt-v1", "abc", "greedy", "mine-v1", "512 x 512", "stretched", "| 7 |", "version `ffff"):
        assert fact in text, fact
    rows = list(csv.DictReader(table.open()))
    (mine,) = (
        row
        for row in rows
        if (row["row"], row["heading"], row["column"]) == ("mine", "gpt", "O") and "0 to 10" in row["table"]
    )
    assert f"{float(mine['value']):.2f}" in text and mine["place"] == "1" and float(mine["low"]) < float(mine["high"])
    assert rf"\textbf{{{float(mine['value']):.2f}}}" in latex.read_text()
    assert latex.read_text().count("\\begin{table}") == latex.read_text().count("\\end{table}") > 3


def test_normalised_table_divides_by_ten(tmp_path: Path) -> None:
    write_tables(tmp_path, results(*THREE), None)
    rows = [
        row for row in csv.DictReader((tmp_path / "table.csv").open()) if row["row"] == "mine" and row["column"] == "O"
    ]
    whole = [float(row["value"]) for row in rows if "scores from 0 to 10" in row["table"]]
    even = [float(row["value"]) for row in rows if "same scores from 0 to 1" in row["table"]]
    assert even == pytest.approx([value / 10 for value in whole])


def test_latex_labels_are_escaped() -> None:
    assert escape_latex(r"50 % of A_1 & {B}\~^ #$") == (
        r"50 \% of A\_1 \& \{B\}\textbackslash{}\textasciitilde{}\textasciicircum{} \#\$"
    )
    grid = Figures("a & b", [FigureColumn("", "x_1")], [FigureRow("100 %", ["<none>"])])
    assert r"100 \% & \textless{}none\textgreater{} \\" in to_latex(grid)


def test_markdown_labels_are_escaped() -> None:
    grid = Figures("t", [FigureColumn("", "x")], [FigureRow("a | b\n| c", [Interval(1, NAN, NAN)])])
    assert r"| a \| b \| c | 1.00 |" in to_markdown(grid)
