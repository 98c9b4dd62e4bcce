"""Tests of composed pairs: pixels of both edits, natural instructions, and edits that cannot be composed."""

from typing import Any

import numpy as np
import pytest

from helpers.derivable_pairs import make_pair, make_photo
from omniedit.instructions.composed_pairs import (
    COMPOSED,
    compose_edits,
    compose_session,
    is_imperative,
    join_instructions,
)
from omniedit.pairs import Captions, EditPair, Reference

REMOVE, PAINT = (
    ("Remove the dog.", "Show the same scene without the dog."),
    ("Turn the bowl blue.", "Paint the bowl blue."),
)


def make_two(**of_second: Any) -> tuple[EditPair, EditPair]:
    return make_pair("object_removal", *REMOVE), make_pair(
        "attribute_modification", *PAINT, **{"left": 20, **of_second}
    )


def make_session(*instructions: str, **of_last: Any) -> list[EditPair]:
    images = [make_photo(number) for number in range(len(instructions) + 1)]
    turns = [
        make_pair("object_swap", text, pair_id=f"t{n}", source=images[n], edited=images[n + 1], session="s", turn=n + 1)
        for n, text in enumerate(instructions)
    ]
    return turns[:-1] + [EditPair(**{**vars(turns[-1]), **of_last})]


def test_each_edit_changes_only_its_own_mask() -> None:
    first, second = make_two()
    pair = compose_edits(first, second)
    assert pair is not None and pair.mask is not None and first.mask is not None and second.mask is not None
    assert np.array_equal(pair.edited[first.mask], first.edited[first.mask])
    assert np.array_equal(pair.edited[second.mask], second.edited[second.mask])
    assert np.array_equal(pair.edited[~pair.mask], first.source[~pair.mask])
    assert np.array_equal(pair.mask, first.mask | second.mask)
    assert pair.task == COMPOSED and pair.is_local
    assert pair.provenance["derived"] == {"from": [first.pair_id, second.pair_id], "how": COMPOSED}
    assert pair.provenance["source_id"] == first.provenance["source_id"] and "truth" not in pair.provenance


def test_instructions_are_joined_in_several_ways_by_seed() -> None:
    pairs = {seed: compose_edits(*make_two(), seed) for seed in range(6)}
    assert all(pair is not None for pair in pairs.values())
    texts = {text for pair in pairs.values() if pair for text in pair.instructions}
    assert {"Remove the dog, and turn the bowl blue.", "First remove the dog, then paint the bowl blue."} <= texts
    assert all("dog" in text and "bowl" in text and "same scene" not in text for text in texts)
    again = compose_edits(*make_two(), 3)
    assert again is not None and pairs[3] is not None and again.instructions == pairs[3].instructions


@pytest.mark.parametrize(
    "change",
    [
        {"left": 10},
        {"left": None},
        {"seed": 1},
        {"edited": 255 - make_photo()},
        {"session": "s", "turn": 1},
        {"references": (Reference("subject", make_photo()),)},
    ],
    ids=["overlap", "global", "another source", "changes outside the mask", "turn", "reference"],
)
def test_incompatible_edits_are_not_composed(change: dict[str, Any]) -> None:
    assert compose_edits(*make_two(**change)) is None


@pytest.mark.parametrize(
    ("first", "second", "compose"),
    [
        ("Replace the cup with a pot.", "Replace the pot with a cup.", False),
        ("Turn the red bowl blue.", "Put a fig into the red bowl.", False),
        ("Remove the dog on the left.", "Remove the cat on the left.", True),
    ],
)
def test_edits_that_name_the_same_object_are_not_composed(first: str, second: str, compose: bool) -> None:
    pairs = make_pair("object_swap", first), make_pair("object_swap", second, left=20)
    assert (compose_edits(*pairs) is not None) is compose
    names = [{"object": "cup", "new_object": "pot"}, {"object": "pot" if not compose else "hat"}]
    known = [make_pair("x", "y", left=left, truth=truth) for left, truth in zip((4, 20), names, strict=True)]
    assert (compose_edits(*known) is not None) is compose


def test_clause_with_and_is_joined_by_then() -> None:
    wordings = [["Remove the dog."], ["Take out the cup and put a pot there."]]
    assert set(join_instructions(wordings, np.random.default_rng(0))) == {
        "Remove the dog, then take out the cup and put a pot there.",
        "First remove the dog, then take out the cup and put a pot there.",
    }


def test_session_becomes_one_edit_from_first_to_last_image() -> None:
    turns = make_session("Add a dog.", "Turn it brown.", "Remove the ball.", captions=Captions("No", "A brown dog"))
    pair = compose_session(turns[::-1])
    assert pair is not None and pair.source is turns[0].source and pair.edited is turns[-1].edited
    assert "Add a dog, turn it brown, and remove the ball." in pair.instructions
    assert (pair.session, pair.turn, pair.captions) == (None, None, Captions(None, "A brown dog"))
    assert pair.provenance["derived"]["from"] == ["t0", "t1", "t2"]


def test_session_turns_may_differ_slightly_in_pixels() -> None:
    turns = make_session("Add a dog.", "Remove the ball.")
    assert compose_session([turns[0], EditPair(**{**vars(turns[1]), "source": turns[1].source + 1})]) is not None
    assert compose_session([turns[0], EditPair(**{**vars(turns[1]), "source": turns[1].source + 9})]) is None


@pytest.mark.parametrize("count", [1, 5])
def test_session_needs_two_to_four_turns(count: int) -> None:
    assert compose_session(make_session(*["Add a dog."] * count)) is None


def test_session_with_a_missing_turn_is_skipped() -> None:
    turns = make_session("Add a dog.", "Turn it brown.", "Remove the ball.")
    assert compose_session([turns[0], turns[2]]) is None and compose_session(turns[1:]) is None


def test_question_stays_a_separate_sentence() -> None:
    wordings = [["What if the man had a hat?"], ["make the floor wooden"]]
    assert join_instructions(wordings, np.random.default_rng(0)) == (
        "What if the man had a hat? make the floor wooden.",
    )


@pytest.mark.parametrize("text", ["Add a dog.", "Show the pot as if made of gold.", "get rid of the cup"])
def test_commands_are_imperative(text: str) -> None:
    assert is_imperative(text)


@pytest.mark.parametrize(
    "text", ["", "Added light.", "I want a dog.", "Add a dog. Make it red.", "Show the same scene without it."]
)
def test_other_sentences_are_not_imperative(text: str) -> None:
    assert not is_imperative(text)
