"""Tests of mapping task names of other data sets; an unmapped name is unchanged."""

import pytest

from omniedit.exchange.task_names import known_names, to_task
from omniedit.tasks import OMNIEDIT_TASKS, Task


def test_omniedit_task_names_map_to_registered_tasks() -> None:
    found = {to_task(name, "omniedit") for name in ("swap", "removal", "addition", "env", "style")}
    assert found < set(OMNIEDIT_TASKS) and to_task("swap", "omniedit") is Task.OBJECT_SWAP


def test_packaged_names_map_texts_to_valid_tasks() -> None:
    assert set(known_names()) == {
        "omniedit",
        "anyedit",
        "ultraedit",
        "imgedit",
        "x2edit",
        "gpt-image-edit",
        "scaleedit",
    }
    for names in known_names().values():
        for name, task in names.items():
            assert isinstance(name, str) and Task(task) == task


def test_anyedit_names_map_to_25_tasks() -> None:
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
def test_name_without_a_mapping_is_unchanged(name: str, dataset: str, task: str) -> None:
    assert to_task(name, dataset) == task


def test_mapping_of_the_user_comes_first() -> None:
    assert to_task("swap", "omniedit", {"swap": "replace"}) == "replace"
    assert to_task("env", "omniedit", {"swap": "replace"}) is Task.ENVIRONMENT_CHANGE
    assert to_task("mine", "unknown", {"mine": "object_swap"}) is Task.OBJECT_SWAP


@pytest.mark.parametrize(("name", "own"), [("a/b", {}), ("swap", {"swap": ""})])
def test_invalid_task_name_is_rejected(name: str, own: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="the task name"):
        to_task(name, "omniedit", own)
