"""Inputs of comparisons: folders and tables give matches, and each problem is named with its place."""

from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from omniedit.errors import UserError
from omniedit.evaluation.comparisons.inputs import BadMatch, load_match, read_matches


def save(path: Path, shade: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    PIL.Image.fromarray(np.full((8, 8, 3), shade, np.uint8)).save(path)


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    """Write three editors' folders, the last one without an item, and a table of two items."""
    save(tmp_path / "photos/p.png")
    for shade, editor in enumerate(("x", "y", "z"), 1):
        save(tmp_path / editor / "one.png", shade)
        if editor != "z":
            save(tmp_path / editor / "two.JPG", shade)
    (tmp_path / "items.csv").write_text("id,source,instruction\none,photos/p.png,Go.\ntwo,photos/p.png,Stop.\n")
    return [tmp_path / editor for editor in "xyz"]


def test_folders_give_a_match_for_each_item_and_two_editors(folders: list[Path], tmp_path: Path) -> None:
    matches = read_matches(folders, tmp_path / "items.csv")
    assert [(match.item, match.editors, bool(match.problem)) for match in matches] == [
        *(("one", ("x", "y"), False), ("one", ("x", "z"), False), ("one", ("y", "z"), False)),
        *(("two", ("x", "y"), False), ("two", ("x", "z"), True), ("two", ("y", "z"), True)),
    ]
    loaded = load_match(matches[1])
    assert (loaded.instruction, loaded.source.max(), loaded.a.max(), loaded.b.max()) == ("Go.", 0, 1, 3)
    with pytest.raises(BadMatch, match=r"items\.csv: row 2: .*z has no image 'two'"):
        load_match(matches[4])


def test_folders_of_the_same_name_are_distinguished_by_their_paths(folders: list[Path], tmp_path: Path) -> None:
    save(tmp_path / "other/x/one.png")
    (match, *_) = read_matches([folders[0], tmp_path / "other/x"], tmp_path / "items.csv")
    assert match.editors == (str(folders[0]), str(tmp_path / "other/x"))


def test_two_images_of_one_item_are_a_bad_row(folders: list[Path], tmp_path: Path) -> None:
    save(folders[0] / "one.webp")
    (match, *_) = read_matches(folders[:2], tmp_path / "items.csv")
    with pytest.raises(BadMatch, match=r"x has one\.png and one\.webp; remove one"):
        load_match(match)


def test_a_table_names_edits_and_may_name_editors_and_texts(folders: list[Path], tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text(
        "source,instruction,edit_a,edit_b,editor_a,editor_b,text_a,text_b\n"
        "photos/p.png,Go.,x/one.png,y/one.png,,,,\n"
        "photos/p.png,Go.,x/one.png,z/one.png,mine,theirs,Hi.,Hello.\n"
        "photos/p.png,,x/one.png,y/one.png,,,,\n"
        "photos/p.png,Go.,x/lost.png,y/one.png,,,,\n"
        "photos/p.png,Go.,x/one.png,y/one.png,same,same,,\n"
        "photos/p.png,Go, now.,x/one.png,y/one.png,,,,\n"
    )
    matches = read_matches([table], None)
    assert [match.editors for match in matches[:2]] == [("edit_a", "edit_b"), ("mine", "theirs")]
    assert matches[0].item == matches[1].item == "photos/p.png | Go." and matches[1].texts == ("Hi.", "Hello.")
    assert load_match(matches[1]).b.max() == 3
    for number, problem in (
        (3, "column instruction is empty"),
        (4, r"lost\.png: no such file"),
        (5, "editor_a and editor_b are both 'same'"),
        (6, "more cells than"),
    ):
        with pytest.raises(BadMatch, match=rf"table\.csv: row {number}: .*{problem}"):
            load_match(matches[number - 1])


def test_unsupported_inputs_raise_errors(folders: list[Path], tmp_path: Path) -> None:
    items = tmp_path / "items.csv"
    twice = tmp_path / "twice.csv"
    twice.write_text("id,source,instruction\none,a,b\none,a,b\n")
    (tmp_path / "empty.csv").write_text("id,source,instruction\n")
    for inputs, given, problem in (
        (folders, None, "folders of edits need --items"),
        (folders[:1], items, "is one folder"),
        ([folders[0], folders[0]], items, "given twice"),
        ([folders[0], items], items, "not a folder"),
        ([items], items, "omit --items"),
        ([items], None, "lacks the column edit_a, edit_b; available: id, source, instruction"),
        (folders, twice, r"twice\.csv: row 2: id 'one' is also in row 1"),
        (folders, tmp_path / "empty.csv", "has no row"),
        (folders, tmp_path / "lost.csv", "no such file"),
    ):
        with pytest.raises(UserError, match=problem):
            read_matches(inputs, given)
