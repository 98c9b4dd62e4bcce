"""Tests that metadata which common tools write next to photos is read in any encoding."""

import csv
import json
import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from omniedit.sources.metadata_files import PhotoCaptions, list_caption_files, read_captions
from omniedit.sources.metadata_values import Caption, MetadataWarning, decode_text, parse_caption, to_text

PHOTOS = ["00000/000000001.jpg", "00000/000000002.jpg"]


def read(root: Path) -> PhotoCaptions:
    return read_captions(root, sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "00000").mkdir()
    for photo in PHOTOS:
        (tmp_path / photo).touch()
    return tmp_path


def test_img2dataset_files_layout_is_read(folder: Path) -> None:
    about = {"caption": "a red car", "url": "https://a/b.jpg", "key": "000000001", "license": None}
    (folder / "00000/000000001.json").write_text(json.dumps(about))
    (folder / "00000/000000001.txt").write_text("not this")
    (folder / "00000/000000002.caption").write_text("a  blue car\n")
    for table in ("00000.parquet", "00000_stats.json"):
        (folder / table).touch()
    captions = read(folder)
    assert captions.find(PHOTOS[0]) == Caption("000000001", "a red car", origin="https://a/b.jpg")
    assert captions.find(PHOTOS[1]).caption == "a blue car" and not captions.warned
    assert captions.files - list_caption_files(sorted(captions.files), PHOTOS) == set(PHOTOS)


def test_fields_other_than_the_caption_are_cut() -> None:
    long = "x" * 1_000_000
    known = Caption(id=long, caption=long, licence=long, author=long, origin=long)
    assert [len(getattr(known, name)) for name in ("id", "licence", "author", "origin")] == [2000] * 4
    assert known.caption == long


def test_origin_is_kept_without_its_signature() -> None:
    origin = "https://bob:pw@h/a.jpg?w=640&X-Amz-Signature=abc"
    assert Caption(caption=origin, origin=origin) == Caption(
        caption=origin, origin="https://***@h/a.jpg?w=640&X-Amz-Signature=***"
    )


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_of_a_spreadsheet_is_read(folder: Path, delimiter: str) -> None:
    lines = ["file_name,text,licence", 'x\\..\\000000001.jpg,"a red, new car",CC0', "000000002.jpg"]
    text = "\ufeff" + "\r\n".join(lines).replace(",", delimiter).replace(f"red{delimiter}", "red,")
    (folder / "00000/metadata.csv").write_text(text, encoding="utf-16")
    captions = read(folder)
    assert captions.find(PHOTOS[0]) == Caption("", "a red, new car", licence="CC0") and not captions.warned


def test_caption_file_may_include_the_photos_suffix(folder: Path) -> None:
    (folder / f"{PHOTOS[0]}.json").write_text('{"caption": "a red car"}')
    (folder / f"{PHOTOS[1]}.txt").write_text("a blue car")
    captions = read(folder)
    assert [captions.find(photo).caption for photo in PHOTOS] == ["a red car", "a blue car"]
    assert captions.files - list_caption_files(sorted(captions.files), PHOTOS) == set(PHOTOS)


@pytest.mark.parametrize("name", ["metadata.jsonl", "metadata.csv", "metadata.parquet", "other.jsonl"])
def test_imagefolder_metadata_next_to_the_photos_is_read(folder: Path, name: str) -> None:
    rows = [
        {"file_name": "000000001.jpg", "text": "a red car", "License": "CC0"},
        {"file_name": "gone.jpg", "text": "x", "License": ""},
    ]
    path = folder / "00000" / name
    if name.endswith(".parquet"):
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif name.endswith(".csv"):
        with path.open("w", newline="", encoding="utf-8-sig") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    else:
        path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8-sig")
    captions = read(folder)
    assert captions.find(PHOTOS[0]) == Caption(caption="a red car", licence="CC0")
    (warned,) = captions.warned
    assert warned.place.startswith(f"00000/{name}:") and warned.reason == "names 'gone.jpg', which does not exist"
    assert f"00000/{name}" in list_caption_files(sorted(captions.files), PHOTOS)


def test_entry_may_give_the_full_path_of_its_photo(folder: Path) -> None:
    (folder / "a.jsonl").write_text(json.dumps({"image_path": str(folder / PHOTOS[0]), "caption": "a\u2028red car"}))
    assert read(folder).find(PHOTOS[0]).caption == "a red car"


def test_jsonl_lines_split_only_at_newlines(folder: Path) -> None:
    """Check Unicode line separators, which JSON text may contain unescaped."""
    rows = [{"file": photo, "caption": f"a{end}car"} for photo, end in zip(PHOTOS, "\u2028\x85", strict=True)]
    (folder / "a.jsonl").write_text("\r\n".join(json.dumps(row, ensure_ascii=False) for row in rows), newline="")
    captions = read(folder)
    assert [captions.find(photo).caption for photo in PHOTOS] == ["a car", "a car"] and not captions.warned


