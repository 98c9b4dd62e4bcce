"""Tests of the YAML files that describe editors, and of the names on a command line."""

from pathlib import Path

import pytest

from omniedit.errors import UserError
from omniedit.evaluation.bench.editors.entries import read_entries
from omniedit.evaluation.bench.editors.registry import choose_editors, open_editor


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_the_editors_of_the_paper_and_current_ones_are_listed() -> None:
    paper = {"diffedit", "sdedit", "instruct_pix2pix", "magicbrush", "hq_edit", "cosxl_edit", "hive"}
    assert paper | {"flux_kontext", "qwen_image_edit", "no_edit", "target"} <= set(read_entries())


def test_an_editor_can_be_added_in_yaml(tmp_path: Path) -> None:
    mine = write(tmp_path / "mine.yaml", "mine: {kind: command, command: 'edit {image} {output}', label: Mine}\n")
    assert list(choose_editors([str(mine)])) == ["mine"]
    chosen = choose_editors(["no_edit", "mine"], [mine])
    assert [entry.label for entry in chosen.values()] == ["No edit", "Mine"]


def test_two_editors_with_one_label_are_an_error_because_tables_could_not_tell_them_apart(tmp_path: Path) -> None:
    entry = "{kind: command, command: 'edit {image} {output}', label: Same}"
    file = write(tmp_path / "mine.yaml", f"a: {entry}\nb: {entry}\n")
    with pytest.raises(UserError, match="two editors have the label 'Same'"):
        choose_editors([str(file)])
    assert len(choose_editors(["shipped", "again=shipped"])) == 2


@pytest.mark.parametrize(
    "text, problem",
    [
        ("a: {kind: command, command: 'edit {image}'}", "a: the command has no placeholder {output}"),
        ("a: {kind: command, command: edit {image} {output}, timeout_s: 0}", "not valid YAML"),
        ("a: {kind: magic}", "a: Input tag 'magic'"),
        ("a: {kind: folder}", "a.folder: Field required"),
        ("a: {kind: folder, folder: x, colour: red}", "a.colour: Extra inputs"),
        ("a: {kind: diffusers, class: X, licence: MIT}", "a: give either repository or folder"),
        ("a: 3", "a: Input should be"),
        (
            "a: {kind: diffusers, class: X, licence: MIT, folder: x, load: {custom_pipeline: y}}",
            "a.load: custom_pipeline would run code",
        ),
    ],
)
def test_an_invalid_entry_raises_one_line_with_file_editor_and_key(tmp_path: Path, text: str, problem: str) -> None:
    path = write(tmp_path / "editors.yaml", text)
    with pytest.raises(UserError) as error:
        read_entries(path)
    assert str(error.value).startswith(f"{path}: ") and problem in str(error.value)
    assert "\n" not in str(error.value)


def test_a_folder_is_recognised_as_outputs_or_a_trained_editor(tmp_path: Path) -> None:
    for name in ("outputs", "editor"):
        (tmp_path / name).mkdir()
    write(tmp_path / "editor/model_index.json", "{}")
    chosen = choose_editors([str(tmp_path / "outputs"), str(tmp_path / "editor"), f"mine={tmp_path / 'outputs'}"])
    assert {name: entry.kind for name, entry in chosen.items()} == {
        "outputs": "folder",
        "editor": "trained",
        "mine": "folder",
    }


@pytest.mark.parametrize(
    "given, problem",
    [
        (["no_edit", "no_edit"], "two editors are named"),
        (["nothing"], "no editor 'nothing'"),
        (["mine=nothing"], "mine=nothing: no such folder; give a folder of outputs"),
        (["../x=/"], "is not a name of an editor"),
    ],
)
def test_unknown_and_repeated_editors_are_errors(given: list[str], problem: str) -> None:
    with pytest.raises(UserError, match=problem):
        choose_editors(given)


def test_an_editor_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    entry = read_entries(write(tmp_path / "e.yaml", "a: {kind: folder, folder: /no/such}"))["a"]
    with pytest.raises(UserError, match="editor a: /no/such: no such folder"):
        open_editor("a", entry)
