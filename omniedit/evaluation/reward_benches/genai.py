"""GenAI-Bench, image editing (Jiang et al. 2024): 919 comparisons of two edits.

Rows of `results/image_edition/*/pairwise.json(l)`: `human_vote` is leftvote, rightvote, tievote or bothbad_vote, and
`model_vote` is [[A>B]], [[B>A]], [[A=B=Good]] or [[A=B=Bad]]. A row may have the judge's two `scores` in its place.
"""

from collections import Counter
from collections.abc import Sequence

from omniedit.evaluation.reward_benches.records import Record
from omniedit.evaluation.reward_benches.result import Result
from omniedit.evaluation.reward_benches.votes import NO_HUMAN, has_scores, measure_scores, measure_votes, parse_vote

TIES = "A vote is right if it is people's of the four: first, second, both good, both bad; an unread one is wrong."
SCORE_TIES = "Both good and both bad are a tie."


def measure(records: Sequence[Record]) -> Result:
    """Return the share of comparisons that the judge gets right."""
    skipped: Counter[str] = Counter()
    humans = []
    for record in records:
        human = parse_vote(record.row.get("human_vote"))
        if human is None:
            skipped[NO_HUMAN] += 1
        else:
            humans.append((record, human))
    if has_scores(records):
        return measure_scores(humans, SCORE_TIES, skipped)
    return measure_votes(humans, TIES, skipped, merge=False)
