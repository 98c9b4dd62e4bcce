"""Tests of rows and items: paths that lead outside, ids, rejected rows, the version of a set."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.bench_files import write_image, write_json
from omniedit.errors import UserError
from omniedit.evaluation.bench.item import BenchItem
from omniedit.evaluation.bench.sets.rows import (
    digest_items,
    find_image,
    find_text,
    list_entries,
    make_id,
    make_set,
    read_json,
    read_text,
)
from omniedit.exchange.cells import MAX_TEXT_LENGTH, BadRow
from omniedit.exchange.image_files import BadImage


def to_item(row: dict[str, str]) -> BenchItem:
    return BenchItem(make_id(read_text(row, "id")), "add", read_text(row, "text"), lambda: b"image")


def test_bad_rows_are_rejected_with_row_number_and_reason(tmp_path: Path) -> None:
    rows = [("a: 1", {"id": "1", "text": "add a cat"}), ("a: 2", {"id": "2"}), ("a: 3", {"id": "1", "text": "again"})]
    bench = make_set("toy", rows, to_item, tmp_path)
    assert [item.item_id for item in bench.items] == ["1"]
    assert bench.rejected == {"a: 2": "has no text in text", "a: 3": "repeats the id '1'"}


def test_a_set_without_items_is_an_error_that_names_the_first_problem(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no row makes an item of toy; the first problem: a: 1: has no text in id"):
        make_set("toy", [("a: 1", {})], to_item, tmp_path)


@given(st.lists(st.text(max_size=8), max_size=4))
def test_an_id_never_leads_outside_the_outputs_folder(parts: list[str]) -> None:
    try:
        path = Path("/out") / make_id(*parts)
    except BadRow:
        return
    assert path.resolve().is_relative_to("/out") and path != Path("/out")


@pytest.mark.parametrize(
    "path", ["../secret.png", "/etc/passwd", "a/../../b.png", "C:\\a.png", "http://x/a.png", "", 3]
)
def test_an_image_path_cannot_leave_the_folder(tmp_path: Path, path: object) -> None:
    write_image(tmp_path / "secret.png")
    (tmp_path / "set").mkdir()
    with pytest.raises(BadImage):
        find_image(tmp_path / "set", path)


def test_a_link_cannot_leave_the_folder(tmp_path: Path) -> None:
    secret = write_image(tmp_path / "secret.png")
    (tmp_path / "set").mkdir()
    (tmp_path / "set/link.png").symlink_to(secret)
    with pytest.raises(BadImage, match="link to a file outside"):
        find_image(tmp_path / "set", "link.png")


def test_images_are_read_on_demand(tmp_path: Path) -> None:
    file = write_image(tmp_path / "a/b.png", 1)
    read = find_image(tmp_path, "a\\b.png")
    write_image(file, 2)
    assert read() == file.read_bytes()


def test_the_version_depends_on_texts_and_images() -> None:
    item = BenchItem("1", "add", "add a cat", lambda: b"image")
    others = [
        replace(item, instruction="add a dog"),
        replace(item, source=lambda: b"other"),
        replace(item, target=lambda: b"image"),
        replace(item, extra={"language": "en"}),
        replace(item, references=(("layout", lambda: b"image"),)),
    ]
    assert len({digest_items([each]) for each in (item, *others)}) == 6
    assert digest_items([item]) == digest_items([replace(item)])


def test_texts_are_cleaned_and_limited() -> None:
    assert find_text({"a": " ", "b": " caf\u00e9\0 "}, "a", "b") == "caf\u00e9"
    assert find_text({"a": 3}, "a") is None
    with pytest.raises(BadRow, match="more than"):
        read_text({"a": "x" * (MAX_TEXT_LENGTH + 1)}, "a")


def test_malformed_json_raises_an_error_or_gives_a_row_without_texts(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="neither a list nor an object"):
        list(list_entries(write_json(tmp_path / "a.json", 3)))
    assert list(list_entries(write_json(tmp_path / "b.json", {"k": 3}))) == [("b.json: k", "k", {})]
    (tmp_path / "l.json").write_text('{"a": 1}\n\n{"a": "\u2028"}\n')
    assert [key for _, key, _ in list_entries(tmp_path / "l.json")] == ["0", "1"]
    (tmp_path / "c.json").write_text("{")
    with pytest.raises(UserError, match="not JSON"):
        read_json(tmp_path / "c.json")
    with pytest.raises(UserError, match="no such file"):
        read_json(tmp_path / "d.json")
