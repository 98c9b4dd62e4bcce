"""Tests for the instructions of AnyEdit's types: sentences in good English, for singular and plural names."""

import re

import numpy as np
import pytest

from omniedit.instructions.grammar import is_plural, to_plural
from omniedit.instructions.templates import appearance as looks
from omniedit.instructions.templates.camera import outpaint_instructions, rotation_instructions
from omniedit.instructions.templates.counting import count_instructions, name_by_place
from omniedit.instructions.templates.movement_resize import movement_instructions, resize_instructions
from omniedit.instructions.templates.objects import addition_instructions, removal_instructions, swap_instructions
from omniedit.instructions.templates.printed_text import text_instructions
from omniedit.instructions.templates.references import insert_reference, material_of_reference, point_to_reference

FAULTS = {
    "an article before the wrong sound": r"\ba ([aeio]|hour)|\ban (?!hour)[^aeiou]",
    "an article before a plural": r"\b(an?|another|one) (small(er)? |larger )?(binoculars|people)\b",
    "a doubled word": r"\b(\w+) \1\b",
    "a doubled place": r"on the left on the|picture in the",
    "a doubled mark, or a space before one": r"[.,:]{2}| [.,:;]|  ",
    "a lower-case beginning": r"^[a-z]",
    "no full stop at the end": r"[^.]$",
}


def draw_all(name: str, rng: np.random.Generator) -> list[str]:
    """Return instructions of every type about an object."""
    left, removal = f"left {name}", removal_instructions(name, "", rng)
    return [
        *(removal + addition_instructions(name, "on the left", rng) + swap_instructions(name, "umbrella", rng)),
        *swap_instructions("drum", name, rng),
        *(looks.colour_instructions(name, "orange", rng) + looks.material_instructions(name, "ice", rng)),
        *looks.background_instructions([name, "cup"], "an old wall", rng),
        *(movement_instructions(name, "up", rng) + resize_instructions(name, 0.5, rng)),
        *(resize_instructions(name, 1.5, rng) + material_of_reference(name, rng)),
        *(insert_reference(name, "on the right", rng) + point_to_reference(removal, "bbox", rng)),
        *point_to_reference(addition_instructions(name, "", rng), "sketch", rng),
        *(() if is_plural(name) else count_instructions(name, 1, 3, rng) + count_instructions(name, 2, 1, rng)),
        *(() if is_plural(name) else name_by_place(removal_instructions(left, "", rng), left, rng)),
        *(outpaint_instructions("top", rng) + rotation_instructions(-20, rng) + text_instructions("A1", "B2", rng)),
    ]


@pytest.mark.parametrize("name", ["apple", "binoculars", "wine glass", "people", "hourglass"])
def test_instructions_of_all_types_are_grammatical(name: str) -> None:
    texts = {text for seed in range(12) for text in draw_all(name, np.random.default_rng(seed))}
    assert len(texts) > 100
    found = [(fault, text) for text in texts for fault, pattern in FAULTS.items() if re.search(pattern, text)]
    assert found == []


@pytest.mark.parametrize(("name", "own"), [("duck", "its"), ("red sunglasses", "their")])
def test_size_agrees_with_the_number_of_the_name(name: str, own: str) -> None:
    other = {"its": "their", "their": "its"}[own]
    for scale in (0.5, 2.0):
        texts = {text for seed in range(12) for text in resize_instructions(name, scale, np.random.default_rng(seed))}
        assert any(f" {own} " in text for text in texts) and not any(f" {other} " in text for text in texts)


@pytest.mark.parametrize("plural", ["binoculars", "sunglasses", "people", "wine glasses", "geese"])
def test_a_name_that_is_a_plural_stays_as_it_is(plural: str) -> None:
    assert to_plural(plural) == plural


def test_an_inserted_object_has_its_place_in_the_photo_and_not_in_the_reference_image() -> None:
    for seed in range(6):
        for text in insert_reference("cup", "on the left", np.random.default_rng(seed)):
            assert "reference image on the left" not in text and "n the left" in text
