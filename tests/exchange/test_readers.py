"""Tests of rows of data files: containers, encodings, damage, and parts that together have each row once."""

import gzip
import io
import json
import random
import tarfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from helpers.tars import make_tar
from omniedit.errors import UserError
from omniedit.exchange.inputs import DataFile, Part
from omniedit.exchange.layout import Layout, check_layout
from omniedit.exchange.readers import read_rows
from omniedit.exchange.rows import Row
from omniedit.pairs import Rejection

LAYOUT = check_layout({"columns": {"s": "source?", "e": "edited", "i": "instruction", "n": "turn? int64"}}, "test")


def read(file: Path, index: int = 0, count: int = 1, layout: Layout = LAYOUT) -> list[Row | Rejection]:
    return list(read_rows(Part(DataFile(str(file), file.name), index, count), layout))


def values(items: list[Row | Rejection]) -> list[Any]:
    return [dict(item.values) if isinstance(item, Row) else item.reason for item in items]


def write(path: Path, content: str | bytes, encoding: str = "utf-8") -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
def test_csv_is_read_in_the_encodings_of_spreadsheets(encoding: str, tmp_path: Path) -> None:
    text = 's,e,i,n\r\na.png,b.png,"Say ""hi"",\r\nthen go",2\r\nc.png,d.png,caf\u00e9,\r\n'
    assert values(read(write(tmp_path / "x.csv", text, encoding))) == [
        {"s": "a.png", "e": "b.png", "i": 'Say "hi",\r\nthen go', "n": 2},
        {"s": "c.png", "e": "d.png", "i": "caf\u00e9", "n": None},
    ]


def test_faulty_csv_rows_are_rejected_and_the_rest_is_read(tmp_path: Path) -> None:
    items = read(write(tmp_path / "x.csv", 's,e,i,n\na,b,c,d,e\na,b,c,two\na,b\na,b,c,3\na,b,"c\n'))
    assert values(items) == [
        "more cells than columns; quote cells that contain the separator",
        "column 'n': 'two' is not of type int64",
        {"s": "a", "e": "b", "i": None, "n": None},
        {"s": "a", "e": "b", "i": "c", "n": 3},
        "not CSV: unexpected end of data",
    ]
    assert isinstance(items[0], Rejection) and items[0].source_id == "x.csv:0"


def test_tsv_cells_are_separated_by_tabs(tmp_path: Path) -> None:
    assert values(read(write(tmp_path / "x.tsv", "s\te\ti\n1\t2\t3,4\n"))) == [{"s": "1", "e": "2", "i": "3,4"}]


def test_jsonl_lines_are_read_plain_and_gzipped(tmp_path: Path) -> None:
    content = b'{"s": 1, "t": "\xc3\xa9\xe2\x80\xa8"}\n\n[1]\nnot json\n{"s": NaN}\n'
    for file in (write(tmp_path / "x.jsonl", content), write(tmp_path / "x.jsonl.gz", gzip.compress(content))):
        first, second, third, fourth = values(read(file))
        assert first == {"s": 1, "t": "\u00e9\u2028"} and second.startswith("not a JSON object")
        assert third.startswith("not JSON: Expecting value") and fourth["s"] != fourth["s"]


def test_lines_that_are_not_utf_8_are_rejected(tmp_path: Path) -> None:
    reason = "the text is not UTF-8; save the file as UTF-8"
    good, bad = values(read(write(tmp_path / "x.csv", "s,e,i\n1,2,caf\xe9\n1,2,cafe\n", "latin-1")))[::-1]
    assert good == {"s": "1", "e": "2", "i": "cafe"} and bad == reason
    assert values(read(write(tmp_path / "x.jsonl", '{"s": "caf\xe9"}', "latin-1"))) == [f"not JSON: {reason}"]


def test_json_list_items_are_read_across_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("omniedit.exchange.text_rows._CHUNK", 7)
    items = [{"s": "x" * length, "list": [{"a": "]},{"}] * length} for length in range(9)]
    file = write(tmp_path / "x.json", "\ufeff " + json.dumps(items, indent=1))
    assert values(read(file)) == items
    assert values(read(file, 1, 4)) == items[1::4]


