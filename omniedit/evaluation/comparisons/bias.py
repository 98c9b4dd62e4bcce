"""Position bias, length bias and self-preference of a pairwise judge."""

from collections.abc import Iterable
from dataclasses import dataclass

from omniedit.evaluation.reward_benches.result import wilson
from omniedit.evaluation.trust.families import find_family
from omniedit.scoring.pairwise import Outcome
from omniedit.scoring.winner_parser import Winner

Judged = tuple[Outcome, tuple[str, str]]
"""Outcome of a comparison, and the text that each of the two editors wrote."""


@dataclass(frozen=True)
class Bias:
    """Preference for one of two alternatives where neither should be preferred, such as the edit that is shown first.

    Args:
        favoured: number of answers or outcomes for this alternative.
        total: number of answers or outcomes with a winner.
        more, less: number of matches that favour it on balance, and that disfavour it.
    """

    favoured: int
    total: int
    more: int
    less: int

    @property
    def share(self) -> float | None:
        """Share for this alternative; 0.5 without bias."""
        return self.favoured / self.total if self.total else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Wilson's 95 % interval of the share. It is too wide for answers in both orders, because these balance each
        other.
        """
        return wilson(self.favoured, self.total) if self.total else None

    @property
    def p_value(self) -> float | None:
        """Two-sided sign test over matches; None if no match favours either alternative."""
        return sign_test(self.more, self.more + self.less) if self.more + self.less else None


def position_bias(outcomes: Iterable[Outcome]) -> Bias:
    """Count answers for the edit that was shown first.

    A match favours the edit that is shown first if more of its answers do. A match with the same winner in both orders
    favours neither.
    """
    favoured = total = more = less = 0
    for outcome in outcomes:
        chosen = [answer.prefers_first for answer in outcome.answers if answer.prefers_first is not None]
        first, second = chosen.count(True), chosen.count(False)
        favoured, total = favoured + first, total + first + second
        more, less = more + (first > second), less + (first < second)
    return Bias(favoured, total, more, less)


def length_bias(judged: Iterable[Judged]) -> Bias:
    """Count winners whose editor wrote the longer text; texts of equal length are left out."""
    longer = total = 0
    for outcome, (a, b) in judged:
        if outcome.winner in (Winner.A, Winner.B) and len(a) != len(b):
            total += 1
            longer += (outcome.winner == Winner.A) == (len(a) > len(b))
    return Bias(longer, total, longer, total - longer)


def family_bias(named: Iterable[tuple[Outcome, tuple[str, str]]]) -> Bias | None:
    """Count winners of the judge's own family in matches with an editor of another family; None if there is no such
    match.

    Args:
        named: outcomes, and the names of their editors. The judge's family follows from the version of the model that
            answered.
    """
    favoured = total = matches = 0
    for outcome, editors in named:
        judge = find_family(" ".join(answer.version for answer in outcome.answers))
        own = [judge is not None and find_family(name) == judge for name in editors]
        if own[0] == own[1]:
            continue
        matches += 1
        if outcome.winner in (Winner.A, Winner.B):
            total += 1
            favoured += own[outcome.winner == Winner.B]
    return Bias(favoured, total, favoured, total - favoured) if matches else None


def sign_test(successes: int, trials: int) -> float:
    """Return the two-sided p-value of a number of successes with probability 1/2 each (exact binomial)."""
    fewer = min(successes, trials - successes)
    term = tail = 1
    for k in range(fewer):
        term = term * (trials - k) // (k + 1)
        tail += term
    return min(1.0, 2 * tail / 2**trials)
