"""Tests of Parquet rows with image bytes under any accepted name; a damaged row group loses only its own rows."""

import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from omniedit.errors import UserError
from omniedit.sources.archive_items import MAX_BYTES, ArchivedPhoto, SkippedPart
from omniedit.sources.parquet import parquet_photos


def find_photos(table: pa.Table | bytes, **options: Any) -> list[ArchivedPhoto | SkippedPart]:
    file = io.BytesIO(table if isinstance(table, bytes) else write_table(table, **options))
    return list(parquet_photos(file, "x.parquet"))


def write_table(table: pa.Table, **options: Any) -> bytes:
    file = io.BytesIO()
    pq.write_table(table, file, **options)
    return file.getvalue()


def test_image_column_is_found_by_name_and_type() -> None:
    bytes_of_hub = pa.array(
        [{"bytes": b"one", "path": "a.jpg"}], pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    )
    for table, expected in (
        ({"image": bytes_of_hub, "TEXT": ["a  dog"], "URL": ["https://a"]}, ("0", "a dog", "https://a", "unknown")),
        ({"jpg": pa.array([b"one"], pa.large_binary()), "key": [7]}, ("7", "", "", "unknown")),
        ({"image": ["a path"], "image_bytes": [b"one"], "caption": [None], "License": ["CC0"]}, ("0", "", "", "CC0")),
        ({"Webp": [b"one"], "text": ["second"], "caption": ["first"]}, ("0", "first", "", "unknown")),
    ):
        (photo,) = find_photos(pa.table(table))
        assert isinstance(photo, ArchivedPhoto) and (photo.place, photo.encoded) == ("x.parquet:0", b"one")
        assert (photo.key, photo.caption.caption, photo.caption.origin, photo.caption.licence) == expected


def test_named_objects_are_read() -> None:
    box = [0.0, 0.0, 0.5, 0.5]
    objects = [[{"name": "dog", "box": box}], [{"name": "cat", "box": None}, {"name": None, "box": box}]]
    first, second, warned = find_photos(pa.table({"image": [b"one", b"two"], "objects": objects}))
    assert isinstance(first, ArchivedPhoto) and isinstance(second, ArchivedPhoto)
    assert first.caption.objects[0].box == (0, 0, 0.5, 0.5) and second.caption.objects[0].name == "cat"
    assert warned == SkippedPart("x.parquet:1", "objects[1]: has no name", "warned")


def test_rows_without_an_image_are_skipped_and_invalid_utf8_is_replaced() -> None:
    captions = pa.array([b"\xff!", b"b", b"c"], pa.binary()).view(pa.binary())
    table = pa.table({"image": [b"one", None, b""], "caption": pa.StringArray.from_buffers(3, *captions.buffers()[1:])})
    photo, *rest = find_photos(table)
    assert isinstance(photo, ArchivedPhoto) and photo.caption.caption == "\ufffd!"
    assert rest == [SkippedPart("x.parquet:1", "no image"), SkippedPart("x.parquet:2", "no image")]