def test_json_lists_are_read_in_the_encodings_of_lines(tmp_path: Path) -> None:
    assert values(read(write(tmp_path / "x.json", '[{"s": "caf\xe9"}]', "utf-16"))) == [{"s": "caf\xe9"}]
    bad, good = values(read(write(tmp_path / "y.json", '[{"s": "caf\xe9"}, {"s": "1"}]', "latin-1")))
    assert bad == "not JSON: the text is not UTF-8; save the file as UTF-8" and good == {"s": "1"}


def test_rows_that_are_nested_too_deeply_are_rejected(tmp_path: Path) -> None:
    lines = "".join('{"s": ' + "[" * depth + "]" * depth + "}\n" for depth in (49, 50, 300, 5000))
    shallow, *deep = values(read(write(tmp_path / "x.jsonl", lines)))
    assert "s" in shallow and deep == ["not JSON: nested too deeply"] * 3


@pytest.mark.parametrize("content", ['{"a": 1}', "", '[{"a": }]', "[" * 5000])
def test_file_without_a_json_list_raises_error(content: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"x\.json: not a list in JSON"):
        read(write(tmp_path / "x.json", content))


def test_parquet_is_dealt_by_row_group_or_by_row(tmp_path: Path) -> None:
    table = pa.table({"s": list(range(10)), "e": ["e"] * 10, "i": ["i"] * 10})
    pq.write_table(table, tmp_path / "x.parquet", row_group_size=2)
    numbers = [[row["s"] for row in values(read(tmp_path / "x.parquet", part, 3))] for part in range(3)]
    assert numbers == [[0, 1, 6, 7], [2, 3, 8, 9], [4, 5]]
    numbers = [[row["s"] for row in values(read(tmp_path / "x.parquet", part, 7))] for part in range(7)]
    assert sorted(number for part in numbers for number in part) == list(range(10)) and numbers[0] == [0, 7]


