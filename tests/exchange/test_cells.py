"""Values of a row as fields: texts, scores, turns, images, extra columns."""

import base64
import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.pair_files import make_image
from omniedit.exchange.cells import (
    MAX_TEXT_LENGTH,
    BadRow,
    find_value,
    read_extra,
    read_images,
    read_instructions,
    read_scores,
    read_text,
    read_turn,
    to_json_value,
)
from omniedit.exchange.image_files import ImageFiles
from omniedit.exchange.inputs import DataFile
from omniedit.exchange.layout import check_layout, replace_columns
from omniedit.exchange.rows import Row

LAYOUT = check_layout(
    {
        "first_turn": 0,
        "columns": {
            **{
                "s": "source",
                "s2": "source?",
                "e": "edited",
                "i": "instruction",
                "i2": "instruction?",
                "p": "paraphrases",
            },
            **{"t": "turn", "clip": "score", "named": "score.dino", "all": "scores", "c": "source_caption"},
        },
    },
    "test",
)


def row(key: str = "", **values: Any) -> Row:
    return Row(DataFile("folder/x.parquet", "x.parquet"), 0, values, key)


def test_texts_are_cleaned_and_deduplicated() -> None:
    texts = row(i=" a\x00b\r\n", i2="ab", p=["c", None, "", "nan", "ab"])
    assert read_instructions(texts, LAYOUT) == ["ab", "c"]
    assert read_text(row(c=b"caf\xc3\xa9"), LAYOUT, "source_caption") == "caf\u00e9"
    assert read_text(row(c=7), LAYOUT, "source_caption") == "7"
    assert read_text(row(c=None), LAYOUT, "source_caption") is None


@pytest.mark.parametrize(
    ("value", "reason"), [({"a": 1}, "holds dict, not a text"), ("x" * (MAX_TEXT_LENGTH + 1), "has 20001")]
)
def test_value_other_than_text_is_rejected(value: Any, reason: str) -> None:
    with pytest.raises(BadRow, match=reason) as error:
        read_text(row(c=value), LAYOUT, "source_caption")
    assert len(str(error.value)) < 200


def test_turns_are_counted_from_1() -> None:
    assert [read_turn(row(t=value), LAYOUT) for value in (0, "3", 2.0, None)] == [1, 4, 3, None]
    for value in (-1, 1.5, "one", [1], float("inf")):
        with pytest.raises(BadRow, match=r"column 't': .* is not a turn from 0 on"):
            read_turn(row(t=value), LAYOUT)


def test_scores_are_numbers_or_texts_and_never_nan() -> None:
    values = {"clip": float("nan"), "named": True, "all": '{"a": 0.5, "b": null, "c": "", "d": Infinity}'}
    assert read_scores(row(**values), LAYOUT) == {"dino": 1, "a": 0.5, "c": ""}
    assert read_scores(row(clip="high", all={}), LAYOUT) == {"clip": "high"}
    assert read_scores(row(clip=["a", 8]), LAYOUT) == {"clip": '["a", 8]'}
    assert read_scores(row(all={"a": {"b": "c"}}), LAYOUT) == {"a": '{"b": "c"}'}
    for wrong in ("[1]", "{", 5):
        with pytest.raises(BadRow, match="column 'all'"):
            read_scores(row(all=wrong), LAYOUT)


def read_source(folder: Path, **values: Any) -> Any:
    return read_images(row(**values), LAYOUT.find("source"), ImageFiles(str(folder)))


def test_images_are_read_from_bytes_structs_lists_data_urls_and_paths(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"file")
    assert read_source(tmp_path, s=b"x") == ([b"x"], "")
    assert read_source(tmp_path, s={"bytes": b"x", "path": "n.png"}) == ([b"x"], "n.png")
    assert read_source(tmp_path, s={"bytes": None, "path": "a.png"}) == ([b"file"], "a.png")
    assert read_source(tmp_path, s="a.png") == ([b"file"], "a.png")
    assert read_source(tmp_path, s=None, s2=["a.png", b"second"]) == ([b"file", b"second"], "a.png")
    assert read_source(tmp_path, s="data:image/png;base64,eHg=") == ([b"xx"], "")
    content = b"\x89PNG\r\n\x1a\n" + bytes(300)
    for text in (base64.b64encode(content).decode(), base64.encodebytes(content).decode()):
        assert read_source(tmp_path, s=text) == ([content], "")
        assert read_source(tmp_path, s={"bytes": text, "path": None}) == ([content], "")
    assert read_source(tmp_path, s={"bytes": None, "path": None}, s2=b"y") == ([b"y"], "")


