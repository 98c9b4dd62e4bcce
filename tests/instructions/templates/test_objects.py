"""Instructions about objects: distinct, grammatical, and naming their objects."""

import numpy as np
import pytest

from omniedit.instructions.grammar import with_article
from omniedit.instructions.templates.objects import addition_instructions, removal_instructions, swap_instructions


@pytest.mark.parametrize("seed", range(20))
def test_instructions_are_four_distinct_sentences_naming_the_objects(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for instructions, words in (
        (swap_instructions("drum", "orange", rng), ("the drum", "an orange")),
        (removal_instructions("wine bottle", "on the left", rng), ("the wine bottle on the left",)),
        (removal_instructions("wine bottle", "", rng), ("the wine bottle",)),
        (addition_instructions("wine bottle", "on the left", rng), ("a wine bottle", "on the left")),
        (addition_instructions("umbrella", "", rng), ("an umbrella",)),
    ):
        assert len(set(instructions)) == 4
        for text in instructions:
            assert all(word in text for word in words), text
            assert text[0].isupper() and text.endswith(".") and " ." not in text and "  " not in text


def test_instructions_depend_only_on_the_random_generator() -> None:
    drawn = {removal_instructions("fig", "", np.random.default_rng(seed)) for seed in (1, 1, 2)}
    assert len(drawn) == 2


def test_new_object_is_named_without_words_that_distinguish_the_old() -> None:
    for text in addition_instructions("upper dog", "", np.random.default_rng(0)):
        assert "a dog in the upper part of the picture" in text
    for text in swap_instructions("drum", "lower dog", np.random.default_rng(0)):
        assert "a dog" in text and "lower" not in text


@pytest.mark.parametrize(
    ("noun", "phrase"),
    [
        ("fig", "a fig"),
        ("orange", "an orange"),
        ("umbrella", "an umbrella"),
        ("unicycle", "a unicycle"),
        ("hourglass", "an hourglass"),
        ("sunglasses", "some sunglasses"),
        ("wine glass", "a wine glass"),
        ("bus", "a bus"),
        ("lens", "a lens"),
        ("jeans", "some jeans"),
        ("pair of scissors", "a pair of scissors"),
        ("glasses of wine", "some glasses of wine"),
        ("bowl and some sunglasses", "a bowl and some sunglasses"),
    ],
)
def test_article_matches_the_noun(noun: str, phrase: str) -> None:
    assert with_article(noun) == phrase
