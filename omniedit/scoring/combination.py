"""Rules that combine scores from 0 to 10 into one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod, sqrt


def mean(scores: Sequence[float]) -> float:
    return sum(scores) / len(scores)


def product(scores: Sequence[float]) -> float:
    """Return 10 times the product of the scores, each divided by 10."""
    return 10 * prod(score / 10 for score in scores)


def geometric_mean(scores: Sequence[float]) -> float:
    return sqrt(prod(scores)) if len(scores) == 2 else prod(scores) ** (1 / len(scores))


RULES: Mapping[str, Callable[[Sequence[float]], float]] = {
    "min": min,
    "mean": mean,
    "product": product,
    "geometric": geometric_mean,
}
WEIGHTED = "weighted"


@dataclass(frozen=True)
class Combination:
    """Named scores and the rule that combines them.

    Args:
        names: names of the scores.
        rule: a key of `RULES`, or `weighted`.
        weights: weight of each score, for the rule `weighted`; the result is divided by their sum.
    """

    names: tuple[str, ...]
    rule: str = "min"
    weights: tuple[float, ...] = ()

    def combine(self, scores: Mapping[str, float]) -> float:
        """Combine scores, each in [0, 10], to one in [0, 10]."""
        chosen = [scores[name] for name in self.names]
        if self.rule == WEIGHTED:
            return sum(w * score for w, score in zip(self.weights, chosen, strict=True)) / sum(self.weights)
        return min(10.0, RULES[self.rule](chosen)) if self.rule != "min" else min(chosen)
