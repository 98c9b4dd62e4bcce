"""Ranks of editors from pairwise comparisons by the model of Bradley and Terry (1952), fitted by Hunter's algorithm.

Hunter 2004: MM algorithms for generalized Bradley-Terry models, Annals of Statistics 32(1). Editor i wins over editor j
with probability p_i / (p_i + p_j). A tie counts as half a win of each.

D  bootstrap draws of the items (the first weighs all equally)
I  items, such as source images with their instruction
M  editors
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from omniedit.errors import UserError
from omniedit.evaluation.agreement.correlations import Values, draw_weights, interval

PRIOR = 1.0
"""Number of ties that are added between any two editors, so that an editor that wins or loses all of its comparisons
has a finite rating."""
MEAN_RATING = 1000.0
RATING_SCALE = 400.0
"""Difference of ratings at which the stronger editor wins 10 of 11 comparisons (Elo's scale)."""
MAX_STEPS = 10_000
TOLERANCE = 1e-9
"""Change of the natural logarithm of a strength below which the fit has converged."""


@dataclass(frozen=True)
class PairedComparison:
    """Outcome of one comparison of two editors.

    Args:
        item: the item that both have edited; the comparisons of an item are drawn together in the bootstrap.
        share: 1 if `first` wins, 0 if `second` wins, 0.5 for a tie.
    """

    item: Hashable
    first: str
    second: str
    share: float


@dataclass(frozen=True)
class Rank:
    """Place of an editor.

    Args:
        rating: 400 log10 of its strength; the mean of all editors is 1000.
        interval: 95 % interval of the rating, None for fewer than two items or if it does not vary.
    """

    editor: str
    rating: float
    interval: list[float] | None
    wins: int
    ties: int
    losses: int

    @property
    def comparisons(self) -> int:
        return self.wins + self.ties + self.losses


def rank_editors(comparisons: Sequence[PairedComparison], seed: int = 0) -> list[Rank]:
    """Return the editors by rating, the best first; editors with equal ratings are sorted by name.

    Raises:
        UserError: no comparisons.
    """
    if not comparisons:
        raise UserError("no two editors were compared; ranks need at least one comparison")
    editors = sorted({name for comparison in comparisons for name in (comparison.first, comparison.second)})
    wins_IMM = count_wins(comparisons, editors)
    weights_DI = draw_weights(len(wins_IMM), np.random.default_rng(seed))
    wins_DMM = np.tensordot(weights_DI, wins_IMM, axes=1)
    ratings_DM = to_ratings(fit_strengths(wins_DMM + PRIOR / 2 * (1 - np.eye(len(editors)))))
    ranks = [
        Rank(name, float(ratings_DM[0, index]), interval(ratings_DM[:, index]), *_count_outcomes(comparisons, name))
        for index, name in enumerate(editors)
    ]
    return sorted(ranks, key=lambda rank: (-round(rank.rating, 6), rank.editor))


def count_wins(comparisons: Sequence[PairedComparison], editors: Sequence[str]) -> Values:
    """Return, for each item, how often the editor of a row wins over that of a column, (I, M, M). A tie is half a
    win.
    """
    items = {item: index for index, item in enumerate(dict.fromkeys(comparison.item for comparison in comparisons))}
    indices = {name: index for index, name in enumerate(editors)}
    wins_IMM = np.zeros((len(items), len(editors), len(editors)))
    for comparison in comparisons:
        item, first, second = items[comparison.item], indices[comparison.first], indices[comparison.second]
        wins_IMM[item, first, second] += comparison.share
        wins_IMM[item, second, first] += 1 - comparison.share
    return wins_IMM


def fit_strengths(wins_DMM: Values) -> Values:
    """Return the strengths of maximum likelihood, shape (D, M), with geometric mean 1 (Hunter 2004, equation 3).

    Args:
        wins_DMM: wins of the row's editor over the column's. Any two editors need wins in both directions.
    """
    games_DMM = wins_DMM + wins_DMM.transpose(0, 2, 1)
    won_DM = wins_DMM.sum(axis=2)
    strengths_DM = np.ones_like(won_DM)
    for _ in range(MAX_STEPS):
        sums_DMM = strengths_DM[:, :, None] + strengths_DM[:, None, :]
        updated_DM = won_DM / (games_DMM / sums_DMM).sum(axis=2)
        updated_DM /= np.exp(np.log(updated_DM).mean(axis=1, keepdims=True))
        moved = np.abs(np.log(updated_DM / strengths_DM)).max()
        strengths_DM = updated_DM
        if moved < TOLERANCE:
            break
    return strengths_DM


def to_ratings(strengths_DM: Values) -> Values:
    return MEAN_RATING + RATING_SCALE * np.log10(strengths_DM)


def find_warnings(comparisons: Sequence[PairedComparison]) -> list[str]:
    """Return a sentence if the data do not determine a finite rating for every editor (Hunter 2004, assumption 1)."""
    editors = sorted({name for comparison in comparisons for name in (comparison.first, comparison.second)})
    wins_MM = count_wins(comparisons, editors).sum(axis=0)
    if len(groups := find_groups(editors, wins_MM + wins_MM.T)) > 1:
        return [
            f"no comparison connects these groups of editors, so ranks count only within each group: {_join(groups)}"
        ]
    if len(groups := find_groups(editors, wins_MM)) > 1:
        remedy = f"so the distance of their ratings depends on the {PRIOR:g} tie added between any two editors"
        return [f"all wins between these groups of editors go one way, {remedy}: {_join(groups)}"]
    return []


def find_groups(editors: Sequence[str], wins_MM: Values) -> list[list[str]]:
    """Return the groups of editors in which each editor beats all others, directly or through a chain of wins."""
    reached_MM = (wins_MM > 0) | np.eye(len(editors), dtype=bool)
    for _ in editors:
        reached_MM = reached_MM @ reached_MM
    groups = {tuple(np.flatnonzero(row).tolist()) for row in reached_MM & reached_MM.T}
    return [[editors[index] for index in group] for group in sorted(groups)]


def _join(groups: Sequence[Sequence[str]]) -> str:
    return "; ".join(", ".join(group) for group in groups)


def _count_outcomes(comparisons: Sequence[PairedComparison], name: str) -> tuple[int, int, int]:
    """Count an editor's wins, ties and losses."""
    shares = [
        comparison.share if comparison.first == name else 1 - comparison.share
        for comparison in comparisons
        if name in (comparison.first, comparison.second)
    ]
    return shares.count(1), shares.count(0.5), shares.count(0)
