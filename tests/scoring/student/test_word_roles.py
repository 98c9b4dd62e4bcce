"""Roles of words: each sentence names what appears, what goes and where, whatever its form."""

import pytest

from omniedit.scoring.student.word_roles import Roles, find_roles


@pytest.mark.parametrize(
    ("instruction", "roles"),
    [
        ("Add a candle on top of the cake.", Roles(("candle",), (), ("cake",), "add")),
        ("Replace the elephant with a seal", Roles(("seal",), ("elephant",), (), "change")),
        ("Make the hydrant all white.", Roles(("white",), ("hydrant",), (), "change")),
        ("The umbrella should be red.", Roles(("red",), ("umbrella",), (), "change")),
        ("Get rid of the person on skis", Roles((), ("person",), ("skis",), "remove")),
        ("Show the same scene without the dog.", Roles((), ("dog",), (), "remove")),
        ("Put a koala in place of the ball.", Roles(("koala",), ("ball",), (), "add")),
        ("Instead of the cheetah, show a motorcycle.", Roles(("motorcycle",), ("cheetah",), (), "add")),
    ],
)
def test_verbs_and_prepositions_assign_the_roles_of_words(instruction: str, roles: Roles) -> None:
    assert find_roles(instruction) == roles


def test_a_phrase_is_followed_by_its_words() -> None:
    assert find_roles("Add two yellow flowers").new == ("yellow flowers", "yellow", "flowers")


@pytest.mark.parametrize("instruction", ["", "...", "the", "123", "\u7ea2\u8272", "with with with", "instead"])
def test_a_sentence_without_known_words_has_no_roles(instruction: str) -> None:
    assert find_roles(instruction).all == ()
