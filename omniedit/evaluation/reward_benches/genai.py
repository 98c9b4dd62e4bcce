"""GenAI-Bench, image editing (Jiang et al. 2024): 919 comparisons of two edits.

Rows of `results/image_edition/*/pairwise.json(l)`: `human_vote` is leftvote, rightvote, tievote or bothbad_vote, and
`model_vote` is [[A>B]], [[B>A]], [[A=B=Good]] or [[A=B=Bad]]. A row may have the judge's two `scores` instead.
"""

from collections.abc import Sequence

from omniedit.evaluation.reward_benches.records import VoteRow
from omniedit.evaluation.reward_benches.result import VoteResult
from omniedit.evaluation.reward_benches.votes import measure_rows, parse_vote

TIES = "A vote (first, second, both good or both bad) is right if it equals people's; an unreadable vote is wrong."
SCORE_TIES = "Both good and both bad are a tie."


def measure(records: Sequence[VoteRow]) -> VoteResult:
    """Return the share of comparisons that the judge gets right."""
    return measure_rows(records, lambda record: parse_vote(record.row.get("human_vote")), TIES, SCORE_TIES, merge=False)
