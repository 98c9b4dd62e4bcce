"""Tests of tables with images: Parquet and Arrow files, rows in any order, broken cells and files."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from helpers.bench_files import encode_image, to_cells, write_arrow, write_parquet
from omniedit.errors import UserError
from omniedit.evaluation.bench.sets.image_tables import find_cell, find_tables, get_image, read_tables
from omniedit.exchange.cells import BadRow
from omniedit.exchange.image_files import BadImage

ROWS = [{"idx": number, "image": encode_image(number), "mask": encode_image(100 + number)} for number in range(7)]


def write_arrow_file(path: Path, rows: list[dict[str, Any]]) -> Path:
    table = to_cells(rows)
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table, max_chunksize=3)
    return path


@pytest.mark.parametrize(
    ("write", "name"), [(write_parquet, "a.parquet"), (write_arrow, "a.arrow"), (write_arrow_file, "b.arrow")]
)
def test_images_are_read_in_any_order(tmp_path: Path, write: Callable[..., Path], name: str) -> None:
    rows = list(read_tables(write(tmp_path / name, ROWS)))
    assert [place for place, _ in rows] == [f"{name}:{number}" for number in range(7)]
    assert [row["idx"] for _, row in rows] == list(range(7))
    for number in (3, 4, 0, 6, 6, 1):
        assert rows[number][1]["image"]() == ROWS[number]["image"]
        assert rows[number][1]["mask"]() == ROWS[number]["mask"]


def test_images_are_read_by_several_threads_at_once(tmp_path: Path) -> None:
    rows = [row for _, row in read_tables(write_parquet(tmp_path / "a.parquet", ROWS))]
    places = [number % len(rows) for number in range(200)]
    with ThreadPoolExecutor(8) as pool:
        read = list(pool.map(lambda place: rows[place]["image"](), places))
    assert read == [ROWS[place]["image"] for place in places]


def test_reading_rows_in_order_opens_a_file_once_per_column(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [row for _, row in read_tables(write_parquet(tmp_path / "a.parquet", ROWS))]
    opened: list[str] = []
    original = pq.ParquetFile
    monkeypatch.setattr(pq, "ParquetFile", lambda file, **options: opened.append("") or original(file, **options))
    assert [row["image"]() for row in rows] == [row["image"] for row in ROWS]
    assert len(opened) == 1


def test_a_saved_data_set_is_read_without_the_files_that_its_filter_left_beside_it(tmp_path: Path) -> None:
    write_arrow(tmp_path / "data-00000-of-00001.arrow", ROWS)
    write_arrow(tmp_path / "cache-4a0cd5f9fffa243f.arrow", ROWS)
    assert len(list(read_tables(tmp_path))) == len(ROWS)


def test_plain_bytes_are_read_as_an_image(tmp_path: Path) -> None:
    pq.write_table(pa.table({"image": [b"one", b"two"]}), tmp_path / "a.parquet")
    assert [row["image"]() for _, row in read_tables(tmp_path)] == [b"one", b"two"]


def test_an_empty_cell_raises_an_error_when_its_image_is_read(tmp_path: Path) -> None:
    rows = [ROWS[0], {**ROWS[1], "image": None}]
    read = [row for _, row in read_tables(write_parquet(tmp_path / "a.parquet", rows))]
    with pytest.raises(BadImage, match=r"a.parquet:1: column 'image' has no image"):
        read[1]["image"]()


def test_a_column_without_images_rejects_its_rows() -> None:
    with pytest.raises(BadRow, match="has no image in image or source"):
        get_image({"image": "a.png"}, "image", "source")
    assert find_cell({}, "image") is None


def test_files_are_chosen_by_their_split(tmp_path: Path) -> None:
    for split in ("test", "validation"):
        write_parquet(tmp_path / f"data/{split}-00000-of-00001.parquet", ROWS[:1])
    assert [file.name for file in find_tables(tmp_path, "test-")] == ["test-00000-of-00001.parquet"]


def test_unsupported_files_raise_errors(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no Parquet or Arrow file"):
        list(read_tables(tmp_path))
    (tmp_path / "a.arrow").write_bytes(b"no arrow")
    with pytest.raises(UserError, match=r"a.arrow: not a valid Arrow file"):
        list(read_tables(tmp_path))
    (tmp_path / "a.parquet").write_bytes(b"no parquet")
    with pytest.raises(UserError, match=r"a.parquet: not a valid Parquet file"):
        list(read_tables(tmp_path))
