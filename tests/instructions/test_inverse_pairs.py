"""Tests of inverse pairs: their instructions, their truth, and edits without an inverse."""

from typing import Any

import numpy as np
import pytest

from helpers.derivable_pairs import BOX, make_pair
from omniedit.instructions.inverse_pairs import INVERSE, invert
from omniedit.pairs import Captions, EditPair, Reference
from omniedit.scoring.reference.judge import score_pair
from omniedit.scoring.verdict import Score
from omniedit.tasks import OMNIEDIT_TASKS, Task


def ask_back(task: str, instruction: str, truth: dict[str, Any] | None = None, **more: Any) -> EditPair | None:
    known = {} if truth is None else {"truth": truth}
    left = None if task in (Task.ENVIRONMENT_CHANGE, Task.STYLE_TRANSFER) else 4
    return invert(make_pair(task, instruction, left=left, **known, **more))


def test_inverse_exchanges_images_and_captions_and_keeps_the_rest() -> None:
    pair = make_pair(
        *("object_removal", "Remove the cup."),
        captions=Captions("A cup", "A table"),
        truth={"object": "cup", "box": BOX},
        known_truth=True,
        session="s",
        turn=2,
        imported_scores={"clip": 0.5},
    )
    inverse = invert(pair)
    assert inverse is not None
    assert inverse.source is pair.edited and inverse.edited is pair.source and inverse.mask is pair.mask
    assert (inverse.pair_id, inverse.task) == (f"{pair.pair_id}-inverse", Task.OBJECT_ADDITION)
    assert inverse.captions == Captions("A table", "A cup")
    assert inverse.provenance == pair.provenance | {"derived": {"from": pair.pair_id, "how": INVERSE}}
    assert (inverse.session, inverse.turn, inverse.imported_scores) == (None, None, {})


@pytest.mark.parametrize(
    ("object", "phrase"),
    [
        ("wine bottle", "a wine bottle on the left"),
        ("wine bottle and the wine glass", "a wine bottle and a wine glass on the left"),
        ("upper dog", "a dog on the left"),
        ("smaller brown dog by the door", "a brown dog by the door"),
        ("man with the hat", "a man with a hat on the left"),
        ("people", "some people on the left"),
    ],
)
def test_inverse_of_a_removal_names_the_object_and_its_place(object: str, phrase: str) -> None:
    inverse = ask_back("object_removal", "", {"object": object, "box": BOX})
    assert inverse is not None and all(phrase in text for text in inverse.instructions)
    assert inverse.provenance["truth"] == {"object": object, "box": BOX}


@pytest.mark.parametrize(
    ("task", "instruction", "phrase"),
    [
        ("object_removal", "Remove the people in the background.", "some people in the background"),
        ("object_removal", "Could you please remove the red car from the image?", "a red car"),
        ("object_removal", "Make the orange disappear!", "an orange"),
        ("object_addition", "Add a red hat to the man.", "the red hat"),
        ("object_addition", "Put some flowers on the table", "the flowers on the table"),
        ("object_addition", "Insert a dog in the lower left corner.", "the dog"),
        ("object_swap", "Replace the cup with a copper kettle.", "the copper kettle"),
        ("attribute_modification", "Change the color of the car from red to blue", "the blue car"),
        ("attribute_modification", "Make the red car blue.", "the blue car"),
        ("background_swap", "Change the background from a beach to a forest.", "a beach"),
        ("environment_change", "Make it snow.", "snow"),
        ("style_transfer", "Turn this photo into a watercolour painting.", "photo"),
    ],
)
def test_inverse_object_is_found_in_the_instruction(task: str, instruction: str, phrase: str) -> None:
    inverse = ask_back(task, instruction)
    assert inverse is not None and "truth" not in inverse.provenance
    assert all(phrase in text for text in inverse.instructions)


@pytest.mark.parametrize(
    ("task", "instruction"),
    [
        ("object_removal", "Remove it."),
        ("object_removal", "Remove the dog and make it night."),
        ("object_removal", "Remove the text."),
        ("object_removal", "Remove his hat."),
        ("object_addition", "Add a cat, then remove the dog."),
        ("object_addition", "Add another one."),
        ("attribute_modification", "Make the dog fluffy."),
        ("attribute_modification", "Make the car blue."),
        ("background_swap", "Put the cup on a beach."),
        ("environment_change", "Remove the fog."),
        ("environment_change", "Turn the rain into snow."),
        ("style_transfer", "Make it better."),
        ("style_transfer", "Turn this photo into an old sepia photograph."),
        ("action_change", "Let the dog sit."),
        *((task, "{}\x00*(") for task in OMNIEDIT_TASKS),
        *((task, "") for task in OMNIEDIT_TASKS),
    ],
)
def test_unclear_instruction_gives_no_inverse(task: str, instruction: str) -> None:
    assert ask_back(task, instruction) is None


def test_removal_of_every_object_of_a_kind_has_no_inverse() -> None:
    assert ask_back("object_removal", "Remove all dogs.", {"object": "dog", "every": True, "box": BOX}) is None


