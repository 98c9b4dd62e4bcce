"""Layouts of data sets: the packaged ones, those of users, and columns from the command line."""

from pathlib import Path

import pytest

from omniedit.config.schema import Config
from omniedit.errors import UserError
from omniedit.exchange.formats import check_formats, load_format
from omniedit.exchange.layout import FIELDS, REQUIRED, Column, layout_names, load_layout, replace_columns
from omniedit.exchange.task_names import known_names

NAMED = ["omniedit", "instructpix2pix", "magicbrush", "ultraedit", "anyedit", "imgedit", "x2edit"]
NAMED += ["table", "folders", "webdataset"]
FURTHER = ["hq-edit", "scaleedit", "gpt-image-edit", "pico-banana", "imagefolder"]


def test_all_named_formats_have_a_layout() -> None:
    assert set(layout_names()) == {*NAMED, *FURTHER}


@pytest.mark.parametrize("name", [*NAMED, *FURTHER])
def test_packaged_layout_has_every_required_field(name: str) -> None:
    layout = load_layout(name)
    assert layout.about and layout.name == name
    assert all(list(layout.find(field)) for field in REQUIRED)
    assert not layout.task_names or layout.task_names in known_names()


def test_omniedit_layout_has_its_13_columns_in_order() -> None:
    expected = "omni_edit_id task src_img edited_img edited_prompt_list width height sc_score_1 sc_score_2 sc_reasoning"
    assert list(load_layout("omniedit").columns) == [*expected.split(), "pq_score", "pq_reasoning", "o_score"]


def test_user_file_is_loaded_as_a_layout(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(
        "licence: CC0\ncolumns: {a: source, b: edited, c: instruction, d: 'reference.depth?', e: 'score int64?'}"
    )
    layout = load_layout(str(file))
    assert (layout.name, layout.licence) == ("mine", "CC0")
    assert layout.columns["d"] == Column(field="reference", name="depth", optional=True)
    assert layout.columns["e"] == Column(field="score", optional=True, type="int64")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("columns: {a: source, b: edited}", "no column holds instruction"),
        ("columns: {a: sauce, b: edited, c: instruction}", "'sauce' is not a field"),
        ("columns: {a: 'source !', b: edited, c: instruction}", "'source !' is not a column"),
        ("columns: {a: source int12, b: edited, c: instruction}", "columns.a.type"),
        (
            "about: x\ncolumns: {a: source, b: edited, c: instruction}\nlicense: x",
            "license: Extra inputs are not permitted",
        ),
        ("columns: [a, b]", "columns: Input should be a valid dictionary"),
        ("columns:", "columns: Input should be a valid dictionary"),
        ("a: [", "not valid YAML"),
    ],
)
def test_invalid_layout_error_names_the_place(text: str, reason: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    with pytest.raises(UserError, match=r"mine\.yaml") as error:
        load_layout(str(file))
    assert reason in str(error.value)


def test_unknown_format_error_lists_the_known_ones() -> None:
    with pytest.raises(UserError, match=r"'nope' is not a format; give one of anyedit, csv, .*, x2edit, or a YAML"):
        load_format("nope")


def test_formats_of_a_config_are_checked_by_their_keys(tmp_path: Path) -> None:
    judged = {"scoring": {"judge": "student"}}
    check_formats(Config.model_validate(judged | {"imports": {"mine": {"format": "coco", "path": str(tmp_path)}}}))
    for values, key in (
        ({"imports": {"mine": {"format": "nope", "path": str(tmp_path)}}}, r"imports\.mine\.format: 'nope'"),
        ({"export": {"formats": ["csv", "nope.yaml"]}}, r"export\.formats: nope\.yaml"),
    ):
        with pytest.raises(UserError, match=f"config: {key}"):
            check_formats(Config.model_validate(judged | values))


def test_columns_option_replaces_the_columns_of_its_fields() -> None:
    layout = replace_columns(
        load_layout("table"),
        {"source": "before", "instruction": "ask+ask_2", "reference.depth": "d", "score.clip": "s"},
    )
    assert [name for name, _ in layout.find("source")] == ["before"]
    assert [name for name, _ in layout.find("instruction")] == ["ask", "ask_2"]
    assert layout.columns["d"].name == "depth" and layout.columns["s"].name == "clip"
    assert not layout.columns["before"].optional and layout.columns["edited"].optional


def test_unknown_field_in_the_columns_option_is_named() -> None:
    with pytest.raises(UserError, match=r"--columns: columns.x.field: 'sauce' is not a field; give one of source"):
        replace_columns(load_layout("table"), {"sauce": "x"})
    assert "source" in FIELDS
