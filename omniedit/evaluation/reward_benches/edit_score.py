"""EditReward-Bench of EditScore (Luo et al. 2025): 13 tasks, three dimensions, the preferred edit first.

Files `{task}/{dimension}.jsonl` of its `evaluation.py`, with `score`: the judge's scores of the preferred and the other
edit. Dimensions are prompt_following, consistency and overall.
"""

from collections import Counter
from collections.abc import Sequence

from omniedit.evaluation.reward_benches.records import VoteRow, finite_scores
from omniedit.evaluation.reward_benches.result import VoteResult, count, count_by, mean_accuracy
from omniedit.evaluation.reward_benches.votes import NO_SCORES

DIMENSIONS = ("prompt_following", "consistency", "overall")
TIES = "People always prefer one edit, so equal scores are wrong. The bench averages each dimension over tasks."


def measure(records: Sequence[VoteRow]) -> VoteResult:
    """Return the share of pairs whose preferred edit has the higher score; `all` is the dimension overall."""
    skipped: Counter[str] = Counter()
    named = []
    for record in records:
        scores = finite_scores(record.row.get("score"))
        if record.file.stem not in DIMENSIONS:
            skipped["the file is none of prompt_following, consistency and overall"] += 1
        elif scores is None or len(scores) != 2:
            skipped[NO_SCORES] += 1
        else:
            named.append((record.file.stem, record.file.parent.name, scores[0] > scores[1]))
    parts = {
        dimension: count_by((f"{task}, {dimension}", right) for of, task, right in named if of == dimension)
        for dimension in DIMENSIONS
    }
    figures = {f"mean of tasks, {dimension}": mean_accuracy(tasks) for dimension, tasks in parts.items() if tasks}
    overall = count("all", (right for dimension, _, right in named if dimension == "overall"))
    return VoteResult(
        "comparisons", TIES, overall, [t for tasks in parts.values() for t in tasks], figures, {}, skipped
    )
