"""Tests of a user's own table of items."""

import json
from pathlib import Path

import pytest

from helpers.small_bench import noise
from omniedit.errors import UserError
from omniedit.evaluation.bench.custom_set import read_plain
from omniedit.imaging.images import encode_png


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a", "b"):
        (tmp_path / f"{name}.png").write_bytes(encode_png(noise(ord(name))))
    return tmp_path


def test_a_csv_needs_source_and_instruction_only(folder: Path) -> None:
    (folder / "mine.csv").write_text("source,instruction\na.png,make it night\nb.png,make it day\n")
    bench = read_plain(folder / "mine.csv")
    assert [(item.item_id, item.task, item.instruction) for item in bench.items] == [
        ("00001", "edit", "make it night"),
        ("00002", "edit", "make it day"),
    ]
    assert bench.items[0].source() == (folder / "a.png").read_bytes() and bench.name == "mine"


def test_all_columns_reach_the_item(folder: Path) -> None:
    row = {"id": "x/1", "source": "a.png", "instruction": "i", "task": "swap", "target": "b.png", "mask": "b.png"}
    row |= {"source_caption": "s", "target_caption": "t", "session": "one", "turn": 2, "language": "en"}
    (folder / "mine.jsonl").write_text(json.dumps(row) + "\n")
    (item,) = read_plain(folder / "mine.jsonl").items
    assert (item.captions.source, item.captions.edited, item.session, item.turn) == ("s", "t", "one", 2)
    assert item.target is not None and item.mask is not None and dict(item.extra) == {"language": "en"}


def test_an_unusable_row_is_rejected_with_its_reason(folder: Path) -> None:
    rows = ["a.png,x,", "no.png,x,", "a.png,,", "a.png,x,zero", "a.png,x, now,"]
    (folder / "mine.csv").write_text("\n".join(["source,instruction,turn", *rows]))
    bench = read_plain(folder / "mine.csv")
    assert len(bench.items) == 1
    assert [reason.split(";")[0] for reason in bench.rejected.values()] == [
        "no.png: no such file",
        "column instruction is missing or empty",
        "turn 'zero' is not a number from 1",
        "has more cells than the table has columns",
    ]


def test_repeated_or_unsafe_ids_are_rejected_and_other_rows_used(folder: Path) -> None:
    ids = ["a", "a", "../b", "\u732b" * 90, "\u732b v1.5"]
    rows = [{"id": name, "source": "a.png", "instruction": "x"} for name in ids]
    (folder / "mine.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    bench = read_plain(folder / "mine.jsonl")
    assert [item.item_id for item in bench.items] == ["a", "\u732b v1.5"]
    assert list(bench.rejected) == ["row 2", "row 3", "row 4"]
    assert "that of an earlier row; give each row its own" in bench.rejected["row 2"]


def test_the_version_changes_with_texts_and_pixels(folder: Path) -> None:
    def version(text: str) -> str:
        (folder / "mine.csv").write_text(f"source,instruction\na.png,{text}\n")
        return read_plain(folder / "mine.csv").version

    first = version("x")
    assert version("x") == first != version("y")
    (folder / "a.png").write_bytes(encode_png(noise(1)))
    assert version("x") != first


@pytest.mark.parametrize("text", ["", "source,instruction\n", "picture,text\na.png,x\n"])
def test_a_table_without_a_usable_row_is_an_error(folder: Path, text: str) -> None:
    (folder / "mine.csv").write_text(text)
    with pytest.raises(UserError, match="no row"):
        read_plain(folder / "mine.csv")
