"""Readers of edits to rate: tables, folders of outputs, and a run's candidates and benchmark."""

import shutil
from pathlib import Path

import pytest

from helpers.rated_edits import EDITORS, make_edits, make_table
from helpers.small_run import make_run
from omniedit.errors import UserError
from omniedit.evaluation.bench.item import BenchItem, BenchSet
from omniedit.evaluation.bench.open_set import open_set
from omniedit.evaluation.people.inputs import list_items, read_edits


def test_a_table_gives_an_edit_for_each_row(tmp_path: Path) -> None:
    edits = make_edits(tmp_path)
    assert [(e.item_id, e.editor, e.task) for e in edits[:3]] == [
        ("item-0", EDITORS[0], "swap"),
        ("item-0", EDITORS[1], "swap"),
        ("item-1", EDITORS[0], "style"),
    ]
    assert edits[0].edited() == (tmp_path / "secret-one-0.png").read_bytes()
    assert edits[0].image_group == edits[1].image_group != edits[2].image_group
    assert len({edit.digest for edit in edits}) == 6


def test_a_changed_image_or_instruction_is_another_edit(tmp_path: Path) -> None:
    before = make_edits(tmp_path)
    shutil.copy(tmp_path / "secret-two-0.png", tmp_path / "secret-one-0.png")
    table = (tmp_path / "edits.csv").read_text().replace("Change 1.", "Change one.")
    (tmp_path / "edits.csv").write_text(table)
    after = read_edits(tmp_path / "edits.csv").edits
    assert [a.digest == b.digest for a, b in zip(before, after, strict=True)] == [False, True, False, False, True, True]


def test_unusable_rows_are_skipped_with_a_reason(tmp_path: Path) -> None:
    table = make_table(tmp_path)
    (tmp_path / "secret-one-1.png").unlink()
    lines = table.read_text().splitlines()
    lines += [lines[1], "item-9,e,swap,source-0.png,source-0.png,", "item-9,e,swap,../none.png,source-0.png,Go."]
    table.write_text("\n".join(lines))
    found = read_edits(table)
    assert len(found.edits) == 5 and len(found.problems) == 4
    for problem, text in zip(
        found.problems, ("row 3: ", "row 7: has an item", "row 8: has no instruction", "row 9: "), strict=True
    ):
        assert text in problem
    assert "secret-one-1.png: cannot be read: No such file" in found.problems[0]


def test_a_table_without_a_column_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "edits.csv").write_text("item_id,editor,source\n1,2,3\n")
    with pytest.raises(UserError, match="lacks the column edited, instruction"):
        read_edits(tmp_path / "edits.csv")


def make_outputs(root: Path) -> Path:
    """Lay the table's edits out as folders of outputs, item-0 in a folder of its own."""
    make_table(root / "given")
    for editor in EDITORS:
        folder = root / "outputs" / editor / "edits"
        (folder / "part").mkdir(parents=True)
        shutil.copy(root / f"given/{editor}-0.png", folder / "part/item-0.png")
        shutil.copy(root / f"given/{editor}-1.png", folder / "item-1.png")
    return root / "outputs"


def test_folders_of_outputs_take_their_items_from_a_table(tmp_path: Path) -> None:
    folder, items = make_outputs(tmp_path), tmp_path / "given/items.csv"
    items.write_text("id,source,instruction,task\npart/item-0,source-0.png,Zero.,swap\nitem-1,source-1.png,One.,\n")
    edits = read_edits(folder, items=list_items(open_set(str(items))[0])).edits
    assert [(e.item_id, e.editor, e.instruction) for e in edits] == [
        ("item-1", EDITORS[0], "One."),
        ("part/item-0", EDITORS[0], "Zero."),
        ("item-1", EDITORS[1], "One."),
        ("part/item-0", EDITORS[1], "Zero."),
    ]
    assert edits[1].source() == (tmp_path / "given/source-0.png").read_bytes()


def test_folders_of_outputs_take_their_items_from_a_benchmark(tmp_path: Path) -> None:
    """Leave out, with a message, an output of no item."""
    folder = make_outputs(tmp_path)
    item = BenchItem("item-1", "swap", "One.", (tmp_path / "given/source-1.png").read_bytes)
    found = read_edits(folder, items=list_items(BenchSet("set", "1", [item])))
    assert [(e.item_id, e.editor, e.task, e.instruction) for e in found.edits] == [
        ("item-1", EDITORS[0], "swap", "One."),
        ("item-1", EDITORS[1], "swap", "One."),
    ]
    assert found.edits[0].source() == item.source()
    assert len(found.problems) == 2 and "part/item-0.png: has no instruction" in found.problems[0]
    with pytest.raises(UserError, match="folders of outputs need --items, the name of a benchmark or a table"):
        read_edits(folder)


def test_candidates_of_a_run_have_the_task_of_their_folder(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    found = read_edits(run)
    assert found.problems == [] and len(found.edits) == 9
    assert {(e.editor, e.task) for e in found.edits} == {
        ("embedded", "object_swap"),
        ("embedded", "style_transfer"),
        ("my_set", "my_set"),
    }
    (run / "candidates/object_swap/00000.h5").write_bytes(b"broken")
    found = read_edits(run)
    assert len(found.edits) == 5 and "not a valid HDF5 file" in found.problems[0]


def test_the_benchmark_of_a_run_comes_before_its_candidates(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    for model in ("editnet", "no_edit", "set"):
        (run / "bench" / model).mkdir(parents=True)
        shutil.copy(run / "candidates/object_swap/00000.h5", run / "bench" / model / "object_swap.h5")
    edits = read_edits(run).edits
    assert {(e.editor, e.task) for e in edits} == {("editnet", "object_swap"), ("no_edit", "object_swap")}
    assert len(edits) == 8 and edits[0].item_id == edits[4].item_id == "swap-0"
    assert len(read_edits(run, "candidates").edits) == 9
    shutil.copy(run / "candidates/style_transfer/00000.h5", run / "bench/editnet/object_swap.h5")
    with pytest.raises(UserError, match="has no pair swap-0; the file was replaced"):
        edits[0].edited()


def test_an_unsupported_input_raises_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nothing to rate"):
        read_edits(tmp_path)
    with pytest.raises(UserError, match="has no bench; available: candidates"):
        read_edits(make_run(tmp_path), "bench")