def test_truncated_parquet_raises_error_and_a_damaged_row_group_is_listed(tmp_path: Path) -> None:
    file = tmp_path / "x.parquet"
    columns = {"s": [bytes([row]) * 99 for row in range(8)], "e": ["e"] * 8, "i": ["i"] * 8}
    pq.write_table(pa.table(columns), file, row_group_size=4, compression="none", use_dictionary=False)
    content = bytearray(file.read_bytes())
    place = content.index(bytes([5]) * 99)
    content[place - 8 : place] = b"\xff" * 8
    file.write_bytes(content)
    *rows, damaged = read(file)
    assert [row.number for row in rows if isinstance(row, Row)] == list(range(len(rows)))
    assert isinstance(damaged, Rejection) and "damaged" in damaged.reason and damaged.source_id.startswith("x.parquet:")
    file.write_bytes(bytes(content[: len(content) // 2]))
    with pytest.raises(UserError, match=r"x\.parquet: not a valid Parquet file"):
        read(file)


def test_file_without_rows_yields_nothing(tmp_path: Path) -> None:
    pq.write_table(pa.table({"s": [], "e": [], "i": []}), tmp_path / "x.parquet")
    assert read(tmp_path / "x.parquet") == []
    assert read(write(tmp_path / "x.csv", "s,e,i\n")) == []
    assert read(write(tmp_path / "x.jsonl", "")) == []
    assert read(write(tmp_path / "x.json", "[]")) == []


def test_missing_column_error_lists_the_existing_columns(tmp_path: Path) -> None:
    expected = (
        r"has no column i; the columns are s, e, j; name other columns with --columns source=\.\.\.,edited=\.\.\."
    )
    pq.write_table(pa.table({"s": [1], "e": [2], "j": [3]}), tmp_path / "x.parquet")
    with pytest.raises(UserError, match=rf"x\.parquet: {expected}"):
        read(tmp_path / "x.parquet")
    with pytest.raises(UserError, match=rf"x\.csv: {expected}"):
        read(write(tmp_path / "x.csv", "s,e,j\n1,2,3\n"))
    with pytest.raises(UserError, match="has no column for source"):
        read(write(tmp_path / "y.csv", "e,i\n2,3\n"))


def test_tar_samples_are_read_and_unusable_members_rejected(tmp_path: Path) -> None:
    link = tarfile.TarInfo("2.png")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    tar = make_tar(
        *(("0.s.png", b"a"), ("0.e.jpg", b"b"), ("0.json", b'{"i": "go", "s": "hidden"}')),
        *(
            ("1.txt", b"text\n"),
            ("1.json", b"[1"),
            (link, b""),
            ("../3.png", b"c"),
            ("3.bin", b"c"),
            ("4.meta.json", b"[1]"),
        ),
    )
    items = read(write(tmp_path / "x.tar", tar))
    kept = {item.key: dict(item.values) for item in items if isinstance(item, Row)}
    assert kept == {"0": {"i": "go", "s": "hidden", "s.png": b"a", "e.jpg": b"b"}, "4": {"meta": [1]}}
    reasons = {item.source_id: item.reason for item in items if isinstance(item, Rejection)}
    assert reasons["x.tar/2.png"] == "a link; links are not followed"
    assert reasons["x.tar/../3.png"] == "its name points outside the archive's folder"
    assert reasons["x.tar/1.json"].startswith("not JSON")


def test_tar_samples_are_dealt_to_parts(tmp_path: Path) -> None:
    file = write(tmp_path / "x.tar", make_tar(*((f"{number}.png", b"x") for number in range(5))))
    keys = [[row.key for row in read(file, part, 2) if isinstance(row, Row)] for part in range(2)]
    assert keys == [["0", "2", "4"], ["1", "3"]]


def test_endless_line_raises_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("omniedit.exchange.text_rows.MAX_LINE_LENGTH", 1000)
    with pytest.raises(UserError, match=r"x\.jsonl: a line has more than"):
        read(write(tmp_path / "x.jsonl", io.StringIO("x" * 5000).read()))


def test_semicolons_and_spaces_of_a_csv_header_are_read(tmp_path: Path) -> None:
    assert values(read(write(tmp_path / "x.csv", "s; e; i\na;b;c, d\n"))) == [{"s": "a", "e": "b", "i": "c, d"}]


@pytest.mark.parametrize("content", ['[{"s": 1}]', '[\n{"s": 1}\n]', '{\n"s": 1\n}'])
def test_json_under_a_name_of_jsonl_is_rejected_with_the_remedy(content: str, tmp_path: Path) -> None:
    assert values(read(write(tmp_path / "x.jsonl", content)))[0].endswith("rename it to .json")


def test_rows_before_the_damaged_end_of_a_file_are_read(tmp_path: Path) -> None:
    for name, content in (
        ("x.json", b'[{"s": 1}, {'),
        ("x.jsonl.gz", gzip.compress(b'{"s": 1}\n' + random.Random(0).randbytes(1 << 17).hex().encode())[:-9000]),
    ):
        first, *_, last = values(read(write(tmp_path / name, content)))
        assert first == {"s": 1} and last.endswith("the rest of the file is lost"), last


def test_two_columns_of_one_name_raise_an_error(tmp_path: Path) -> None:
    pq.write_table(pa.table([["a"], ["b"], ["c"]], names=["s", "s", "i"]), tmp_path / "x.parquet")
    for file in (tmp_path / "x.parquet", write(tmp_path / "x.csv", "s,s,i\na,b,c\n")):
        with pytest.raises(UserError, match="has two columns named 's'"):
            read(file)


def test_double_dots_in_names_of_tar_members_are_read(tmp_path: Path) -> None:
    file = write(tmp_path / "x.tar", make_tar(("0..1.jpg", b"a"), ("0..2.jpg", b"b")))
    assert values(read(file)) == [{"1.jpg": b"a", "2.jpg": b"b"}]


def test_a_repeated_member_of_a_tar_begins_another_sample(tmp_path: Path) -> None:
    once = [(f"a.{name}", text.encode()) for name, text in (("s.txt", "1"), ("e.txt", "2"), ("json", '{"i": "Go."}'))]
    again = [("a.s.txt", b"3"), ("a.e.txt", b"4"), ("a.json", b'{"i": "On."}')]
    rows = read(write(tmp_path / "x.tar", make_tar(*once, *again) + make_tar(*once)))
    assert [row.values["i"] for row in rows if isinstance(row, Row)] == ["Go.", "On.", "Go."]
