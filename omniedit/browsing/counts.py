"""Counts of a run's pairs by task, ratio, score, reason, judge and source."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from omniedit.aspect import RATIOS
from omniedit.browsing.run_files import ShardFiles, task_place
from omniedit.plain_text import clean_line
from omniedit.scoring.human_decisions import Decision, HandDecisions

GROUPS = ("task", "folder", "ratio", "reason", "judge", "source")
"""Columns by which pairs are counted. `folder` is that of the shard: a task or an imported data set."""
MAX_GROUPS = 15
"""Maximum number of groups, and of problems, that the text shows."""
COUNTS = ("pairs", "scored", "accepted", "rejected", "undecided")
NAME_WIDTH = 30


def count_pairs(
    index: pa.Table, shards: Sequence[ShardFiles], by_hand: HandDecisions, problems: Sequence[str]
) -> dict[str, Any]:
    """Return all counts as JSON values.

    The keys are those of `COUNTS`, for all pairs; those of `GROUPS`, each with counts and the mean score by value;
    `score`, the number of pairs by whole points of O; `by_hand`; and `problems`, the files and lines that cannot be
    read.
    """
    folders = pa.array([files.folder for files in shards], pa.string()).dictionary_encode()
    index = index.append_column("folder", pc.take(folders, index["shard"]))
    return {
        **_total(index),
        **{name: count_by(index, name) for name in GROUPS},
        "score": count_scores(index),
        "by_hand": count_by_hand(by_hand),
        "problems": [*problems, *by_hand.problems],
    }


def count_by_hand(by_hand: HandDecisions) -> dict[str, int]:
    decisions = [each.decision for each in by_hand.by_pair.values()]
    return {"accepted": decisions.count(Decision.ACCEPT), "rejected": decisions.count(Decision.REJECT)}


def count_by(index: pa.Table, column: str) -> dict[str, dict[str, Any]]:
    """Return counts and mean score by the values of a column, in a fixed order."""
    accepted = index["kept"]
    counted = pa.table(
        {
            "name": index[column],
            "score": index["score"],
            "scored": index["score"].is_valid().cast(pa.int64()),
            "accepted": pc.fill_null(accepted, False).cast(pa.int64()),
            "undecided": accepted.is_null().cast(pa.int64()),
        }
    )
    sums = [(name, "sum") for name in ("scored", "accepted", "undecided")]
    grouped = counted.group_by("name").aggregate([*sums, ("score", "mean"), ([], "count_all")]).to_pylist()
    rows = {row["name"]: _group(row) for row in grouped}
    return {name: rows[name] for name in _order(column, rows)}


def _group(row: Mapping[str, Any]) -> dict[str, Any]:
    pairs, accepted, undecided = row["count_all"], row["accepted_sum"], row["undecided_sum"]
    counts = pairs, row["scored_sum"], accepted, pairs - accepted - undecided, undecided
    return dict(zip(COUNTS, counts, strict=True)) | {"mean_score": row["score_mean"]}


def _order(column: str, rows: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Order tasks and ratios as in all tables, and other values by their number of pairs."""
    if column == "task":
        return sorted(rows, key=lambda name: (task_place(name), name))
    if column == "ratio":
        return [*(ratio for ratio in RATIOS if ratio in rows), *sorted(rows.keys() - RATIOS.keys())]
    return sorted(rows, key=lambda name: (-rows[name]["pairs"], name))


def _total(index: pa.Table) -> dict[str, Any]:
    one = index.append_column("all", pa.array(["all"] * len(index), pa.string()))
    empty = dict.fromkeys(COUNTS, 0) | {"mean_score": None}
    return next(iter(count_by(one, "all").values()), empty)


def count_scores(index: pa.Table) -> dict[str, int]:
    """Return the number of pairs by whole points of O: '0-1' to '9-10'; the last includes 10."""
    scores = index["score"].drop_null().to_numpy()
    counts, _ = np.histogram(scores, bins=np.arange(11))
    return {f"{low}-{low + 1}": int(count) for low, count in enumerate(counts)}


def format_counts(run: str, counts: Mapping[str, Any]) -> list[str]:
    """Return the counts as lines of text."""
    names = [f"{counts[name]:,} {name}" for name in COUNTS]
    lines = [f"run {clean_line(run)}: {', '.join(names)}"]
    if any(counts["by_hand"].values()):
        lines.append("by hand: " + ", ".join(f"{count:,} {name}" for name, count in counts["by_hand"].items()))
    for name in GROUPS:
        if name == "folder" and counts["folder"].keys() == counts["task"].keys():
            continue
        lines += ["", *_format_groups(name, counts[name])]
    lines += ["", "score (O)", *_format_scores(counts["score"])]
    return [*lines, *_format_problems(counts["problems"])]


def _format_groups(name: str, groups: Mapping[str, Mapping[str, Any]]) -> list[str]:
    largest = sorted(groups, key=lambda value: -groups[value]["pairs"])[:MAX_GROUPS]
    listed = [value for value in groups if value in largest]
    lines = [_line(name, [*COUNTS, "mean O"])]
    for value in listed:
        mean = groups[value]["mean_score"]
        cells = [f"{groups[value][column]:,}" for column in COUNTS]
        lines.append(_line(clean_line(value), [*cells, "" if mean is None else f"{mean:.2f}"]))
    return lines + ([f"  and {len(groups) - MAX_GROUPS:,} more"] if len(groups) > MAX_GROUPS else [])


def _line(name: str, cells: Sequence[str]) -> str:
    short = name if len(name) <= NAME_WIDTH else f"{name[: NAME_WIDTH - 3]}..."
    return f"{short:<{NAME_WIDTH}}" + "".join(f"{cell:>11}" for cell in cells)


def _format_scores(scores: Mapping[str, int]) -> list[str]:
    highest = max(scores.values(), default=0) or 1
    return [f"{name:>6} {count:>11,}  {'#' * round(40 * count / highest)}".rstrip() for name, count in scores.items()]


def _format_problems(problems: Sequence[str]) -> list[str]:
    if not problems:
        return []
    more = [f"  and {len(problems) - MAX_GROUPS:,} more"] if len(problems) > MAX_GROUPS else []
    return ["", "cannot be read:", *(f"  {clean_line(problem, 300)}" for problem in problems[:MAX_GROUPS]), *more]
