"""Votes on two edits, as the benches' files write them, and the accuracy of a judge's votes."""

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from omniedit.errors import UserError
from omniedit.evaluation.reward_benches.records import VoteRow, finite_scores
from omniedit.evaluation.reward_benches.result import VoteResult, count, count_by
from omniedit.evaluation.reward_benches.tie_calibration import calibrate_ties

FIRST, SECOND, TIE, BOTH_GOOD, BOTH_BAD = "first is better", "second is better", "tie", "both good", "both bad"
VOTE_WORDS = {
    **dict.fromkeys(("leftvote", "A>B", "B<A", "Image A", "image_a", "A"), FIRST),
    **dict.fromkeys(("rightvote", "B>A", "A<B", "Image B", "image_b", "B"), SECOND),
    **dict.fromkeys(("A=B", "A==B", "Tie", "tie", "equal"), TIE),
    **dict.fromkeys(("tievote", "A=B=Good"), BOTH_GOOD),
    **dict.fromkeys(("bothbad_vote", "A=B=Bad"), BOTH_BAD),
}
"""Words for each vote, without brackets and spaces around > and =."""
VOTE_SIGNS = {FIRST: 1, SECOND: -1, TIE: 0, BOTH_GOOD: 0, BOTH_BAD: 0}
UNREAD = "the judge's vote could not be read"
NO_HUMAN = "no vote of people"
NO_SCORES = "no two scores of the judge"
REPEATED = "the comparison has an earlier row"
ID_COLUMNS = ("id", "idx", "key", "uid")
"""Columns that identify a comparison."""


def parse_vote(text: object) -> str | None:
    """Return a vote, or None for another text."""
    if not isinstance(text, str):
        return None
    bare = re.sub(r"\s*([<>=]+)\s*", r"\1", text.strip().removeprefix("[[").removesuffix("]]").strip())
    return VOTE_WORDS.get(bare)


def has_scores(records: Sequence[VoteRow]) -> bool:
    """Return whether the rows hold the judge's `scores` instead of its votes.

    Raises:
        UserError: some rows have scores and others have votes.
    """
    scored = ["scores" in record.row for record in records]
    if any(scored) and not all(scored):
        odd = records[scored.index(not scored[0])]
        problem = (
            "has scores and earlier rows have votes" if not scored[0] else "has votes and earlier rows have scores"
        )
        raise UserError(f"{odd.file}: row {odd.number}: {problem}; measure them separately")
    return all(scored)


def measure_rows(
    records: Sequence[VoteRow], parse_human: Callable[[VoteRow], str | None], ties: str, score_ties: str, merge: bool
) -> VoteResult:
    """Return the share of comparisons that the judge gets right, by its scores if the rows have them.

    A row with an id counts once, however often a file repeats it.

    Args:
        parse_human: function that returns people's vote of a row; None skips the row.
        ties, score_ties: treatment of ties, for votes and for scores.
        merge: whether all kinds of ties are one.
    """
    different = list({_identify(record): record for record in records}.values())
    parsed = [(record, parse_human(record)) for record in different]
    humans = [(record, human) for record, human in parsed if human is not None]
    counts = {NO_HUMAN: len(parsed) - len(humans), REPEATED: len(records) - len(different)}
    skipped = Counter({reason: number for reason, number in counts.items() if number})
    if has_scores(records):
        return measure_scores(humans, score_ties, skipped)
    return measure_votes(humans, ties, skipped, merge)


def _identify(record: VoteRow) -> tuple[str, str]:
    """Return the content of a row that has an id, else its place, because different rows without an id may be equal."""
    if any(name in record.row for name in ID_COLUMNS):
        return "", json.dumps(record.row, sort_keys=True)
    return str(record.file), str(record.number)


def merge_ties(vote: str | None) -> str | None:
    """Return a vote with one kind of tie."""
    return TIE if vote in (BOTH_GOOD, BOTH_BAD) else vote


def compare_votes(human: str, row: Mapping[str, object], merge: bool) -> bool | None:
    """Return whether the judge's vote equals people's; None if it cannot be read. For a row that has only `correct`,
    that value is returned.

    Args:
        merge: treat all kinds of ties as the same vote.
    """
    vote = parse_vote(row.get("model_vote"))
    if vote is None and "model_vote" not in row and isinstance(row.get("correct"), bool):
        return bool(row["correct"])
    vote = merge_ties(vote) if merge else vote
    return None if vote is None else vote == human


def measure_votes(humans: Sequence[tuple[VoteRow, str]], ties: str, skipped: Counter[str], merge: bool) -> VoteResult:
    """Return the accuracy of recorded votes, over all comparisons and by people's vote."""
    outcomes = [compare_votes(human, record.row, merge) for record, human in humans]
    named = [(human, bool(outcome)) for (_, human), outcome in zip(humans, outcomes, strict=True)]
    unread = outcomes.count(None)
    return VoteResult(
        "comparisons",
        ties,
        count("all", (correct for _, correct in named)),
        count_by(named),
        wrong={UNREAD: unread} if unread else {},
        skipped=skipped,
    )


def measure_scores(humans: Sequence[tuple[VoteRow, str]], ties: str, skipped: Counter[str]) -> VoteResult:
    """Return the accuracy of recorded `scores`, with a calibrated width of ties, and the accuracy without people's
    ties.
    """
    usable = [
        (VOTE_SIGNS[human], scores[0] - scores[1])
        for record, human in humans
        if (scores := finite_scores(record.row.get("scores"))) and len(scores) == 2
    ]
    if unusable := len(humans) - len(usable):
        skipped[NO_SCORES] += unusable
    signs, differences = [sign for sign, _ in usable], [difference for _, difference in usable]
    width, right = calibrate_ties(signs, differences)
    hard = [sign * difference > 0 for sign, difference in usable if sign]
    return VoteResult(
        "comparisons",
        f"{ties} The judge ties two edits whose scores differ by at most {width:.4g}, which is chosen to give the "
        "highest accuracy.",
        count("all", right),
        count_by((("one is better" if sign else TIE), ok) for sign, ok in zip(signs, right, strict=True)),
        {"accuracy without people's ties": count("", hard).accuracy},
        skipped=skipped,
    )
