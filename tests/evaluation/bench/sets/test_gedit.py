"""Tests of GEdit-Bench: reader, the scripts' CSV files, the table of calculate_statistics.py by a worked example."""

from math import sqrt
from pathlib import Path

import pytest

from helpers.bench_files import encode_image, write_arrow, write_csv, write_parquet
from omniedit.errors import UserError
from omniedit.evaluation.bench.sets import gedit
from omniedit.evaluation.bench.sets.registry import BENCHMARKS

ROWS = [
    {
        "task_type": task,
        "key": f"k{number}",
        "instruction": text,
        "instruction_language": language,
        "input_image": encode_image(number),
        "input_image_raw": encode_image(100 + number),
        "Intersection_exist": number % 2 == 0,
    }
    for number, (task, language, text) in enumerate(
        [
            ("color_alter", "en", "make it red"),
            ("subject-add", "cn", "\u52a0\u4e00\u53ea\u732b"),
            ("text_change", "en", "say hi"),
        ]
    )
]


def test_each_language_has_its_own_items(tmp_path: Path) -> None:
    write_parquet(tmp_path / "train-00000-of-00001.parquet", ROWS)
    bench = BENCHMARKS["gedit-en"].read(tmp_path)
    assert [item.item_id for item in bench.items] == ["color_alter/en/k0", "text_change/en/k2"]
    assert bench.items[0].source() == ROWS[0]["input_image"]
    assert bench.items[0].extra == {"language": "en", "intersection": True}
    assert bench.name == "gedit-en" and not bench.rejected
    assert [item.instruction for item in BENCHMARKS["gedit-cn"].read(tmp_path).items] == ["\u52a0\u4e00\u53ea\u732b"]


def test_the_arrow_files_of_the_download_give_the_same_set(tmp_path: Path) -> None:
    parquet = write_parquet(tmp_path / "a.parquet", ROWS)
    arrow = write_arrow(tmp_path / "data-00000-of-00001.arrow", ROWS)
    assert gedit.read(parquet, "en").version == gedit.read(arrow, "en").version


def test_a_key_outside_the_folder_is_rejected(tmp_path: Path) -> None:
    write_parquet(tmp_path / "a.parquet", [ROWS[0], {**ROWS[2], "key": "../../x"}])
    assert "the id is not a path" in gedit.read(tmp_path, "en").rejected["a.parquet:1"]


def make_row(task: str, sc: float | None, pq: float | None, intersection: bool = True) -> dict[str, object]:
    return {"item_id": f"{task}{sc}{pq}", "task": task, "sc_score": sc, "pq_score": pq, "intersection": intersection}


def test_table_averages_the_means_of_tasks() -> None:
    rows = [make_row("color_alter", 9, 4), make_row("color_alter", 4, 4, False), make_row("text_change", 0, 8)]
    table = {row.name: row for row in gedit.aggregate(rows)}
    assert table["color_alter"].values["O"] == pytest.approx((6 + 4) / 2)
    assert table["color_alter"].values["O (intersection)"] == 6
    assert table["text_change"].values["O"] == 0
    mean = table["mean of groups"]
    assert mean.values["SC"] == pytest.approx((6.5 + 0) / 2)
    assert mean.values["O"] == pytest.approx(2.5)
    assert mean.values["O (intersection)"] == pytest.approx(3)
    assert mean.items == 3 and not mean.missing and not mean.official


def test_an_edit_without_a_score_is_omitted_and_named() -> None:
    table = gedit.aggregate([make_row("color_alter", 9, 4), make_row("color_alter", None, 7)])
    assert table[0].missing == ("color_alterNone7",) and table[0].items == 2
    assert table[0].values["SC"] == 9 and table[0].values["PQ"] == 4


def test_recorded_scores_reproduce_the_table(tmp_path: Path) -> None:
    scores = [
        ("color_alter", "a", 7, 6, "en", True),
        ("color_alter", "b", 2, 8, "en", False),
        ("subject-add", "c", 9, 9, "cn", True),
    ]
    for task in ("color_alter", "subject-add"):
        rows = [
            {
                "source_image": f"out/m/fullset/{task}/{language}/{key}_SRCIMG.png",
                "edited_image": f"out/m/fullset/{task}/{language}/{key}.png",
                "instruction": "x",
                "sementics_score": sc,
                "quality_score": pq,
                "intersection_exist": shared,
                "instruction_language": language,
            }
            for named, key, sc, pq, language, shared in scores
            if named == task
        ]
        write_csv(tmp_path / f"m_{task}_gpt_score.csv", rows)
        write_csv(tmp_path / "m_combined_gpt_score.csv", rows)
    rows = BENCHMARKS["gedit-en"].read_recorded(tmp_path)
    assert [row["item_id"] for row in rows] == ["color_alter/en/a", "color_alter/en/b"]
    mean = gedit.aggregate(rows)[-1].values
    assert mean["O"] == pytest.approx((sqrt(42) + 4) / 2) and mean["SC (intersection)"] == 7


def test_a_file_with_other_columns_is_an_error(tmp_path: Path) -> None:
    write_csv(tmp_path / "m_a_gpt_score.csv", [{"semantics_score": 3}])
    with pytest.raises(UserError, match=r"not a file of test_gedit_score.py: KeyError\('edited_image'\)"):
        BENCHMARKS["gedit-en"].read_recorded(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xf0\x00\xff", "not CSV in UTF-8"),
        (b"", "has no score of GEdit-Bench"),
        (b"edited_image\n", "has no score of"),
    ],
)
def test_recorded_scores_of_another_form_or_without_a_row_are_an_error(
    content: bytes, message: str, tmp_path: Path
) -> None:
    (tmp_path / "m_a_gpt_score.csv").write_bytes(content)
    with pytest.raises(UserError, match=message):
        BENCHMARKS["gedit-en"].read_recorded(tmp_path)