def test_csv_caption_with_unquoted_commas_is_reported_instead_of_cut_off(folder: Path) -> None:
    (folder / "00000/metadata.csv").write_text("file_name,text\r000000001.jpg,a red, new car\r000000002.jpg,a car\r")
    captions = read(folder)
    assert [captions.find(photo).caption for photo in PHOTOS] == ["", "a car"]
    (warned,) = captions.warned
    assert warned.place == "00000/metadata.csv:2" and warned.reason.startswith("has more cells than the table has")


def test_long_csv_caption_is_read_and_broken_csv_only_warns(folder: Path) -> None:
    listing = folder / "00000/metadata.csv"
    listing.write_text(f"file_name,text\n000000001.jpg,{'car ' * 100_000}\n")
    captions = read(folder)
    assert len(captions.find(PHOTOS[0]).caption) == 399_999 and not captions.warned
    listing.write_text('file_name,text\n000000001.jpg,a car\n000000002.jpg,"a\rcar\x00')
    assert read(folder).find(PHOTOS[0]).caption == "a car"


def test_entry_matches_its_photo_in_any_unicode_normal_form(folder: Path) -> None:
    for name in ("caf\u00e9.jpg", "nai\u0308ve.jpg"):
        (folder / name).write_bytes(b"")
    rows = [{"file": "../cafe\u0301.jpg", "text": "one"}, {"file": ".././na\u00efve.jpg", "text": "two"}]
    (folder / "00000/a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    captions = read(folder)
    assert [captions.find(name).caption for name in ("caf\u00e9.jpg", "nai\u0308ve.jpg")] == ["one", "two"]


def test_two_photos_whose_names_differ_only_in_normal_form_keep_their_own_captions(folder: Path) -> None:
    names = ["caf\u00e9.jpg", "cafe\u0301.jpg"]
    for name in names:
        (folder / name).write_bytes(b"")
    rows = [{"file": name, "text": text} for name, text in zip(names, ("one", "two"), strict=True)]
    (folder / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    captions = read(folder)
    assert [captions.find(name).caption for name in names] == ["one", "two"] and not captions.warned


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_unicode_texts_are_read_without_a_warning(encoding: str) -> None:
    warned: list[MetadataWarning] = []
    assert decode_text("a gr\u00fcnes car".encode(encoding), "x.txt", warned) == "a gr\u00fcnes car" and not warned


def test_other_encodings_are_read_with_a_warning() -> None:
    warned: list[MetadataWarning] = []
    assert decode_text(b"a gr\xfcnes car", "x.txt", warned) == "a gr\u00fcnes car"
    assert warned == [MetadataWarning("x.txt", "is not UTF-8, read as Windows-1252; save it as UTF-8")]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a car", "a car"),
        (None, ""),
        (math.nan, ""),
        ("NaN", ""),
        ("None", ""),
        ("null", ""),
        (" ", ""),
        (7, "7"),
        (7.0, "7"),
        (2250523501.0, "2250523501"),
        (0.1, "0.1"),
        (0, "0"),
        (True, ""),
        (["", None, "a car", "a red car"], "a car"),
        ({"en": "a car", "de": "ein Auto"}, "a car"),
        ({"name": "CC0", "url": "https://a"}, "CC0"),
        ({"de": "ein Auto"}, ""),
        ([("de", "ein Auto"), ("en", "a car")], "a car"),
        ([], ""),
        (b"a car", "a car"),
    ],
)
def test_value_becomes_text_or_missing(value: Any, text: str) -> None:
    assert to_text(value) == text


def test_value_without_text_warns_and_missing_value_does_not() -> None:
    warned: list[MetadataWarning] = []
    values = {"caption": {"de": "ein Auto"}, "text": "a car", "license": math.nan, "author": None, "objects": math.nan}
    assert parse_caption(values, "x.json", warned) == Caption(caption="a car")
    assert warned == [MetadataWarning("x.json", "caption: not text")]


@pytest.mark.parametrize("cell", ["", " ", "nan", "None"])
def test_empty_cell_of_objects_in_a_csv_file_is_missing(cell: str) -> None:
    warned: list[MetadataWarning] = []
    assert parse_caption({"caption": "a car", "objects": cell}, "x", warned) == Caption(caption="a car") and not warned


def test_box_of_any_type_or_length_warns_in_one_short_line() -> None:
    warned: list[MetadataWarning] = []
    objects = [{"name": "dog", "box": b"\x00\x01"}, {"name": "cat", "box": list(range(10_000))}]
    assert not parse_caption({"objects": objects}, "x", warned).objects
    assert [len(each.reason) < 300 and "is not [left, top" in each.reason for each in warned] == [True, True]


def test_metadata_parquet_keeps_its_good_rows(folder: Path) -> None:
    rows = {
        "file_name": ["000000001.jpg"],
        "text": ["a red car"],
        "author": pa.array([1], pa.timestamp("us", "No/Zone")),
    }
    pq.write_table(pa.table(rows), folder / "00000/metadata.parquet")
    captions = read(folder)
    assert captions.find(PHOTOS[0]) == Caption(caption="a red car", author="1") and not captions.warned


def test_objects_in_a_csv_file_are_parsed_as_json() -> None:
    (found,) = parse_caption({"objects": '[{"name": "dog", "box": [0, 0, 1, 1]}]'}, "x", []).objects
    assert found.name == "dog" and found.box == (0, 0, 1, 1)
