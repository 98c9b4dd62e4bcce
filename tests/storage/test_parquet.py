"""Tests that tables are read and written without pandas, which is slow to load."""

import subprocess
import sys
from pathlib import Path

import pytest

from omniedit.storage.parquet import mark_formula, read_csv, unmark_formula

PROGRAM = """
import sys
from pathlib import Path
import pyarrow as pa
from omniedit.run.program import run_program
from omniedit.storage.parquet import read_rows, write_rows

def main():
    path = Path(sys.argv[1])
    write_rows(path, [{"name": "a", "score": 1.5}, {"name": None, "score": None}], SCHEMA)
    print(read_rows(path), "pandas" in sys.modules)

SCHEMA = pa.schema([("name", pa.string()), ("score", pa.float64())])
run_program(main)
"""


def run(program: str, *arguments: object) -> str:
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_rows_are_written_and_read_without_pandas(tmp_path: Path) -> None:
    rows = [{"name": "a", "score": 1.5}, {"name": None, "score": None}]
    assert run(PROGRAM, tmp_path / "table.parquet") == f"{rows} False\n"


def test_pandas_still_loads_on_demand() -> None:
    program = (
        "import sys; from omniedit.storage.parquet import convert_without_pandas; convert_without_pandas()\n"
        "import pyarrow as pa; print('pandas' in sys.modules)\n"
        "print(len(pa.table({'a': [1, 2]}).to_pandas()), 'pandas' in sys.modules)"
    )
    assert run(program) == "False\n2 True\n"


def test_already_loaded_pandas_stays_in_use() -> None:
    program = (
        "import pandas; from omniedit.storage.parquet import convert_without_pandas; convert_without_pandas()\n"
        "import pyarrow as pa; print(pa.array(pandas.Series([1, None])).null_count)"
    )
    assert run(program) == "1\n"


@pytest.mark.parametrize(
    ("table", "row"),
    [
        ("id;text\n001;a, b\n", {"id": "001", "text": "a, b"}),
        ("id\ttext\n001\ta, b\n", {"id": "001", "text": "a, b"}),
        ("id|text\n001|a, b\n", {"id": "001", "text": "a, b"}),
        ('\ufeffid;"b, c";d\n001;x;y\n', {"id": "001", "b, c": "x", "d": "y"}),
        ('id,"b;c;d"\n001,x\n', {"id": "001", "b;c;d": "x"}),
        ("id\n001\n", {"id": "001"}),
        ("sep=|\nid|b;c\n001|x\n", {"id": "001", "b;c": "x"}),
        ("id , a\n001, x\n", {"id": "001", "a": " x"}),
    ],
)
def test_the_separator_is_that_of_the_header(tmp_path: Path, table: str, row: dict[str, str]) -> None:
    (tmp_path / "x.csv").write_text(table, encoding="utf-8")
    assert read_csv(tmp_path / "x.csv") == [row]


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("9223372036854775807", "9223372036854775807"),
        ("-9223372036854775808", "-9223372036854775808"),
        ("9223372036854775808", "'9223372036854775808"),
        ("-9223372036854775809", "'-9223372036854775809"),
        ("'9223372036854775808", "''9223372036854775808"),
        ("9" * 5000, "'" + "9" * 5000),
        ("-1.5e30", "-1.5e30"),
        ("123456789012345678.5", "123456789012345678.5"),
    ],
)
def test_integers_beyond_64_bits_are_marked_as_text_and_read_back(value: str, cell: str) -> None:
    assert mark_formula(value) == cell
    assert unmark_formula(cell) == value
