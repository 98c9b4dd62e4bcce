"""Tests of tasks, which are strings with attributes: known ones from the table, unknown ones with defaults."""

import copy
import json
import pickle

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniedit.tasks import (
    ANYEDIT_TASKS,
    COMPLEX_TASKS,
    NOT_EMBEDDED,
    OMNIEDIT_TASKS,
    PERCEPTION_TASKS,
    SAME_EDITS,
    SUBJECT_TASKS,
    TASKS,
    Task,
    order_tasks,
)

SEVEN = (
    *("object_swap", "object_removal", "object_addition", "attribute_modification"),
    *("background_swap", "environment_change", "style_transfer"),
)
names = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=20).filter(lambda name: name != "all")


def test_seven_omniedit_tasks_are_registered_in_order() -> None:
    assert OMNIEDIT_TASKS == SEVEN and set(OMNIEDIT_TASKS) <= set(TASKS)
    assert [task for task in OMNIEDIT_TASKS if not task.is_local] == ["environment_change", "style_transfer"]
    assert {task.group for task in OMNIEDIT_TASKS} == {"local", "global"}
    assert Task.OBJECT_SWAP is Task("object_swap") and Task.STYLE_TRANSFER.label == "Style transfer"


def test_anyedit_types_follow_the_seven_in_their_five_groups() -> None:
    assert (*OMNIEDIT_TASKS, *ANYEDIT_TASKS, *COMPLEX_TASKS, *PERCEPTION_TASKS, *SUBJECT_TASKS) == TASKS and len(
        set(TASKS)
    ) == 42
    groups = {
        group: sum(task.group == group for task in ANYEDIT_TASKS)
        for group in dict.fromkeys(task.group for task in ANYEDIT_TASKS)
    }
    assert groups == {"local": 9, "global": 3, "camera": 4, "implicit": 2, "visual": 7}
    assert all(bool(task.references) == (task.group == "visual") for task in ANYEDIT_TASKS)
    assert not any(task.is_local for task in ANYEDIT_TASKS), "published pairs have no mask"
    assert {*NOT_EMBEDDED} <= {*ANYEDIT_TASKS, *PERCEPTION_TASKS, *SUBJECT_TASKS} and {*SAME_EDITS} <= {*ANYEDIT_TASKS}
    assert {*PERCEPTION_TASKS} <= {*NOT_EMBEDDED}
    assert set(SAME_EDITS.values()) == set(OMNIEDIT_TASKS)


def test_complex_tasks_are_understanding_and_reasoning() -> None:
    assert [(task, task.group) for task in COMPLEX_TASKS] == [
        ("complex_understanding", "understanding"),
        ("complex_reasoning", "reasoning"),
    ]
    assert {task.group for task in PERCEPTION_TASKS} == {"segmentation"}


@pytest.mark.parametrize("task", [*TASKS, Task("colour splash")])
def test_task_equals_its_name_in_every_format(task: Task) -> None:
    assert task == str(task) == f"{task}" == task.name and type(task.name) is str
    assert json.loads(json.dumps({task: task})) == {task.name: task.name}
    assert pa.array([task], pa.string()).to_pylist() == [task.name]
    assert hash(task) == hash(task.name) and {task.name: 1}[task] == 1


@given(names)
def test_copies_keep_the_attributes(name: str) -> None:
    for task in (Task(name), *TASKS):
        for copied in (pickle.loads(pickle.dumps(task)), copy.deepcopy(task), Task(task)):
            assert isinstance(copied, Task) and vars(copied) == vars(task) and copied == task
    assert pickle.loads(pickle.dumps(Task.OBJECT_SWAP)) is Task.OBJECT_SWAP


def test_unknown_task_has_default_attributes() -> None:
    task = Task("colour_splash")
    assert (task, task.family, task.group, task.is_local, task.references) == (
        "colour_splash",
        *["other"] * 2,
        None,
        (),
    )
    assert task.label == "Colour splash"


@pytest.mark.parametrize(
    "name", ["", "a/b", "a\\b", "a\nb", "a\0b", "..", ".hidden", "-option", " a", "a ", "{task}", "all", "a" * 101]
)
def test_invalid_task_name_is_rejected(name: str) -> None:
    with pytest.raises(ValueError, match="the task name"):
        Task(name)


@given(st.lists(names | st.sampled_from(SEVEN), max_size=9))
def test_known_tasks_are_sorted_first_in_registered_order(found: list[str]) -> None:
    ordered = order_tasks(found)
    known = [task for task in ordered if task in SEVEN]
    assert set(ordered) == set(found) and len(ordered) == len(set(found))
    assert known == ordered[: len(known)] == [task for task in SEVEN if task in found]
    assert ordered[len(known) :] == sorted(ordered[len(known) :])
