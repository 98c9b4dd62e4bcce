"""Names of tasks in other data sets become ours; a name that nothing maps stays as it is."""

import pytest

from omniedit.exchange.task_names import known_names, to_task
from omniedit.tasks import OMNIEDIT_TASKS, Task


def test_the_names_of_omniedit_become_its_registered_tasks() -> None:
    found = {to_task(name, "omniedit") for name in ("swap", "removal", "addition", "env", "style")}
    assert found < set(OMNIEDIT_TASKS) and to_task("swap", "omniedit") is Task.OBJECT_SWAP


def test_all_names_of_the_file_are_texts_and_name_tasks() -> None:
    assert set(known_names()) == {"omniedit", "anyedit", "ultraedit", "imgedit", "x2edit"}
    for names in known_names().values():
        for name, task in names.items():
            assert isinstance(name, str) and Task(task) == task


def test_anyedit_has_25_types() -> None:
    assert len(set(known_names()["anyedit"].values())) == 25
    assert to_task("relation_change", "anyedit") == to_task("relation", "anyedit") == "relation"


@pytest.mark.parametrize(
    ("name", "dataset", "task"),
    [
        ("version_backtracking", "imgedit", "version_backtracking"),
        ("swap", "my own data set", "swap"),
        (" style ", "omniedit", "style_transfer"),
        ("\u6587\u5b57\u66f4\u6539", "x2edit", "textual_change"),
        ("colour splash", "ultraedit", "colour splash"),
    ],
)
def test_a_name_without_a_mapping_stays(name: str, dataset: str, task: str) -> None:
    assert to_task(name, dataset) == task


def test_the_users_mapping_goes_first() -> None:
    assert to_task("swap", "omniedit", {"swap": "replace"}) == "replace"
    assert to_task("env", "omniedit", {"swap": "replace"}) is Task.ENVIRONMENT_CHANGE
    assert to_task("mine", "unknown", {"mine": "object_swap"}) is Task.OBJECT_SWAP


@pytest.mark.parametrize(("name", "own"), [("a/b", {}), ("swap", {"swap": ""})])
def test_a_name_that_no_task_can_have_is_rejected(name: str, own: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="the task name"):
        to_task(name, "omniedit", own)
