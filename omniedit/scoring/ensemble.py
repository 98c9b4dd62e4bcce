"""Ensemble of judges: one score for each pair from the scores of several judges, and how much they disagree.

J  judges      N  pairs
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median, pstdev
from typing import Any

from omniedit.config.ensemble import Average, EnsembleConfig, Spread
from omniedit.config.schema import ScoringConfig
from omniedit.errors import UserError
from omniedit.scoring.examples import RubricScores
from omniedit.scoring.reply_parser import Unscorable
from omniedit.scoring.verdict import Score

NAME = "ensemble"
"""Value of `scoring.judge`, and of the column `judge` of combined scores."""
AVERAGES: Mapping[Average, Callable[[Sequence[float]], float]] = {"mean": fmean, "median": median}
SPREADS: Mapping[Spread, Callable[[Sequence[float]], float]] = {
    "range": lambda scores: max(scores) - min(scores),
    "deviation": pstdev,
}
"""Disagreement of judges in O: largest minus smallest, or the standard deviation."""
SCORES = ("sc_score_1", "sc_score_2", "pq_score", "o_score", "disagreement")
DEFAULTS = EnsembleConfig()
MIN_JUDGES_FOR_OUTLIER = 3
"""Minimum number of judges in which one can be an outlier."""


def read_member(scoring: ScoringConfig, name: str) -> ScoringConfig:
    """Return the options of a judge of the ensemble, in the form of a run's single judge.

    Raises:
        UserError: no judge has this name.
    """
    if name not in scoring.members:
        known = ", ".join(scoring.members) or "none"
        raise UserError(f"scoring.ensemble.judges: no judge '{name}'; available: {known}")
    return scoring.members[name]


@dataclass(frozen=True)
class EnsembleScore:
    """Scores of an ensemble for one pair, each in [0, 10].

    Args:
        o_score: mean or median of the judges' O, which is not the O of the mean sub-scores.
        disagreement: spread of the judges' O, 0 if they agree.
        judges: number of judges that scored the pair.
        outlier: the judge whose O is farthest from the median; '' for fewer than three judges, or if several are
            equally far.
    """

    sc_score_1: float
    sc_score_2: float
    pq_score: float
    o_score: float
    disagreement: float
    judges: int
    outlier: str = ""


def combine_scores(
    verdicts: Mapping[str, Score | Unscorable], options: EnsembleConfig = DEFAULTS
) -> EnsembleScore | Unscorable:
    """Combine the verdicts of several judges, by name, on one pair."""
    scores = {name: verdict for name, verdict in verdicts.items() if isinstance(verdict, Score)}
    if len(scores) < max(1, options.min_judges or len(verdicts)):
        return Unscorable(_lacking(verdicts, len(scores)))
    overall = {name: score.o_score for name, score in scores.items()}
    combine = AVERAGES[options.average]
    return EnsembleScore(
        sc_score_1=combine([score.sc_score_1 for score in scores.values()]),
        sc_score_2=combine([score.sc_score_2 for score in scores.values()]),
        pq_score=combine([score.pq_score for score in scores.values()]),
        o_score=combine(list(overall.values())),
        disagreement=SPREADS[options.disagreement](list(overall.values())),
        judges=len(scores),
        outlier=find_outlier(overall),
    )


def combine_marks(
    verdicts: Mapping[str, RubricScores | Unscorable], options: EnsembleConfig
) -> tuple[RubricScores | Unscorable, float | None]:
    """Combine the verdicts of several judges under one rubric. Also return the disagreement of their O."""
    marks = {name: verdict for name, verdict in verdicts.items() if isinstance(verdict, RubricScores)}
    if len(marks) < max(1, options.min_judges or len(verdicts)):
        return Unscorable(_lacking(verdicts, len(marks))), None
    combine = AVERAGES[options.average]
    names = next(iter(marks.values())).scores
    versions = [" ".join(filter(None, (name, each.judge_version))) for name, each in marks.items()]
    together = list(marks.values())
    combined = RubricScores(
        scores={score: combine([each.scores[score] for each in together]) for score in names},
        sc_score=combine([each.sc_score for each in together]),
        pq_score=combine([each.pq_score for each in together]),
        o_score=combine([each.o_score for each in together]),
        reasoning=join_rationales({name: (each.o_score, each.reasoning) for name, each in marks.items()}),
        judge_version=" + ".join(versions),
    )
    return combined, SPREADS[options.disagreement]([each.o_score for each in together])


def join_rationales(rationales: Mapping[str, tuple[float, str]]) -> str:
    """Return the rationales of several judges in one text, each after the judge's name and O."""
    return " ".join(
        f"{name} ({score:.1f})" + (f": {text}" if text else "") for name, (score, text) in rationales.items()
    )


