"""Instructions from templates over the names of a photo's objects."""

import numpy as np
import pytest

from omniedit.instructions.templates.suggestions import suggest
from omniedit.tasks import OMNIEDIT_TASKS, Task

GLOBAL = (Task.OBJECT_ADDITION, Task.ENVIRONMENT_CHANGE, Task.STYLE_TRANSFER)


def make(task: Task, *names: str, count: int = 3, seed: int = 0) -> tuple:
    return suggest(task, names, count, np.random.default_rng(seed))


@pytest.mark.parametrize("task", OMNIEDIT_TASKS)
def test_suggestions_ask_for_different_edits_and_name_the_objects(task: Task) -> None:
    made = make(task, "upper dog", "red bowl")
    assert len({each.asks for each in made}) == len(made) == 3
    for each in made:
        assert each.instruction[0].isupper() and each.instruction.endswith(".") and "{" not in each.instruction
        named = sum(name in each.instruction for name in ("upper dog", "red bowl"))
        assert task in GLOBAL or each.objects == 2 or named == each.objects


def test_a_photo_without_objects_gets_suggestions_of_three_tasks() -> None:
    assert {task for task in OMNIEDIT_TASKS if make(task)} == set(GLOBAL)


def test_one_object_gets_one_removal_in_any_wording() -> None:
    assert len(make(Task.OBJECT_REMOVAL, "wine bottle")) == 1


def test_objects_are_swapped_within_their_kind() -> None:
    for seed in range(20):
        ((instruction, (old, new), _),) = [
            (each.instruction, each.asks, each.objects)
            for each in make(Task.OBJECT_SWAP, "upper dog", count=1, seed=seed)
        ]
        assert old == "upper dog" and new != "dog" and new in instruction
        assert new not in ("car", "cup", "guitar", "piano", "chair", "flower")


def test_suggestions_depend_only_on_the_seed() -> None:
    assert make(Task.STYLE_TRANSFER) == make(Task.STYLE_TRANSFER) != make(Task.STYLE_TRANSFER, seed=1)
