"""Agreement of a judge with people: readers of scores and ratings, protocols, thresholds; `omniedit agree`.

Agreement of a student with its teacher belongs in `scoring.student`; votes on two edits in `evaluation.reward_benches`.
"""

from omniedit.evaluation.agreement.ratings import SCORES, Key, Rating, Scores, match_keys, no_common_images
from omniedit.evaluation.agreement.readers import read_judged, read_ratings
from omniedit.evaluation.agreement.task_agreement import Agreement, agreements

__all__ = [
    "SCORES",
    "Agreement",
    "Key",
    "Rating",
    "Scores",
    "agreements",
    "match_keys",
    "no_common_images",
    "read_judged",
    "read_ratings",
]
