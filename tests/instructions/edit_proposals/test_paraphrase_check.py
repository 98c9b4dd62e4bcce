"""Tests of paraphrases: one that keeps its edit is accepted; one that loses or reverses it is rejected."""

from typing import Any

import pytest

from omniedit.instructions.edit_proposals.paraphrase_check import PhotoObject, meaning_error, operations
from omniedit.instructions.edit_proposals.table import CLASSES
from omniedit.instructions.stemming import stems
from omniedit.tasks import Task

DOG, LEFT_DOG = (
    PhotoObject("dog", "brown dog"),
    PhotoObject("dog", "smaller dog on the left", tuple(stems("smaller left"))),
)
PROMPTS = {"source_prompt": "a brown dog", "target_prompt": "a white dog"}
FIELDS: dict[Task, dict[str, Any]] = {
    Task.OBJECT_SWAP: {"object": "brown dog", "new_object": "a grey cat with a red collar"},
    Task.OBJECT_REMOVAL: {"object": "brown dog", "background": "an empty lawn"},
    Task.OBJECT_ADDITION: {"object": "brown dog", "place": "on the lawn beside the gate", "background": "a lawn"},
    Task.ATTRIBUTE_MODIFICATION: {"object": "brown dog", "attribute": "colour", "value": "white", **PROMPTS},
    Task.BACKGROUND_SWAP: {"object": "brown dog", "background": "a sandy beach at low tide"},
    Task.ENVIRONMENT_CHANGE: {"environment": "thick fog", "source_prompt": "a lawn", "target_prompt": "a lawn in fog"},
    Task.STYLE_TRANSFER: {"style": "an oil pastel drawing with bold strokes"},
}


def reason(task: Task, instruction: str, thing: PhotoObject = DOG) -> str | None:
    proposal = CLASSES[task](instructions=["Do it."], **FIELDS[task])
    named = thing if "object" in FIELDS[task] else None
    return meaning_error(instruction, task, proposal, named)


def test_every_task_has_an_operation() -> None:
    assert set(operations()) == set(CLASSES)


@pytest.mark.parametrize(
    ("task", "instruction"),
    [
        (Task.OBJECT_SWAP, "Swap the dog for a grey cat."),
        (Task.OBJECT_SWAP, "Could you put a cat with a red collar where the dog is, instead?"),
        (Task.OBJECT_SWAP, "I would rather see cats than dogs here."),
        (Task.OBJECT_REMOVAL, "Take the dog out of the picture, please."),
        (Task.OBJECT_REMOVAL, "The lawn would look calmer if the dog weren't there."),
        (Task.OBJECT_REMOVAL, "I don't want the dog in this shot."),
        (Task.OBJECT_REMOVAL, "Dogs gone."),
        (Task.OBJECT_REMOVAL, "That dog ruins the lawn for me."),
        (Task.OBJECT_SWAP, "A cat would suit this lawn better than the dog."),
        (Task.OBJECT_ADDITION, "It looks empty beside the gate; a dog would help."),
        (Task.STYLE_TRANSFER, "Pastels, bold ones."),
        (Task.OBJECT_ADDITION, "This lawn could use a dog next to the gate."),
        (Task.ATTRIBUTE_MODIFICATION, "I always imagined that dog with a white coat."),
        (Task.ATTRIBUTE_MODIFICATION, "Make it a white dog and no brown one."),
        (Task.OBJECT_SWAP, "Substitute a grey cat for the dog."),
        (Task.OBJECT_SWAP, "Replace the dog beside the cat statue with a cat."),
        (Task.OBJECT_SWAP, "Put a cat there instead of the dog."),
        (Task.OBJECT_REMOVAL, "Keep everything but remove the dog."),
        (Task.OBJECT_REMOVAL, "I do not like that dog, please remove it."),
        (Task.OBJECT_REMOVAL, "Remove the dog and nothing else."),
        (Task.BACKGROUND_SWAP, "Turn everything but the dog into a sandy beach."),
        (Task.BACKGROUND_SWAP, "It would be lovely to have a sandy beach behind."),
        (Task.BACKGROUND_SWAP, "Let the dog sit on a beach of sand."),
        (Task.ENVIRONMENT_CHANGE, "Let the fog be so thick that one hardly sees the fence."),
        (Task.STYLE_TRANSFER, "Might you redraw this with oil pastels?"),
    ],
)
def test_paraphrase_that_keeps_the_edit_is_accepted(task: Task, instruction: str) -> None:
    assert reason(task, instruction) is None