def test_pairs_with_references_and_derived_pairs_have_no_inverse() -> None:
    pair = make_pair("object_removal", "Remove the cup.")
    first = invert(pair)
    assert first is not None and invert(first) is None
    assert ask_back("object_removal", "Remove the cup.", references=(Reference("subject", pair.source),)) is None


def test_inverse_of_a_swap_exchanges_its_truth() -> None:
    truth = {"object": "drum", "new_object": "a coffee grinder", "box": BOX, "new_box": [0, 0, 0.5, 0.5]}
    inverse = ask_back("object_swap", "", truth)
    assert inverse is not None
    assert all("the coffee grinder" in text and "a drum" in text for text in inverse.instructions)
    expected = {"object": "coffee grinder", "new_object": "drum", "box": [0, 0, 0.5, 0.5], "new_box": BOX}
    assert inverse.provenance["truth"] == expected


def test_recolouring_is_invertible_if_the_old_colour_is_known() -> None:
    truth = {"object": "red bowl", "attribute": "colour", "value": "blue", "lab_ab": [10, -54], "box": BOX}
    inverse = ask_back("attribute_modification", "", truth)
    assert inverse is not None
    assert inverse.provenance["truth"] == truth | {"object": "blue bowl", "value": "red", "lab_ab": [64, 44]}
    assert all(
        "blue bowl" in text and text.rstrip(".").endswith("red") for text in inverse.instructions if "to" in text
    )
    assert ask_back("attribute_modification", "Paint the bowl blue.", truth | {"object": "bowl"}) is None
    assert ask_back("attribute_modification", "", truth | {"attribute": "texture", "value": "marble"}) is None


def test_night_inverts_to_day_only_if_the_source_is_bright() -> None:
    assert ask_back("environment_change", "", {"environment": "night"}) is not None
    pair = make_pair(
        "environment_change", "", left=None, truth={"environment": "night"}, source=np.zeros((32, 48, 3), np.uint8)
    )
    assert invert(pair) is None


def test_style_inverts_only_to_a_photo() -> None:
    instruction = "Redraw this as an oil painting in the manner of the old masters, with deep shadows."
    by_specialist = ask_back("style_transfer", instruction, {"style": "old masters"})
    assert by_specialist is not None and any(
        "the oil painting into a realistic photograph" in t for t in by_specialist.instructions
    )
    assert "truth" not in by_specialist.provenance
    assert ask_back("style_transfer", instruction, imported={"dataset": "x"}) is None
    assert ask_back("style_transfer", instruction, imported={"dataset": "x"}, generated=False) is not None
    assert ask_back("style_transfer", instruction.replace("this", "this photo"), generated=True) is None
    captions = Captions("A photograph of a street")
    assert ask_back("style_transfer", instruction, imported={"dataset": "x"}, captions=captions) is not None


def test_wording_depends_on_seed_and_pair() -> None:
    pair = make_pair("object_addition", "Add a cup.")
    texts = {seed: invert(pair, seed) for seed in range(8)}
    again = invert(pair, 3)
    assert again is not None and texts[3] is not None and again.instructions == texts[3].instructions
    assert len({each.instruction for each in texts.values() if each}) > 2
    assert all(len(set(each.instructions)) == 4 for each in texts.values() if each)


def test_reference_judge_scores_an_inverse() -> None:
    rng = np.random.default_rng(0)
    plain = rng.normal(120, 4, (256, 256, 3)).clip(0, 255).astype(np.uint8)
    cup = plain.copy()
    cup[90:170, 90:160] = rng.normal((220, 40, 40), 25, (80, 70, 3)).clip(0, 255)
    mask = np.zeros((256, 256), bool)
    mask[84:176, 84:166] = True
    box = [90 / 256, 90 / 256, 160 / 256, 170 / 256]
    truth = {"object": "red cup", "box": box}
    removal = make_pair("object_removal", "Remove the red cup.", source=cup, edited=plain, mask=mask, truth=truth)
    inverse = invert(removal)
    assert inverse is not None
    verdict = score_pair(inverse)
    assert isinstance(verdict, Score) and verdict.sc_score_1 > 7, verdict


@pytest.mark.parametrize(
    ("task", "truth", "inverse_task"),
    [
        ("remove", {"object": "cup", "box": BOX}, "add"),
        ("add", {"object": "cup", "box": BOX}, "remove"),
        ("replace", {"object": "cup", "new_object": "jug", "box": BOX, "new_box": BOX}, "replace"),
        ("tone_transfer", {"environment": "fog"}, "tone_transfer"),
    ],
)
def test_inverse_of_an_anyedit_type_is_of_an_anyedit_type(task: str, truth: dict[str, Any], inverse_task: str) -> None:
    inverse = invert(make_pair(Task(task), "", left=None if task == "tone_transfer" else 4, truth=truth))
    assert inverse is not None and inverse.task == Task(inverse_task)
