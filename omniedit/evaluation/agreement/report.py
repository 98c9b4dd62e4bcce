"""Comparison of a judge with people, as text and as JSON: the output of `omniedit agree`."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omniedit.errors import UserError
from omniedit.evaluation.agreement.correlations import MIN_PAIRS
from omniedit.evaluation.agreement.protocol import AgreementProtocol
from omniedit.evaluation.agreement.ratings import SCORES, Rating, match_keys, no_common_images
from omniedit.evaluation.agreement.readers import read_judged, read_ratings
from omniedit.evaluation.agreement.task_agreement import MEAN, Agreement, Correlations, Intervals, agreements
from omniedit.evaluation.agreement.thresholds import MIN_GOOD_O, Threshold, threshold_rows
from omniedit.evaluation.trust.beyond_people import judge_family, preference_beyond_people
from omniedit.evaluation.trust.self_preference import SelfPreference
from omniedit.plain_text import clean_line, markdown_cell, markdown_table
from omniedit.tasks import ALL_TASKS

MIN_IMAGES = 10
"""Number of rated images below which a rater's correlations are too uncertain to have the same weight as those of
others."""
THRESHOLD_HEAD = ("task", "O at least", "kept", "share", "good", "precision", "95 % interval", "recall")
MAX_GOOD = 1.0
"""Maximum rating for which `MIN_GOOD_O` is meaningful."""


@dataclass(frozen=True)
class JudgeComparison:
    """Comparison of a judge with people.

    Args:
        rows: a row for each task, then the mean.
        thresholds: empty if the ratings' scale needs its own `good`.
        good: mean human O from which an edit is good; None if it is unknown.
        skipped: number of images by the reason for which they are left out.
        family: family of the judge's model; '' if its model is not given.
        preference: preference for this family beyond people's; None if no rated image is by one of its models.
        notes: sentences on figures that are missing or uncertain.
    """

    scores: Path
    ratings: Path
    protocol: AgreementProtocol
    rows: Sequence[Agreement]
    thresholds: Sequence[Threshold]
    good: float | None
    skipped: Mapping[str, int]
    family: str = ""
    preference: SelfPreference | None = None
    notes: Sequence[str] = ()


def compare(
    scores: Path, ratings: Path, key: str, protocol: AgreementProtocol, good: float | None, judge_model: str = ""
) -> JudgeComparison:
    """Compare a judge's scores with people's ratings.

    Args:
        good: mean human O from which an edit is good. If it is None, `MIN_GOOD_O` is used, provided that no rating
            exceeds 1.
        judge_model: name of the judge's model, to measure its preference for its own family; '' to leave it out.

    Raises:
        UserError: the tables have no image in common, or as in `read_judged`, `read_ratings`, `match_keys` and
            `judge_family`.
    """
    family = judge_family(judge_model) if judge_model else ""
    judged, rated = read_judged(scores, key), read_ratings(ratings, key)
    rated_keys = {rating.key for rating in rated}
    matches = match_keys(ratings, rated_keys, scores, judged)
    if not matches:
        remedy = no_common_images(key, judged, (rating.key for rating in rated))
        raise UserError(f"{scores} and {ratings} have no image in common; {remedy}")
    matched = {own_key: judged[judge_key] for own_key, judge_key in matches.items()}
    good = _choose_good(rated, good)
    rows = agreements(rated, matched, protocol)
    return JudgeComparison(
        scores,
        ratings,
        protocol,
        rows,
        threshold_rows(rated, matched, good) if good is not None else [],
        good,
        {
            "rated_without_score": len(rated_keys - set(matches)),
            "scored_without_rating": len(set(judged) - set(matches.values())),
        },
        family,
        preference_beyond_people(rated, matched, family) if family else None,
        list(_describe_doubts(rows, [rating for rating in rated if rating.key in matched])),
    )


def _describe_doubts(rows: Sequence[Agreement], ratings: Sequence[Rating]) -> Iterator[str]:
    """Yield a sentence for each reason why figures are missing or uncertain."""
    if any(row.raters < 2 for row in rows):
        yield "people -: a task with a single rater has no agreement among people"
    correlations = [
        side[score] for row in rows if row.raters > 1 for side in (row.people, row.judge) for score in SCORES
    ]
    if None in correlations:
        yield f"-: no correlation, because all scores or ratings are equal or fewer than {MIN_PAIRS} images are shared"
    counts = Counter(rating.rater for rating in ratings)
    sparse = {rater: count for rater, count in sorted(counts.items()) if count < MIN_IMAGES <= max(counts.values())}
    if sparse:
        named = ", ".join(f"{clean_line(rater, 40)} ({count})" for rater, count in sparse.items())
        remedy = "leave them out, because the correlations of all raters have the same weight"
        yield f"fewer than {MIN_IMAGES} images are rated by {named}; {remedy}"
    highest: dict[str, float] = {}
    for rating in ratings:
        highest[rating.rater] = max(*rating.scores.values(), highest.get(rating.rater, 0))
    rater, other = min(highest, key=highest.__getitem__), max(highest, key=highest.__getitem__)
    if highest[rater] <= MAX_GOOD < highest[other]:
        scales = ", ".join(f"{clean_line(each, 40)} to {highest[each]:g}" for each in (rater, other))
        yield f"raters use different scales ({scales}); means over raters and thresholds need one scale for all"


def agreement_lines(comparison: JudgeComparison) -> list[str]:
    """Format agreement as a Markdown table, followed by the intervals of the mean and the explanation of the
    protocol.
    """
    last, skipped = comparison.rows[-1], comparison.skipped
    return [
        *markdown(comparison.rows, comparison.protocol.digits),
        *_interval_lines(last),
        comparison.protocol.reason,
        *comparison.notes,
        f"{skipped['rated_without_score']} rated images have no score from the judge and are skipped",
        f"{skipped['scored_without_rating']} scored images have no rating and are skipped",
    ]


def threshold_lines(comparison: JudgeComparison, by_task: bool) -> list[str]:
    """Format thresholds as a Markdown table: over all images and, if requested, over those of each task."""
    if not comparison.thresholds:
        return ["thresholds: ratings exceed 1; give --good, the mean O from which an edit is good"]
    rows = [row for row in comparison.thresholds if by_task or row.task == ALL_TASKS]
    first = rows[0]
    return [
        "A threshold depends on the judge, its prompt and the edits. For these scores:",
        "",
        *markdown_table(THRESHOLD_HEAD, map(_threshold_cells, rows)),
        f"good: people's mean O is at least {comparison.good:g}, "
        f"as for {first.good:,} of {first.images:,} images ({first.good / first.images:.1%})",
    ]


def preference_lines(comparison: JudgeComparison) -> list[str]:
    """Return a line with the judge's preference for its own family; nothing if its model is not given."""
    preference = comparison.preference
    if not comparison.family:
        return []
    if preference is None or preference.difference is None:
        return [f"self-preference: no task has rated edits by models of {comparison.family} and by others"]
    spread = (
        "" if preference.interval is None else f" (95 % {preference.interval[0]:.2f} to {preference.interval[1]:.2f})"
    )
    return [
        f"self-preference: edits by models of {comparison.family} are ranked {preference.difference:+.2f} standard "
        f"deviations{spread} relative to people, {preference.own:,} of {preference.own + preference.others:,} images"
    ]


