"""Instructions for appearance edits: several distinct sentences, which only mention visible things."""

import numpy as np
import pytest

from omniedit.instructions import appearance
from omniedit.specialists.embedded.environment import ENVIRONMENTS


def wordings(seed: int) -> dict[str, tuple[str, ...]]:
    rng = np.random.default_rng(seed)
    return {
        "style": appearance.style_wordings("an oil painting", rng),
        "colour": appearance.colour_wordings("red bowl", "blue", rng),
        "material": appearance.material_wordings("bowl", "white marble", rng),
        "background": appearance.background_wordings(["drum", "bean bag"], "a green meadow", rng),
        "surface": appearance.surface_wordings(["fig"], "a wooden table top", rng),
        "sky": appearance.sky_wordings("a dark, stormy sky", rng),
    } | {
        name: appearance.environment_wordings(name, rng, sky=seed % 2 == 0, ground=seed % 2 == 0)
        for name in ENVIRONMENTS
    }


@pytest.mark.parametrize("seed", range(6))
def test_each_edit_has_three_or_more_different_sentences(seed: int) -> None:
    for kind, sentences in wordings(seed).items():
        assert len(set(sentences)) == len(sentences) >= 3, kind
        for sentence in sentences:
            assert sentence[0].isupper() and sentence.endswith(".") and "{" not in sentence, sentence
            assert "  " not in sentence and " a a" not in sentence and " the a" not in sentence, sentence


def test_the_first_wording_varies_with_the_random_numbers() -> None:
    assert len({wordings(seed)["colour"][0] for seed in range(12)}) >= 4


def test_sky_and_ground_are_named_only_where_they_are_seen() -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        for name in ENVIRONMENTS:
            text = " ".join(appearance.environment_wordings(name, rng, sky=False, ground=False))
            assert not any(word in text for word in ("sky", "stars", "ground", "horizon")), text


def test_what_stays_is_listed_in_english() -> None:
    assert appearance.join_names(["fig"]) == "fig"
    assert appearance.join_names(["fig", "bowl", "leaf"]) == "fig, bowl and leaf"
    for sentence in appearance.surface_wordings(["bowl", "fig"], "a granite table top", np.random.default_rng(0)):
        assert "the bowl and the fig" in sentence