def test_path_in_a_row_is_never_followed() -> None:
    hub = pa.array([{"bytes": None, "path": "/etc/passwd"}], pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
    assert find_photos(pa.table({"image": hub})) == [SkippedPart("x.parquet:0", "no image")]


def test_damaged_row_group_loses_only_its_own_rows() -> None:
    table = pa.table({"image": [bytes([65 + i]) * 5000 for i in range(30)]})
    options = {"row_group_size": 10, "compression": "gzip", "use_dictionary": False}
    content = bytearray(write_table(table, **options))
    start = pq.ParquetFile(io.BytesIO(bytes(content))).metadata.row_group(1).column(0).data_page_offset
    content[start + 30 : start + 60] = b"?" * 30
    entries = find_photos(bytes(content))
    assert [entry.encoded[0] for entry in entries if isinstance(entry, ArchivedPhoto)] == [
        *range(65, 75),
        *range(85, 95),
    ]
    (left_out,) = [entry for entry in entries if isinstance(entry, SkippedPart)]
    assert left_out.place == "x.parquet:10" and left_out.reason.startswith("rows 10 to 19 are damaged: ")


def test_row_group_is_read_in_small_pieces() -> None:
    class Recorded(io.BytesIO):
        largest = 0

        def read(self, size: int | None = -1) -> bytes:
            self.largest = max(self.largest, size or 0)
            return super().read(size)

    table = pa.table({"image": [bytes(1 << 18)] * 64})
    file = Recorded(write_table(table, compression="none", use_dictionary=False, write_batch_size=8))
    assert len(list(parquet_photos(file, "x.parquet"))) == 64 and file.largest < 4 << 20


@pytest.mark.parametrize("cut", [0, 3, 500])
def test_invalid_or_truncated_parquet_file_raises_error(cut: int) -> None:
    content = write_table(pa.table({"image": [b"one" * 1000]}))
    with pytest.raises(UserError, match=r"^x\.parquet: not a valid Parquet file \(.*give a Parquet file"):
        find_photos(content[:cut])


IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def images(content: bytes, kind: pa.DataType = IMAGE) -> pa.Array:
    image = {"bytes": content, "path": "a.jpg"}
    return pa.array([[image, image] if kind != IMAGE else image], kind)


@pytest.mark.parametrize(
    "columns",
    [
        {"omni_edit_id": pa.array(["a"]), "edited_img": images(b"edited"), "src_img": images(b"one")},
        {"original_image": images(b"one"), "edited_image": images(b"edited"), "original_prompt": pa.array(["a car"])},
        {"source_img": images(b"one"), "mask_img": images(b"mask"), "target_img": images(b"edited")},
        {"edited_image": images(b"edited"), "source_image": images(b"one"), "source_caption": pa.array(["a car"])},
        {"edited_file": images(b"edited"), "image_file": images(b"one")},
        {"image": images(b"one", pa.list_(IMAGE))},
        {"image": images(b"one", pa.large_list(IMAGE))},
        {"image": pa.array([b"one"]).dictionary_encode()},
        {"img": images(b"one"), "label": pa.array([1])},
        {"pixels": images(b"one"), "caption": pa.array(["a car"])},
    ],
)
def test_source_image_column_of_known_data_sets_is_found(columns: dict[str, pa.Array]) -> None:
    (photo,) = find_photos(pa.table(columns))
    assert isinstance(photo, ArchivedPhoto) and photo.encoded == b"one"
    named = any("caption" in name or "prompt" in name for name in columns)
    assert photo.caption.caption == ("a car" if named else "")


def test_image_column_option_selects_the_source_image() -> None:
    table = write_table(pa.table({"image": images(b"edited"), "Before": images(b"one")}))
    (photo,) = parquet_photos(io.BytesIO(table), "x.parquet", "before")
    assert isinstance(photo, ArchivedPhoto) and photo.encoded == b"one"
    with pytest.raises(
        UserError, match=r"^x\.parquet: sources\.image_column 'after' is not a column of encoded images"
    ):
        list(parquet_photos(io.BytesIO(table), "x.parquet", "after"))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (
            {"url": ["https://a"], "image": ["a.jpg"]},
            "no column holds encoded images; .*; the columns are url .*, image ",
        ),
        ({"left": [b"a"], "right": [b"b"]}, r"several columns hold bytes \(left, right\); .*; the columns are left"),
    ],
)
def test_table_without_a_clear_image_column_raises_error_with_its_columns(
    columns: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=rf"^x\.parquet: {message}") as error:
        find_photos(pa.table(columns))
    assert "sources.image_column" in str(error.value)


def test_oversized_image_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("omniedit.sources.parquet.MAX_BYTES", 2)
    assert MAX_BYTES > 2
    assert find_photos(pa.table({"image": [b"one"]})) == [
        SkippedPart("x.parquet:0", "3 bytes, more than the limit of 2")
    ]