def to_json(comparison: JudgeComparison) -> dict[str, Any]:
    """Return the comparison for `--json`. Its form is in docs/agreement.md."""
    *tasks, mean = comparison.rows
    return {
        "protocol": comparison.protocol.name,
        "reason": comparison.protocol.reason,
        "scores": str(comparison.scores),
        "ratings": str(comparison.ratings),
        **_figures(mean),
        "tasks": [{"task": row.task, **_figures(row)} for row in tasks],
        "skipped": dict(comparison.skipped),
        "good": comparison.good,
        "thresholds": [_threshold_figures(row) for row in comparison.thresholds],
        **({"self_preference": _preference_figures(comparison)} if comparison.family else {}),
    }


def markdown(rows: Sequence[Agreement], digits: int = 3) -> list[str]:
    """Format agreements as lines of a Markdown table."""
    sides = [(side, score) for side in ("people", "judge") for score in SCORES]
    head = ["task", "images", *(f"{side} {score.upper()}" for side, score in sides)]
    cells = [[_cell(getattr(row, side)[score], digits) for side, score in sides] for row in rows]
    about = [(markdown_cell(row.task), str(row.images)) for row in rows]
    return markdown_table(head, [[*left, *right] for left, right in zip(about, cells, strict=True)])


def _choose_good(ratings: Sequence[Rating], good: float | None) -> float | None:
    highest = max((score for rating in ratings for score in rating.scores.values()), default=0.0)
    return good if good is not None else MIN_GOOD_O if highest <= MAX_GOOD else None


def _interval_lines(row: Agreement) -> list[str]:
    """Return a line with the 95 % intervals of the row, or nothing if there is none."""
    named = {"people": row.people_intervals, "judge": row.judge_intervals}
    parts = [
        f"{side} {score.upper()} {interval[0]:.3f} to {interval[1]:.3f}"
        for side, intervals in named.items()
        for score in SCORES
        if (interval := intervals.get(score))
    ]
    return [f"95 % intervals of the {MEAN}: {', '.join(parts)}"] if parts else []


def _figures(row: Agreement) -> dict[str, Any]:
    return {
        "images": row.images,
        "models": row.models,
        "raters": row.raters,
        "judge": _rounded(row.judge),
        "people": _rounded(row.people),
        "intervals": {"judge": _complete(row.judge_intervals), "people": _complete(row.people_intervals)},
    }


def _rounded(correlations: Correlations) -> Correlations:
    return {score: None if (value := correlations[score]) is None else round(value, 4) for score in SCORES}


def _complete(intervals: Intervals) -> Intervals:
    return {score: intervals.get(score) for score in SCORES}


def _preference_figures(comparison: JudgeComparison) -> dict[str, Any]:
    preference = comparison.preference or SelfPreference(0, 0, None, None)
    return {
        "family": comparison.family,
        "own": preference.own,
        "others": preference.others,
        "difference": None if preference.difference is None else round(preference.difference, 4),
        "interval": None if preference.interval is None else [round(end, 4) for end in preference.interval],
    }


def _threshold_figures(row: Threshold) -> dict[str, Any]:
    return {
        "task": row.task,
        "threshold": row.threshold,
        "images": row.images,
        "kept": row.kept,
        "share": round(row.share, 4),
        "good": row.kept_good,
        "precision": None if row.precision is None else round(row.precision, 4),
        "interval": row.interval,
        "recall": None if row.recall is None else round(row.recall, 4),
        "all_good": row.good,
    }


def _threshold_cells(row: Threshold) -> list[str]:
    spread = "-" if row.interval is None else f"{row.interval[0]:.2f} to {row.interval[1]:.2f}"
    counts = [f"{row.threshold:g}", f"{row.kept:,}", f"{row.share:.1%}", f"{row.kept_good:,}"]
    return [markdown_cell(row.task), *counts, _cell(row.precision, 2), spread, _cell(row.recall, 2)]


def _cell(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
