"""Ensemble of judges: one score for each pair from the scores of several judges, and how much they disagree.

J  judges      N  pairs
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median, pstdev
from typing import Any

from omniedit.config.ensemble import Average, Spread
from omniedit.errors import UserError
from omniedit.scoring.reply_parser import Unscorable
from omniedit.scoring.verdict import Score

AVERAGES: Mapping[Average, Callable[[Sequence[float]], float]] = {"mean": fmean, "median": median}
SPREADS: Mapping[Spread, Callable[[Sequence[float]], float]] = {
    "range": lambda scores: max(scores) - min(scores),
    "deviation": pstdev,
}
"""Disagreement of judges in O: largest minus smallest, or the standard deviation."""
OUTLIERS = 3
"""Number of judges from which one that differs from the others can be told."""


@dataclass(frozen=True)
class EnsembleScore:
    """Scores of an ensemble for one pair, each in [0, 10].

    Args:
        o_score: mean or median of the judges' O, which is not the O of the mean sub-scores.
        disagreement: spread of the judges' O, 0 if they agree.
        judges: number of judges that scored the pair.
        outlier: the judge whose O is farthest from the median; '' for fewer than three, or if several are.
    """

    sc_score_1: float
    sc_score_2: float
    pq_score: float
    o_score: float
    disagreement: float
    judges: int
    outlier: str = ""


def combine_scores(
    verdicts: Mapping[str, Score | Unscorable],
    average: Average = "median",
    spread: Spread = "range",
    least: int | None = None,
) -> EnsembleScore | Unscorable:
    """Combine the verdicts of several judges on one pair.

    Args:
        verdicts: by the name of the judge.
        least: number of judges that must have scored the pair; None for all.
    """
    scores = {name: verdict for name, verdict in verdicts.items() if isinstance(verdict, Score)}
    if len(scores) < max(1, len(verdicts) if least is None else least):
        return Unscorable(_lacking(verdicts, len(scores)))
    overall = {name: score.o_score for name, score in scores.items()}
    combine = AVERAGES[average]
    return EnsembleScore(
        sc_score_1=combine([score.sc_score_1 for score in scores.values()]),
        sc_score_2=combine([score.sc_score_2 for score in scores.values()]),
        pq_score=combine([score.pq_score for score in scores.values()]),
        o_score=combine(list(overall.values())),
        disagreement=SPREADS[spread](list(overall.values())),
        judges=len(scores),
        outlier=find_outlier(overall),
    )


def find_outlier(overall: Mapping[str, float]) -> str:
    """Return the judge whose O is farthest from the median of all; '' if none stands out."""
    if len(overall) < OUTLIERS:
        return ""
    centre = median(overall.values())
    distances = {name: abs(score - centre) for name, score in overall.items()}
    farthest = [name for name, distance in distances.items() if distance == max(distances.values())]
    return farthest[0] if len(farthest) == 1 else ""


def combine_tables(
    tables: Mapping[str, Sequence[Mapping[str, Any]]],
    average: Average = "median",
    spread: Spread = "range",
    least: int | None = None,
) -> dict[str, EnsembleScore | Unscorable]:
    """Combine tables of scores of the same N pairs, by the id of the pair, in the order of the first table.

    Args:
        tables: by the name of the judge, rows of `SCORES_SCHEMA`.
        average, spread, least: as in `combine_scores`.

    Raises:
        UserError: there is no table, a pair has two rows in one, or the tables score different pairs.
    """
    if not tables:
        raise UserError("an ensemble needs the scores of at least one judge")
    verdicts = {name: _read_verdicts(name, rows) for name, rows in tables.items()}
    first = next(iter(verdicts))
    for name, of_judge in verdicts.items():
        if odd := sorted(of_judge.keys() ^ verdicts[first].keys()):
            raise UserError(
                f"judges '{first}' and '{name}' score different pairs ({len(odd)} in one only, first: {odd[0]}); "
                "score the same pairs with both"
            )
    return {
        pair_id: combine_scores({name: verdicts[name][pair_id] for name in verdicts}, average, spread, least)
        for pair_id in verdicts[first]
    }


def _read_verdicts(judge: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Score | Unscorable]:
    verdicts: dict[str, Score | Unscorable] = {}
    for row in rows:
        if row["pair_id"] in verdicts:
            raise UserError(f"judge '{judge}': pair {row['pair_id']} has two scores; remove one")
        verdicts[row["pair_id"]] = _read_verdict(row)
    return verdicts


def _read_verdict(row: Mapping[str, Any]) -> Score | Unscorable:
    if row["status"] != "scored":
        return Unscorable(row["reasoning"] or "")
    scores = row["sc_score_1"], row["sc_score_2"], row["pq_score"]
    return Score(*scores, reasoning=row["reasoning"] or "", judge_version=row.get("judge_version") or "")


def _lacking(verdicts: Mapping[str, Score | Unscorable], scored: int) -> str:
    """Say how few judges scored a pair, with the first reason."""
    reasons = [f"{name}: {verdict.reason}" for name, verdict in verdicts.items() if isinstance(verdict, Unscorable)]
    return f"scored by {scored} of {len(verdicts)} judges; {reasons[0]}" if reasons else "no judge"
