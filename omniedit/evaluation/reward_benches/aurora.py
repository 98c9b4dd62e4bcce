"""AURORA-Bench, pairwise, in EditReward's form (Wu et al. 2025): two edits with people's scores.

People's vote is `human_vote`, or follows from `model1_dim1_score` and `model2_dim1_score`. The judge's vote is
`model_vote` ([[A>B]], [[B>A]] or [[A=B]]), or follows from its two `scores`.
"""

from collections.abc import Sequence

from omniedit.evaluation.agreement.ratings import parse_score
from omniedit.evaluation.reward_benches.records import VoteRow
from omniedit.evaluation.reward_benches.result import VoteResult
from omniedit.evaluation.reward_benches.votes import FIRST, SECOND, TIE, measure_rows, merge_ties, parse_vote

TIES = "A vote (first, second or tie) is right if it equals people's; an unreadable vote is wrong."
SCORE_TIES = "Equal scores of people are a tie."


def measure(records: Sequence[VoteRow]) -> VoteResult:
    """Return the share of comparisons that the judge gets right."""
    return measure_rows(records, parse_human, TIES, SCORE_TIES, merge=True)


def parse_human(record: VoteRow) -> str | None:
    """Return people's vote in a row, or None. All kinds of ties become one."""
    if "human_vote" in record.row:
        return merge_ties(parse_vote(record.row["human_vote"]))
    first, second = (parse_score(record.row.get(f"model{place}_dim1_score")) for place in (1, 2))
    if first is None or second is None:
        return None
    return TIE if first == second else FIRST if first > second else SECOND
