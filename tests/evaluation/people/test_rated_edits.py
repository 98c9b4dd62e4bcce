"""Selection of edits to rate, and attention checks."""

import pytest

from omniedit.errors import UserError
from omniedit.evaluation.people.rated_edits import CHECK, RatedEdit, add_checks, group_by_item, select


def make(item: int, editor: str = "a", task: str = "swap") -> RatedEdit:
    return RatedEdit(f"i{item}", editor, task, "Do it.", f"image {item}", f"{item} {editor}", bytes, lambda: b"edit")


EDITS = [make(n, editor, ("swap", "style")[n % 2]) for n in range(10) for editor in "ba"]


def test_a_larger_limit_includes_the_items_of_a_smaller_one_with_all_editors() -> None:
    small, large = (select(EDITS, [], [], limit, 0) for limit in (3, 6))
    assert len(small) == 6 and set(small) < set(large) and len(large) == 12
    assert {edit.editor for edit in small} == {"a", "b"}
    more = [*EDITS, *(make(n) for n in range(100, 104))]
    drawn = {edit.item_id for edit in select(more, [], [], 3, 0)}
    assert len(drawn & {edit.item_id for edit in small}) >= 1
    assert select(EDITS, [], [], 3, 1) != small


def test_editors_and_tasks_are_selected_by_name() -> None:
    assert {(e.editor, e.task) for e in select(EDITS, ["b"], ["style"], None, 0)} == {("b", "style")}
    with pytest.raises(UserError, match=r"--editors: no edit belongs to 'c'; available: a, b"):
        select(EDITS, ["a", "c"], [], None, 0)
    with pytest.raises(UserError, match=r"--tasks: no edit belongs to 'x'"):
        select(EDITS, [], ["x"], None, 0)
    with pytest.raises(UserError, match="no edit to rate"):
        select([make(1, "a", "swap"), make(2, "b", "style")], ["a"], ["style"], None, 0)


def test_a_check_is_the_source_of_a_drawn_item() -> None:
    checked = add_checks(EDITS, 2, 0)
    checks = [edit for edit in checked if edit.is_check]
    assert checked[:20] == EDITS and len(checks) == 2
    assert all(edit.editor == CHECK and edit.edited() == edit.source() for edit in checks)
    assert len({edit.item_id for edit in checks}) == 2 and not any(edit.is_check for edit in EDITS)
    assert set(checks) < set(add_checks(EDITS, 10, 0))
    fewer = add_checks([edit for edit in EDITS if edit.editor == "a"], 2, 0)
    assert {edit.digest for edit in fewer if edit.is_check} == {edit.digest for edit in checks}
    with pytest.raises(UserError, match="only 10 items"):
        add_checks(EDITS, 11, 0)


def test_edits_of_an_item_are_grouped_by_editor() -> None:
    assert [edit.editor for edit in group_by_item(EDITS)["i3"]] == ["a", "b"]
