"""Thresholds on the judge's O: number of accepted edits, and of accepted edits that people rate as good.

N  images      D  bootstrap draws of the images (see `correlations`)
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from omniedit.evaluation.agreement.correlations import Values, draw_weights, interval
from omniedit.evaluation.agreement.ratings import Key, Rating, Scores
from omniedit.tasks import ALL_TASKS

THRESHOLDS = range(1, 10)
MIN_GOOD_O = 0.7
"""Mean human O from which an edit counts as good, on ImagenHub's scale of 0 to 1."""
MIN_IMAGES = 10
"""Minimum number of kept images for which an interval is given; with fewer images, a bootstrap interval is too
narrow."""


@dataclass(frozen=True)
class Threshold:
    """Effect of one threshold on O.

    Args:
        images: number of images with a score and a rating.
        good: number of these images that people rate as good.
        kept, kept_good: number of images at or above the threshold, and of good images among them.
        interval: 95 % interval of the precision, from a bootstrap over pairs with all their models.
    """

    task: str
    threshold: float
    images: int
    good: int
    kept: int
    kept_good: int
    interval: list[float] | None

    @property
    def share(self) -> float:
        return self.kept / self.images

    @property
    def precision(self) -> float | None:
        return self.kept_good / self.kept if self.kept else None

    @property
    def recall(self) -> float | None:
        return self.kept_good / self.good if self.good else None


PUBLISHED_SOURCE = (
    "GPT-4o with VIEScore's prompt, 0-shot, on text-guided edits of eight editors of 2023 (VIEScore's published scores "
    "and ratings)"
)
PUBLISHED = [
    Threshold(ALL_TASKS, threshold, 1432, 114, kept, good, None)
    for threshold, kept, good in (
        *((1.0, 733, 113), (2.0, 658, 112), (3.0, 506, 106), (4.0, 382, 101), (5.0, 248, 82)),
        *((6.0, 170, 65), (7.0, 104, 39), (8.0, 54, 20), (9.0, 3, 2)),
    )
]
"""Rows that the report cites; docs/agreement.md has the command. A test computes them again."""


def threshold_rows(ratings: Sequence[Rating], judged: Mapping[Key, Scores], good: float) -> list[Threshold]:
    """Return a row for each threshold over all images and, if there are several tasks, over the images of each task.

    Args:
        judged: the judge's scores, by the keys of the ratings.
        good: mean human O from which an edit is good.
    """
    human = mean_human_o([rating for rating in ratings if rating.key in judged])
    tasks: dict[str, list[Key]] = defaultdict(list)
    for key in human:
        tasks[key[2]].append(key)
    groups = {ALL_TASKS: list(human), **(tasks if len(tasks) > 1 else {})}
    return [row for task, keys in groups.items() if keys for row in _rows(task, keys, human, judged, good)]


def mean_human_o(ratings: Sequence[Rating]) -> dict[Key, float]:
    """Return the mean O of each image's raters."""
    scores: dict[Key, list[float]] = defaultdict(list)
    for rating in ratings:
        scores[rating.key].append(rating.scores["o"])
    return {key: sum(image_scores) / len(image_scores) for key, image_scores in scores.items()}


def _rows(
    task: str, keys: Sequence[Key], human: Mapping[Key, float], judged: Mapping[Key, Scores], good: float
) -> list[Threshold]:
    o_N = np.array([judged[key]["o"] for key in keys])
    good_N = np.array([human[key] >= good - 1e-9 for key in keys])
    clusters, cluster_N = np.unique([f"{key[2]}\t{key[0]}" for key in keys], return_inverse=True)
    weights_DN = draw_weights(len(clusters), np.random.default_rng(0))[:, cluster_N]
    return [
        Threshold(
            task,
            float(threshold),
            len(keys),
            int(good_N.sum()),
            int((o_N >= threshold).sum()),
            int((good_N & (o_N >= threshold)).sum()),
            _precision_interval(o_N >= threshold, good_N, weights_DN),
        )
        for threshold in THRESHOLDS
    ]


def _precision_interval(kept_N: np.ndarray, good_N: np.ndarray, weights_DN: Values) -> list[float] | None:
    if kept_N.sum() < MIN_IMAGES:
        return None
    kept_D = weights_DN @ kept_N.astype(float)
    both_D = weights_DN @ (kept_N & good_N).astype(float)
    return interval(np.where(kept_D > 0, both_D / np.maximum(kept_D, 1), np.nan))