@pytest.mark.parametrize(
    "value", [1, 1.5, True, {"a": 1}, ["a.png", 3], "data:image/png;base64,%%", "nope.png", "/9j/" + "A" * 301]
)
def test_value_other_than_an_image_is_rejected(value: Any, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"file")
    with pytest.raises(BadRow, match="column 's': "):
        read_source(tmp_path, s=value)


def test_image_above_the_size_limit_is_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("omniedit.exchange.cells.MAX_BYTES", 10)
    with pytest.raises(BadRow, match="more than the limit of 10"):
        read_source(tmp_path, s=make_image())


def test_tar_members_are_found_without_their_suffix(tmp_path: Path) -> None:
    files = ImageFiles(str(tmp_path))
    assert read_images(row("k", **{"s.webp": b"x"}), LAYOUT.find("source"), files) == ([b"x"], "")
    assert read_extra(row("k", **{"s.webp": b"x", "other": 1}), LAYOUT) == ({"other": 1}, [])


def test_extra_columns_are_kept_as_json_and_binary_ones_are_listed() -> None:
    values = {"a": 1, "b": [1, None], "x": {"d": "x\x1b"}, "y": b"bytes", "f": float("nan"), "g": None}
    values["z"] = "y" * 200_000
    assert read_extra(row(s=b"x", **values), LAYOUT) == ({"a": 1, "b": [1, None], "x": {"d": "x"}}, ["y", "z"])


def test_members_that_references_name_are_no_extra_columns() -> None:
    layout = replace_columns(LAYOUT, {"references": "refs"})
    values = {"refs": [{"role": "depth", "image": "r.0.png"}], "r.0.png": b"x", "other.png": b"x"}
    assert read_extra(row("k", **values), layout) == ({}, ["other.png"])


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(json_values)
def test_kept_value_is_valid_json(value: Any) -> None:
    kept = to_json_value(value)
    assert json.loads(json.dumps(kept, allow_nan=False)) == kept
    if isinstance(value, float) and math.isfinite(value):
        assert kept == value


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ('["a", "b"]', ["a", "b"]),
        (["a", '["b"]'], ["a", '["b"]']),
        ("[v*] a dog", ["[v*] a dog"]),
        ("[1]", ["[1]"]),
    ],
)
def test_a_json_list_of_texts_is_several_instructions(given: Any, expected: list[str]) -> None:
    assert read_instructions(row(i=given), LAYOUT) == expected


def test_text_members_of_a_tar_are_the_instruction() -> None:
    assert read_instructions(row("k", **{"i.txt": "a", "txt": "b"}), LAYOUT) == ["a"]
    assert read_instructions(row("k", txt="b"), LAYOUT) == ["b"]
    assert read_instructions(row("", txt="b"), LAYOUT) == []


def test_parts_of_nested_columns_are_found_by_a_dotted_name() -> None:
    values = row(images=["a", {"after": "b"}], **{"literal.name": "c"})
    found = [find_value(values, name) for name in ("images.0", "images.1.after", "literal.name")]
    assert found == ["a", "b", "c"]
    missing = ("images.2", "images.x", "images.0.x", "images.1.before", "no.thing", ".")
    assert [find_value(values, name) for name in missing] == [None] * len(missing)


def test_a_nested_struct_is_rejected_with_its_keys(tmp_path: Path) -> None:
    with pytest.raises(BadRow, match=r"a mapping of before, after, not of bytes and path; name a part of it"):
        read_images(row(s={"before": {}, "after": {}}), LAYOUT.find("source"), ImageFiles(str(tmp_path)))


def test_placeholder_texts_mean_no_image(tmp_path: Path) -> None:
    for text in ("None", "null", "nan"):
        assert read_images(row(s=text), LAYOUT.find("source"), ImageFiles(str(tmp_path))) == ([], "")


def test_deeply_nested_values_are_left_out() -> None:
    deep: list[Any] = []
    for _ in range(5000):
        deep = [deep]
    assert read_extra(row(deep=deep, flat=1), LAYOUT) == ({"flat": 1}, ["deep"])
