"""Tests for the words and instructions of changed texts."""

import numpy as np
import pytest

from omniedit.instructions.templates.printed_text import (
    MAX_LENGTH_DIFFERENCE,
    NAMES,
    UNCHANGED,
    is_usable,
    other_text,
    replacements,
    sign_words,
    text_instructions,
)


@pytest.mark.parametrize("text", ["PARKING", "Car Parks", "GM 125", "10", "taxi"])
def test_other_text_keeps_case_and_numbers(text: str) -> None:
    for seed in range(20):
        new = other_text(text, np.random.default_rng(seed))
        assert new != text and is_usable(new)
        assert [word.isdigit() for word in new.split()] == [word.isdigit() for word in text.split()]
        assert new.isupper() == text.isupper() and new.islower() == text.islower()


@pytest.mark.parametrize(
    ("word", "plausible", "nonsense"),
    [
        ("BUS", {"TRAM", "TAXI"}, {"NOW", "TAX", "BUSES"}),
        ("Monday", {"Friday", "Sunday"}, {"Market"}),
        ("exit", {"gate", "door"}, {"fast", "doors"}),
        ("North", {"South", "West"}, {"Night"}),
    ],
)
def test_word_is_replaced_by_one_of_its_kind_and_number(word: str, plausible: set[str], nonsense: set[str]) -> None:
    found = set(replacements(word))
    assert plausible <= found and not found & {*nonsense, word}


def test_every_listed_word_has_a_replacement_of_similar_length() -> None:
    listed = [word for kind, words in sign_words().items() if kind != UNCHANGED for word in words]
    assert all(word.isascii() and word.isalpha() and word.islower() for word in listed)
    assert [word for word in listed if not replacements(word)] == []
    assert all(abs(len(new) - len(word)) <= MAX_LENGTH_DIFFERENCE for word in listed for new in replacements(word))


def test_an_unknown_capitalised_word_becomes_a_name_and_other_unknown_words_stay() -> None:
    names = set(sign_words()[NAMES])
    assert {new.lower() for new in replacements("KODAK")} <= names and "Nolan" in replacements("Kodak")
    assert [replacements(word) for word in ("THE", "kodak", "iPhone", "GM", "don't", "Strassenverkehrsordnung")] == [
        ()
    ] * 6
    assert other_text("mind THE step", np.random.default_rng(0)) == "mind THE step"


def test_instructions_quote_both_texts() -> None:
    for instruction in text_instructions("OPEN", "CLOSED", np.random.default_rng(0)):
        assert "'CLOSED'" in instruction and "'OPEN'" in instruction
    for instruction in text_instructions("Let's go", "Let's stop", np.random.default_rng(0)):
        assert '"Let\'s go"' in instruction and '"Let\'s stop"' in instruction