@pytest.mark.parametrize(
    ("task", "instruction", "why"),
    [
        (
            Task.OBJECT_SWAP,
            "Swap the dog for a bird.",
            "it does not name the new object 'a grey cat with a red collar'",
        ),
        (Task.OBJECT_SWAP, "A dog and a cat.", "it does not ask for object swap"),
        (Task.OBJECT_REMOVAL, "Remove it.", "it does not name the object 'dog'"),
        (Task.OBJECT_REMOVAL, "A dog on a lawn.", "it does not ask for object removal"),
        (Task.OBJECT_REMOVAL, "Please do not remove the dog.", "it negates the edit (object removal)"),
        (Task.OBJECT_REMOVAL, "Do not ever remove the dog.", "it negates the edit (object removal)"),
        (Task.OBJECT_REMOVAL, "Never, not under any circumstances remove the dog.", "negates the edit (object"),
        (Task.OBJECT_REMOVAL, "Remove everything but the dog.", "it excludes the object 'dog' from the edit"),
        (Task.OBJECT_REMOVAL, "Erase all things except for the brown dog.", "excludes the object 'dog' from the edit"),
        (Task.OBJECT_SWAP, "Replace the grey cat with the dog.", "it treats 'a grey cat with a red collar' as already"),
        (Task.OBJECT_SWAP, "Substitute the dog for the cat.", "it treats 'a grey cat with a red collar' as already"),
        (Task.OBJECT_SWAP, "Put the dog there instead of the cat.", "it treats 'a grey cat with a red collar' as"),
        (Task.ATTRIBUTE_MODIFICATION, "Make the white dog brown.", "it treats the object as already 'white'"),
        (Task.OBJECT_REMOVAL, "Remove the dog and add a cat.", "something other than object removal ('add')"),
        (Task.OBJECT_ADDITION, "Put the dog by the gate, then remove it.", "other than object addition ('remove')"),
        (Task.OBJECT_ADDITION, "Do not add a dog by the gate.", "other than object addition ('not add')"),
        (Task.OBJECT_ADDITION, "Add a dog.", "it does not name the place"),
        (Task.ATTRIBUTE_MODIFICATION, "Make the dog black.", "it does not name the value 'white'"),
        (Task.OBJECT_SWAP, "I would like a cat beside the dog.", "it does not ask for object swap"),
        (Task.ATTRIBUTE_MODIFICATION, "Make it white.", "it does not name the object 'dog'"),
        (Task.BACKGROUND_SWAP, "Change the background to a city.", "it does not name the background"),
        (Task.ENVIRONMENT_CHANGE, "Make it rain.", "it does not name the environment 'thick fog'"),
        (Task.STYLE_TRANSFER, "Make a drawing of this.", "it does not name the style"),
    ],
)
def test_paraphrase_that_changes_the_edit_is_rejected(task: Task, instruction: str, why: str) -> None:
    assert why in str(reason(task, instruction))


def test_paraphrase_must_distinguish_one_of_several_objects() -> None:
    assert reason(Task.OBJECT_REMOVAL, "Erase the dog on the left.", LEFT_DOG) is None
    assert reason(Task.OBJECT_REMOVAL, "Erase the smaller of the dogs.", LEFT_DOG) is None
    problem = "it does not distinguish 'smaller dog on the left' from the others"
    assert reason(Task.OBJECT_REMOVAL, "Erase the dog.", LEFT_DOG) == problem
    # An object to be added is not in the image yet, so it needs no distinction.
    assert reason(Task.OBJECT_ADDITION, "Add a dog by the gate.", LEFT_DOG) is None
