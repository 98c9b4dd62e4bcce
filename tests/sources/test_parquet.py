"""Rows of Parquet with picture bytes under any of the accepted names; a damaged row group costs its own rows."""

import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from omniedit.errors import UserError
from omniedit.sources.archived import MAX_BYTES, ArchivedPhoto, LeftOut
from omniedit.sources.parquet import parquet_photos


def found(table: pa.Table | bytes, **options: Any) -> list[ArchivedPhoto | LeftOut]:
    file = io.BytesIO(table if isinstance(table, bytes) else written(table, **options))
    return list(parquet_photos(file, "x.parquet"))


def written(table: pa.Table, **options: Any) -> bytes:
    file = io.BytesIO()
    pq.write_table(table, file, **options)
    return file.getvalue()


def test_names_and_kinds_of_columns() -> None:
    bytes_of_hub = pa.array(
        [{"bytes": b"one", "path": "a.jpg"}], pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    )
    for table, expected in (
        ({"image": bytes_of_hub, "TEXT": ["a  dog"], "URL": ["https://a"]}, ("0", "a dog", "https://a", "unknown")),
        ({"jpg": pa.array([b"one"], pa.large_binary()), "key": [7]}, ("7", "", "", "unknown")),
        ({"image": ["a path"], "image_bytes": [b"one"], "caption": [None], "License": ["CC0"]}, ("0", "", "", "CC0")),
        ({"Webp": [b"one"], "text": ["second"], "caption": ["first"]}, ("0", "first", "", "unknown")),
    ):
        (photo,) = found(pa.table(table))
        assert isinstance(photo, ArchivedPhoto) and (photo.place, photo.encoded) == ("x.parquet:0", b"one")
        assert (photo.key, photo.caption.caption, photo.caption.origin, photo.caption.licence) == expected


def test_named_objects_are_read() -> None:
    box = [0.0, 0.0, 0.5, 0.5]
    objects = [[{"name": "dog", "box": box}], [{"name": "cat", "box": None}, {"name": None, "box": box}]]
    first, second, warned = found(pa.table({"image": [b"one", b"two"], "objects": objects}))
    assert isinstance(first, ArchivedPhoto) and isinstance(second, ArchivedPhoto)
    assert first.caption.objects[0].box == (0, 0, 0.5, 0.5) and second.caption.objects[0].name == "cat"
    assert warned == LeftOut("x.parquet:1", "objects[1]: has no name", "warned")


def test_rows_without_a_picture_and_text_that_is_not_utf8() -> None:
    captions = pa.array([b"\xff!", b"b", b"c"], pa.binary()).view(pa.binary())
    table = pa.table({"image": [b"one", None, b""], "caption": pa.StringArray.from_buffers(3, *captions.buffers()[1:])})
    photo, *rest = found(table)
    assert isinstance(photo, ArchivedPhoto) and photo.caption.caption == "\ufffd!"
    assert rest == [LeftOut("x.parquet:1", "no picture"), LeftOut("x.parquet:2", "no picture")]


def test_a_path_in_a_row_is_never_followed() -> None:
    hub = pa.array([{"bytes": None, "path": "/etc/passwd"}], pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
    assert found(pa.table({"image": hub})) == [LeftOut("x.parquet:0", "no picture")]


def test_a_damaged_row_group_costs_its_own_rows() -> None:
    table = pa.table({"image": [bytes([65 + i]) * 5000 for i in range(30)]})
    options = {"row_group_size": 10, "compression": "gzip", "use_dictionary": False}
    content = bytearray(written(table, **options))
    start = pq.ParquetFile(io.BytesIO(bytes(content))).metadata.row_group(1).column(0).data_page_offset
    content[start + 30 : start + 60] = b"?" * 30
    entries = found(bytes(content))
    assert [entry.encoded[0] for entry in entries if isinstance(entry, ArchivedPhoto)] == [
        *range(65, 75),
        *range(85, 95),
    ]
    (left_out,) = [entry for entry in entries if isinstance(entry, LeftOut)]
    assert left_out.place == "x.parquet:10" and left_out.reason.startswith("rows 10 to 19 are damaged: ")


def test_a_row_group_is_not_read_whole() -> None:
    class Recorded(io.BytesIO):
        largest = 0

        def read(self, size: int | None = -1) -> bytes:
            self.largest = max(self.largest, size or 0)
            return super().read(size)

    table = pa.table({"image": [bytes(1 << 18)] * 64})
    file = Recorded(written(table, compression="none", use_dictionary=False, write_batch_size=8))
    assert len(list(parquet_photos(file, "x.parquet"))) == 64 and file.largest < 4 << 20


@pytest.mark.parametrize("cut", [0, 3, 500])
def test_what_is_no_whole_parquet_file_is_an_error(cut: int) -> None:
    content = written(pa.table({"image": [b"one" * 1000]}))
    with pytest.raises(UserError, match=r"^x\.parquet: not a whole Parquet file \(.*correct sources\.path"):
        found(content[:cut])


def test_a_table_without_pictures_tells_its_columns() -> None:
    with pytest.raises(UserError, match=r"^x\.parquet: .*'image', .*; it has url \(string\), image \(string\)$"):
        found(pa.table({"url": ["https://a"], "image": ["a.jpg"]}))


def test_a_picture_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("omniedit.sources.parquet.MAX_BYTES", 2)
    assert MAX_BYTES > 2
    assert found(pa.table({"image": [b"one"]})) == [LeftOut("x.parquet:0", "3 bytes, more than the 2 that are read")]
