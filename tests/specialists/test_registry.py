"""Tests of the registry: each task has the specialist that the table of tasks and the documents promise."""

from pathlib import Path

import pytest

from omniedit.instructions.edit_proposals.table import CLASSES
from omniedit.models.roles import ROLES
from omniedit.specialists.registry import BORROWING_TASKS, EMBEDDED, GROUNDED_TASKS, LEARNED, build, class_at
from omniedit.tasks import ANYEDIT_TASKS, NOT_EMBEDDED, OMNIEDIT_TASKS, SAME_EDITS, SHARE_FILLS, TASKS, Task

DOCUMENT = Path(__file__).parents[2] / "docs/specialists.md"


def test_every_task_has_a_specialist_or_a_reason() -> None:
    assert {*EMBEDDED} == {*TASKS} - {*NOT_EMBEDDED}
    assert {*LEARNED} == {*ROLES} == {*CLASSES} == {*OMNIEDIT_TASKS, *ANYEDIT_TASKS}
    assert all(NOT_EMBEDDED.values())


@pytest.mark.parametrize("task", EMBEDDED)
def test_specialist_makes_the_task_that_it_is_registered_for(task: Task) -> None:
    assert build(task, []).task is task


@pytest.mark.parametrize(
    ("task", "same"), ((task, same) for task, same in SAME_EDITS.items() if task not in NOT_EMBEDDED)
)
def test_a_type_equal_to_a_task_shares_its_specialist(task: Task, same: Task) -> None:
    assert issubclass(class_at(EMBEDDED[task]), class_at(EMBEDDED[same]))  # type: ignore[arg-type]
    assert all((task in tasks) == (same in tasks) for tasks in (BORROWING_TASKS, GROUNDED_TASKS, SHARE_FILLS))


def test_documents_list_each_type_with_its_form_or_the_reason() -> None:
    _, _, after = DOCUMENT.read_text().partition("| type | group | embedded |")
    table, _, _ = after.partition("\n\n")
    for task in ANYEDIT_TASKS:
        (row,) = [line for line in table.splitlines() if line.startswith(f"| {task} |")]
        _, name, group, embedded, _ = (cell.strip() for cell in row.split("|"))
        assert (name, group) == (task, task.group)
        assert embedded == f"no: {NOT_EMBEDDED[task]}" if task in NOT_EMBEDDED else embedded.startswith("yes")
