"""Candidate pairs like those of specialists and a judge: right or wrong edits, each with a score.

Scores are drawn, not computed: the mean and spread of each kind are chosen so that a threshold of 9 keeps 59 % of the
right edits and 4 % of the wrong ones. With 40 % wrong candidates, 95 % of the kept pairs are then right. A candidate
depends only on (seed, index). Training pairs are chosen without rendering an image.
"""

from dataclasses import dataclass
from itertools import count, islice

import numpy as np

from benchmarks.ablation.data_choices import Data

RIGHT = "right"
SCORES = {RIGHT: (9.2, 0.9), "unchanged": (2.0, 1.5), "other": (5.0, 2.0), "damaged": (7.5, 1.2)}
"""Mean and standard deviation of the scores of each kind of edit, before they are cut to 0 and 10."""
KIND = 1
"""Separates the random numbers of kinds and scores from those of scenes."""


@dataclass(frozen=True)
class Candidate:
    """Candidate pair.

    Args:
        index: index of its scene in the world.
        kind: key of `SCORES`: the right edit, the unchanged source, another edit, or damage everywhere.
        score: of the simulated judge, 0 to 10.
    """

    index: int
    kind: str
    score: float


def make_candidate(data: Data, seed: int, index: int) -> Candidate:
    rng = np.random.default_rng([seed, index, KIND])
    wrong = rng.random() < data.wrong_share
    kind = str(rng.choice([name for name in SCORES if name != RIGHT])) if wrong else RIGHT
    mean, spread = SCORES[kind]
    return Candidate(index, kind, float(np.clip(rng.normal(mean, spread), 0, 10)))


def choose_candidates(data: Data, seed: int, pairs: int) -> list[Candidate]:
    """Return a unit's training pairs: the candidates that have at least the minimum score, in order.

    Args:
        pairs: number of training pairs of the setting.
    """
    indices = range(round(data.candidates * pairs)) if data.candidates else count()
    made = (make_candidate(data, seed, index) for index in indices)
    kept = (candidate for candidate in made if candidate.score >= data.min_score)
    return list(kept if data.candidates else islice(kept, pairs))
