"""Judge that ships: on a photo that no training showed, it prefers the right instruction, image and place."""

import logging
from dataclasses import replace

import numpy as np
import pytest

from omniedit.config.schema import SHIPPED_STUDENT, ScoringConfig
from omniedit.errors import UserError
from omniedit.grounding.nouns import plain_nouns
from omniedit.imaging.images import decode_image, resize_cover
from omniedit.pairs import EditPair
from omniedit.scoring import load_judge
from omniedit.scoring.student import feature_judge
from omniedit.scoring.student.evidence import class_vectors, embed
from omniedit.scoring.student.feature_judge import OUTSIDE_DOMAIN, FeatureJudge
from omniedit.scoring.student.head import FILE
from omniedit.scoring.verdict import Score
from omniedit.sources.photo_index import SAMPLE
from omniedit.tasks import Task


@pytest.fixture(scope="module")
def judge() -> FeatureJudge:
    judge = load_judge("student", "shipped", ScoringConfig())
    assert isinstance(judge, FeatureJudge)
    return judge


@pytest.fixture(scope="module")
def pair() -> EditPair:
    """Return a pair in which a fig in a bowl is put on a meadow."""
    meadow, fig = (
        resize_cover(decode_image((SAMPLE / f"{name}.jpg").read_bytes(), name), width, height)
        for name, width, height in (("mountain_meadow", 320, 240), ("fig_in_bowl", 140, 105))
    )
    edited = meadow.copy()
    edited[120:225, 90:230] = fig
    return EditPair("p", Task.OBJECT_ADDITION, ("Add a bowl with a fig.",), meadow, edited, None, {})


def overall(judge: FeatureJudge, *pairs: EditPair) -> list[float]:
    return [score.o_score for score in judge.judge(pairs) if isinstance(score, Score)]


def test_the_correct_instruction_scores_higher_than_others(judge: FeatureJudge, pair: EditPair) -> None:
    wrong = [replace(pair, instructions=(text,)) for text in ("Remove the dogs.", "Make it snow.")]
    right, *others = overall(judge, pair, *wrong)
    assert right > max(others) + 0.2


def test_an_unchanged_image_has_zero_success_under_any_instruction(judge: FeatureJudge, pair: EditPair) -> None:
    nothing = replace(pair, edited=pair.source.copy())
    assert overall(judge, nothing, replace(nothing, instructions=("Keep the meadow.",))) == [0, 0]


def test_class_vectors_do_not_depend_on_the_batch() -> None:
    nouns = plain_nouns()
    assert np.allclose(class_vectors()[[0, 500, 999]], embed([nouns[0], nouns[500], nouns[999]]), atol=1e-4)


def test_noise_lowers_quality(judge: FeatureJudge, pair: EditPair) -> None:
    noise = np.random.default_rng(0).normal(0, 40, pair.edited.shape)
    spoilt = replace(pair, edited=np.clip(pair.edited + noise, 0, 255).astype(np.uint8))
    right, noisy = judge.judge([pair, spoilt])
    assert isinstance(right, Score) and isinstance(noisy, Score)
    assert right.pq_score > noisy.pq_score + 1


def test_scores_do_not_depend_on_the_batch(judge: FeatureJudge, pair: EditPair) -> None:
    other = replace(pair, source=pair.edited, edited=pair.source)
    assert judge.judge([pair, other, pair]) == [*judge.judge([pair]), *judge.judge([other]), *judge.judge([pair])]


def test_an_instruction_without_a_known_word_is_scored_with_a_warning(
    judge: FeatureJudge, pair: EditPair, caplog: pytest.LogCaptureFixture
) -> None:
    judge.warned = False
    with caplog.at_level(logging.WARNING):
        verdicts = judge.judge([replace(pair, instructions=("Xqzt the flurgle.",)), pair])
    assert OUTSIDE_DOMAIN in verdicts[0].reasoning
    assert OUTSIDE_DOMAIN in caplog.text


def test_a_missing_package_is_named_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feature_judge, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install 'omniedit\[embedded\]'"):
        FeatureJudge.from_pretrained(SHIPPED_STUDENT / FILE)
