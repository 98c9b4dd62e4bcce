"""Tests of instructions for appearance edits: several distinct sentences that mention only visible things."""

import numpy as np
import pytest

from omniedit.instructions.templates import appearance
from omniedit.specialists.embedded.environment import ENVIRONMENTS


def instructions(seed: int) -> dict[str, tuple[str, ...]]:
    rng = np.random.default_rng(seed)
    return {
        "style": appearance.style_instructions("an oil painting", rng),
        "colour": appearance.colour_instructions("red bowl", "blue", rng),
        "material": appearance.material_instructions("bowl", "white marble", rng),
        "background": appearance.background_instructions(["drum", "bean bag"], "a green meadow", rng),
        "surface": appearance.surface_instructions(["fig"], "a wooden table top", rng),
        "sky": appearance.sky_instructions("a dark, stormy sky", rng),
    } | {
        name: appearance.environment_instructions(name, rng, sky=seed % 2 == 0, ground=seed % 2 == 0)
        for name in ENVIRONMENTS
    }


@pytest.mark.parametrize("seed", range(6))
def test_each_edit_has_at_least_three_distinct_sentences(seed: int) -> None:
    for kind, sentences in instructions(seed).items():
        assert len(set(sentences)) == len(sentences) >= 3, kind
        for sentence in sentences:
            assert sentence[0].isupper() and sentence.endswith(".") and "{" not in sentence, sentence
            assert "  " not in sentence and " a a" not in sentence and " the a" not in sentence, sentence


def test_first_paraphrase_varies_with_the_seed() -> None:
    assert len({instructions(seed)["colour"][0] for seed in range(12)}) >= 4


def test_sky_and_ground_are_named_only_if_visible() -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        for name in ENVIRONMENTS:
            text = " ".join(appearance.environment_instructions(name, rng, sky=False, ground=False))
            assert not any(word in text for word in ("sky", "stars", "ground", "horizon")), text


def test_unchanged_objects_are_listed_in_english() -> None:
    assert appearance.join_names(["fig"]) == "fig"
    assert appearance.join_names(["fig", "bowl", "leaf"]) == "fig, bowl and leaf"
    for sentence in appearance.surface_instructions(["bowl", "fig"], "a granite table top", np.random.default_rng(0)):
        assert "the bowl and the fig" in sentence
