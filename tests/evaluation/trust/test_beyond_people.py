"""Preference for the judge's own family beyond people's: exact in standard deviations, and what cannot be measured."""

import numpy as np
import pytest

from omniedit.errors import UserError
from omniedit.evaluation.agreement.ratings import Key, Rating, Scores
from omniedit.evaluation.trust.beyond_people import judge_family, preference_beyond_people


def build(own_bonus: float, task: str = "t") -> tuple[list[Rating], dict[Key, Scores]]:
    """Build ratings of two models by two people, and the scores of a judge that agrees with them but for a bonus."""
    rng = np.random.default_rng(0)
    ratings, judged = [], {}
    for model in ("dalle-3", "sdxl"):
        for pair in range(200):
            quality = float(rng.random())
            key = (str(pair), model, task)
            ratings += [Rating(key, rater, {"sc": quality, "pq": quality, "o": quality}) for rater in "ab"]
            bonus = own_bonus if model == "dalle-3" else 0.0
            judged[key] = {"sc": 0.0, "pq": 0.0, "o": 5 + 3 * quality + bonus}
    return ratings, judged


def test_a_judge_that_agrees_with_people_has_no_preference_on_any_scale() -> None:
    found = preference_beyond_people(*build(0.0), "OpenAI")
    assert (
        found is not None and found.difference == pytest.approx(0, abs=1e-9) and (found.own, found.others) == (200, 200)
    )


@pytest.mark.parametrize("bonus", [2.0, -2.0])
def test_a_bonus_for_the_judges_family_is_a_preference_of_the_same_sign(bonus: float) -> None:
    found = preference_beyond_people(*build(bonus), "OpenAI")
    assert found is not None and found.difference is not None and found.interval is not None
    assert 0.5 < found.difference * np.sign(bonus) < 2.5
    assert found.interval[0] < found.difference < found.interval[1] and found.interval[0] * found.interval[1] > 0
    other = preference_beyond_people(*build(bonus), "Stability AI")
    assert other is not None and other.difference == pytest.approx(-found.difference)


def test_without_images_of_the_family_or_without_spread_there_is_no_preference() -> None:
    assert preference_beyond_people(*build(1.0), "Google") is None
    ratings, judged = build(0.0)
    flat = {key: scores | {"o": 5.0} for key, scores in judged.items()}
    found = preference_beyond_people(ratings, flat, "OpenAI")
    assert found is not None and found.difference is None
    with pytest.raises(UserError, match="no known family in 'my-model'; known are: OpenAI"):
        judge_family("my-model")
    assert judge_family("gpt-4o-2024-08-06") == "OpenAI"
