"""Tests of mislabelled tasks: instructions and changes that contradict the label, and those that do not."""

import numpy as np
import pytest

from omniedit.quality.change_map import ChangeMap
from omniedit.quality.mislabelled import doubt_label, find_tasks
from omniedit.tasks import Task

LOCAL = np.zeros((20, 20, 3), np.float32)
LOCAL[8:13, 8:13] = 90
WHOLE = np.full((20, 20, 3), 90, np.float32)


@pytest.mark.parametrize(
    ("instruction", "task"),
    [
        ("Remove the red car.", Task.OBJECT_REMOVAL),
        ("Make the dog disappear", Task.OBJECT_REMOVAL),
        ("Add a boat on the left.", Task.OBJECT_ADDITION),
        ("Swap the cup for a vase.", Task.OBJECT_SWAP),
        ("Paint the bowl blue.", Task.ATTRIBUTE_MODIFICATION),
        ("Replace the background with a beach.", Task.BACKGROUND_SWAP),
        ("Make it a foggy morning.", Task.ENVIRONMENT_CHANGE),
        ("Turn this photo into a watercolour.", Task.STYLE_TRANSFER),
    ],
)
def test_instruction_matches_its_task(instruction: str, task: Task) -> None:
    assert task in find_tasks(instruction)
    change = ChangeMap(LOCAL if task.is_local else WHOLE)
    assert doubt_label(task, instruction, change) == ""


def test_instruction_for_another_task_is_named() -> None:
    assert doubt_label(Task.OBJECT_ADDITION, "Erase the lamp.", ChangeMap(LOCAL)) == (
        "the instruction asks for object removal"
    )


@pytest.mark.parametrize("instruction", ["", "Hmm.", "Bitte den Hund entfernen", "What is this?"])
def test_unknown_instruction_raises_no_doubt(instruction: str) -> None:
    assert doubt_label(Task.OBJECT_REMOVAL, instruction, ChangeMap(LOCAL)) == ""


def test_verbs_shared_by_tasks_raise_no_doubt() -> None:
    assert doubt_label(Task.ATTRIBUTE_MODIFICATION, "Replace the wooden door with a red one", ChangeMap(LOCAL)) == ""


def test_local_task_that_changed_everything_is_doubted() -> None:
    assert "changed 100% of the image" in doubt_label(Task.OBJECT_REMOVAL, "Remove the cup.", ChangeMap(WHOLE))
    assert doubt_label(Task.BACKGROUND_SWAP, "Change the background to a wall.", ChangeMap(WHOLE)) == ""


def test_global_task_that_changed_only_a_box_is_doubted() -> None:
    assert "changed 6% of it" in doubt_label(Task.STYLE_TRANSFER, "Turn this photo into a sketch.", ChangeMap(LOCAL))
