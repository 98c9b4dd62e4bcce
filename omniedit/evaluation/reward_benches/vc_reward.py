"""VCReward-Bench of GEditBench v2 (Jiang et al. 2026): 3,506 pairs of edits, visual consistency.

Rows of `f_reward_results/vc_reward/*/*.jsonl`: `key` is {task}_pair_{number}, and `results` has people's `gt_winner`
and the judge's `winner`, Image A or Image B.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from omniedit.evaluation.reward_benches.records import VoteRow
from omniedit.evaluation.reward_benches.result import VoteResult, count, count_by, mean_accuracy
from omniedit.evaluation.reward_benches.votes import FIRST, NO_HUMAN, SECOND, UNREAD, merge_ties, parse_vote

TIES = (
    "People always prefer one edit, so a tie of the judge is wrong. A failed comparison is left out, as in the "
    "bench's tools."
)


def measure(records: Sequence[VoteRow]) -> VoteResult:
    """Return the share of pairs that the judge gets right: over all pairs, by task, and as the mean over tasks."""
    skipped: Counter[str] = Counter()
    named = []
    for record in records:
        results = record.row.get("results", record.row.get("result", record.row))
        fields: Mapping[str, object] = results if isinstance(results, dict) else {}
        human, judge = (merge_ties(parse_vote(fields.get(name))) for name in ("gt_winner", "winner"))
        if human not in (FIRST, SECOND):
            skipped[NO_HUMAN] += 1
        elif judge is None:
            skipped[UNREAD] += 1
        else:
            named.append((str(record.row.get("key", "")).partition("_pair_")[0] or "all", human == judge))
    parts = count_by(named)
    overall = count("all", (correct for _, correct in named))
    return VoteResult("comparisons", TIES, overall, parts, {"mean of tasks": mean_accuracy(parts)}, skipped=skipped)
