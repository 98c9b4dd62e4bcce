"""Tests of finding the objects that instructions name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniedit.instructions import mentions
from omniedit.instructions.mentions import (
    Recolouring,
    describe_alone,
    find_added,
    find_backgrounds,
    find_recolouring,
    find_removed,
    find_style,
    find_swapped,
    introduce_details,
    split_place,
    swap_colour,
)
from omniedit.instructions.templates.objects import _REMOVAL
from omniedit.instructions.word_lists import styles

FINDERS = (find_added, find_backgrounds, find_recolouring, find_removed, find_style, find_swapped)


@pytest.mark.parametrize("template", _REMOVAL)
def test_every_removal_template_names_its_object(template: str) -> None:
    assert find_removed(template.format(thing="red car on the left")) == "red car on the left"


@pytest.mark.parametrize("style", [style for style in styles() if "," not in style])
def test_every_style_is_found(style: str) -> None:
    assert find_style(f"Redraw this photo as {style}.") == style


def test_list_of_details_is_dropped_from_a_style() -> None:
    assert find_style("Make it look like a gouache painting with matte, even colours.") == "a gouache painting"
    assert find_style("Turn it into a sketch and add a dog.") is None


def test_old_and_new_values_are_found() -> None:
    assert find_swapped("Swap the old lamp for a cactus!") == ("old lamp", "cactus")
    assert find_recolouring("Change the colour of the door from golden to teal.") == Recolouring(
        "door", "golden", "teal"
    )
    assert find_backgrounds("Change the background from a wall to the sea.") == ("a wall", "the sea")


def test_names_are_split_into_their_parts() -> None:
    assert split_place("cat on the sofa") == ("cat", "on the sofa")
    assert split_place("onion") == ("onion", "")
    assert describe_alone("the second smaller dog") == "dog"
    assert describe_alone("left") == "left"
    assert introduce_details("man with the umbrella") == "man with an umbrella"
    assert swap_colour("red bowl", "blue") == ("blue bowl", "red")
    assert swap_colour("bowl", "blue") is None and swap_colour("red and blue bowl", "grey") is None


@given(st.text(max_size=60))
def test_arbitrary_text_raises_no_error(text: str) -> None:
    for find in FINDERS:
        find(text)
    for find_in_name in (mentions.is_object, split_place, describe_alone, introduce_details):
        find_in_name(text)
    swap_colour(text, "blue")