def find_outlier(overall: Mapping[str, float]) -> str:
    """Return the judge whose O is farthest from the median of all; '' if none stands out."""
    if len(overall) < MIN_JUDGES_FOR_OUTLIER:
        return ""
    centre = median(overall.values())
    distances = {name: abs(score - centre) for name, score in overall.items()}
    farthest = [name for name, distance in distances.items() if distance == max(distances.values())]
    return farthest[0] if len(farthest) == 1 else ""


def combine_tables(
    tables: Mapping[str, Sequence[Mapping[str, Any]]], options: EnsembleConfig = DEFAULTS
) -> dict[str, EnsembleScore | Unscorable]:
    """Combine tables of scores of the same N pairs, by the id of the pair, in the order of the first table.

    Args:
        tables: by the name of the judge, rows of `SCORES_SCHEMA`.

    Raises:
        UserError: no tables, two rows of a pair in one table, or tables of different pairs.
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
        pair_id: combine_scores({name: verdicts[name][pair_id] for name in verdicts}, options)
        for pair_id in verdicts[first]
    }


def ensemble_rows(
    tables: Mapping[str, Sequence[Mapping[str, Any]]], options: EnsembleConfig = DEFAULTS
) -> list[dict[str, Any]]:
    """Combine tables of scores, as `combine_tables` does, to rows of `SCORES_SCHEMA`.

    `details` holds the outlier and, for each judge, its O, version and number of words of its rationale, or the reason
    why it has no O. `reasoning` holds the rationales of the judges, each after its name and O.
    """
    combined = combine_tables(tables, options)
    by_pair = {name: {row["pair_id"]: row for row in rows} for name, rows in tables.items()}
    about = {"judge": NAME, "prompt_hash": ensemble_digest(tables)}
    return [
        {"pair_id": pair_id, **about, **_columns(verdict, {name: rows[pair_id] for name, rows in by_pair.items()})}
        for pair_id, verdict in combined.items()
    ]


def ensemble_digest(tables: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Return a digest (16 hex digits) of the judges of an ensemble and their rubrics.

    Raises:
        UserError: a judge's table has scores of several judges or rubrics.
    """
    judges = {name: sorted({(row["judge"], row["prompt_hash"]) for row in rows}) for name, rows in tables.items()}
    for name, rubrics in judges.items():
        if len(rubrics) > 1:
            raise UserError(f"judge '{name}': scores by {rubrics[0]} and {rubrics[1]}; score its pairs again")
    return hashlib.sha256(json.dumps(sorted(judges.items())).encode()).hexdigest()[:16]


def _columns(verdict: EnsembleScore | Unscorable, rows: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    details = {"judges": {name: _describe(row) for name, row in rows.items()}}
    if isinstance(verdict, Unscorable):
        return {
            "status": "unscorable",
            "reasoning": verdict.reason,
            "judge_version": "",
            "details": json.dumps(details),
        }
    scored = {name: row for name, row in rows.items() if row["status"] == "scored"}
    versions = [" ".join(filter(None, (name, row.get("judge_version")))) for name, row in scored.items()]
    return {
        "status": "scored",
        **{name: getattr(verdict, name) for name in SCORES},
        "reasoning": join_rationales({n: (row["o_score"], row["reasoning"] or "") for n, row in scored.items()}),
        "judge_version": " + ".join(versions),
        "details": json.dumps(details | ({"outlier": verdict.outlier} if verdict.outlier else {})),
    }


def _describe(row: Mapping[str, Any]) -> dict[str, Any]:
    if row["status"] != "scored":
        return {"reason": row["reasoning"] or ""}
    words = len((row["reasoning"] or "").split())
    return {"o": row["o_score"], "version": row.get("judge_version") or "", "words": words}


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
    return Score(row["sc_score_1"], row["sc_score_2"], row["pq_score"], overall=row["o_score"])


def _lacking(verdicts: Mapping[str, Any], scored: int) -> str:
    """Return a message with the number of judges that scored a pair, and the first reason why another one did not."""
    reasons = [f"{name}: {verdict.reason}" for name, verdict in verdicts.items() if isinstance(verdict, Unscorable)]
    return f"scored by {scored} of {len(verdicts)} judges; {reasons[0]}" if reasons else "no judge"
