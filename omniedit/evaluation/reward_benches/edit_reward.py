"""EditReward-Bench of EditReward (Wu et al. 2025): 484 groups of 2, 3 or 4 edits of one image.

Rows of the result files of its `inference_{2,3,4}pair_hf.py`: `id`, `human_vote` and `model_vote` of two edits of a
group. The size of the group is in the file's `data_type`, the row's `dataset` or the file's name. A row may have the
judge's `scores` of all edits of a group in place of votes, and people's `ranking`, such as C>A>B.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from omniedit.errors import UserError
from omniedit.evaluation.reward_benches.records import VoteRow, finite_scores
from omniedit.evaluation.reward_benches.result import Accuracy, VoteResult, count
from omniedit.evaluation.reward_benches.tie_calibration import calibrate_ties
from omniedit.evaluation.reward_benches.votes import (
    FIRST,
    NO_HUMAN,
    NO_SCORES,
    REPEATED,
    SECOND,
    UNREAD,
    VOTE_SIGNS,
    has_scores,
    merge_ties,
    parse_vote,
)

SIZES = (2, 3, 4)
TIES = (
    "A group is right if all its comparisons are. People may tie two edits (K = 2), and then only a tie is right; "
    "an incomplete group is wrong."
)
INCOMPLETE = "comparisons are missing"


@dataclass(frozen=True)
class JudgedGroup:
    """Group of edits: its size, and whether the judge is right."""

    size: int
    correct: bool


def measure(records: Sequence[VoteRow]) -> VoteResult:
    """Return the share of groups that the judge gets right, over all and by size."""
    skipped: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    read = _groups_by_scores if has_scores(records) else _groups_by_votes
    groups = read(records, wrong, skipped)
    parts = [count(f"K = {size}", (g.correct for g in groups if g.size == size)) for size in SIZES]
    overall = Accuracy("all", len(groups), sum(group.correct for group in groups))
    return VoteResult("groups", TIES, overall, [part for part in parts if part.total], {}, wrong, skipped)


def group_size(record: VoteRow) -> int:
    """Return the number of edits in the group of a row.

    Raises:
        UserError: neither the file nor the row gives the number.
    """
    for text in (record.data_type, str(record.row.get("dataset", "")), record.file.stem):
        if match := re.search(r"([234])[_-]?pair", text.lower()):
            return int(match[1])
    remedy = "name the file as the bench does, such as results_3pair.json"
    raise UserError(f"{record.file}: row {record.number}: does not state whether groups have 2, 3 or 4 edits; {remedy}")


def group_name(record: VoteRow) -> str:
    """Return the name of the row's group, as the bench's tools do: the part of the id before '_', or its first ten
    characters.
    """
    name = str(record.row.get("id", ""))
    return name.split("_")[0] if "_" in name else name[:10]


def _groups_by_votes(records: Sequence[VoteRow], wrong: Counter[str], skipped: Counter[str]) -> list[JudgedGroup]:
    members: dict[tuple[int, str], dict[str, VoteRow]] = defaultdict(dict)
    for record in records:
        size = group_size(record)
        comparison = f"{record.row.get('id')} {record.row.get('comparison_type')}"
        place = (size, f"{record.file}:{comparison}" if size == 2 else group_name(record))
        if "id" not in record.row:
            skipped["no id"] += 1
        elif members[place].setdefault(comparison, record) is not record:
            skipped[REPEATED] += 1
    return [_judge_group(size, list(rows.values()), wrong) for (size, _), rows in members.items() if rows]


def _judge_group(size: int, records: Sequence[VoteRow], wrong: Counter[str]) -> JudgedGroup:
    outcomes = [_agree(record.row) for record in records]
    if len(outcomes) < size * (size - 1) // 2:
        wrong[INCOMPLETE] += 1
        return JudgedGroup(size, False)
    if None in outcomes:
        wrong[UNREAD] += 1
    return JudgedGroup(size, all(outcomes))


def _agree(row: Mapping[str, object]) -> bool | None:
    """Return whether the judge's vote agrees with people's; None if it could not be read. Letters may be A to D."""
    human, judge = (_parse_letters(row.get(name)) for name in ("human_vote", "model_vote"))
    return None if judge is None else human == judge


def _parse_letters(text: object) -> str | None:
    """Return a vote such as 'A>C' with the better letter first, or 'tie'."""
    if (vote := merge_ties(parse_vote(text))) is not None:
        return {FIRST: "A>B", SECOND: "B>A"}.get(vote, vote)
    match = re.fullmatch(r"\s*(?:\[\[)?\s*([A-D])\s*([<>])\s*([A-D])\s*(?:\]\])?\s*", str(text))
    if match is None:
        return None
    return f"{match[1]}>{match[3]}" if match[2] == ">" else f"{match[3]}>{match[1]}"


def _groups_by_scores(records: Sequence[VoteRow], wrong: Counter[str], skipped: Counter[str]) -> list[JudgedGroup]:
    """Compare the order of the judge's scores with people's ranking; ties of K = 2 are calibrated."""
    pairs: list[tuple[int, float]] = []
    groups = []
    for record in records:
        scores, ranking = finite_scores(record.row.get("scores")), _parse_ranking(record.row)
        if ranking is None:
            skipped[NO_HUMAN] += 1
        elif scores is None or len(scores) not in SIZES:
            skipped[NO_SCORES] += 1
        elif len(scores) == 2 and parse_vote(ranking) is not None:
            pairs.append((VOTE_SIGNS[str(parse_vote(ranking))], scores[0] - scores[1]))
        elif sorted(ranking.split(">")) != list("ABCD"[: len(scores)]):
            skipped[NO_HUMAN] += 1
        else:
            ordered = [scores["ABCD".index(letter)] for letter in ranking.split(">")]
            groups.append(JudgedGroup(len(scores), all(a > b for a, b in pairwise(ordered))))
    _, right = calibrate_ties([sign for sign, _ in pairs], [difference for _, difference in pairs])
    return [JudgedGroup(2, correct) for correct in right] + groups


def _parse_ranking(row: Mapping[str, object]) -> str | None:
    """Return people's ranking without spaces, such as C>A>B, from `ranking` or `human_vote`."""
    value = row.get("ranking", row.get("human_vote"))
    value = value.get("ranking", value.get("preference")) if isinstance(value, dict) else value
    return value.replace(" ", "") if isinstance(value, str) and value.strip() else None
