"""Key figures of a run, for the report's front page."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from omniedit.reporting.page import number, percent, render
from omniedit.reporting.training import Curve
from omniedit.tasks import ALL_TASKS

Fact = tuple[str, str, str]
"""Value, label and note."""


def summary(facts: Sequence[Fact]) -> str:
    """Render the key figures as an HTML fragment."""
    return render("summary", {"facts": facts})


def data_facts(
    photos: Iterable[Mapping[str, Any]],
    decisions: Sequence[Mapping[str, Any]],
    buckets: Mapping[str, Mapping[str, Any]],
    min_score: float,
) -> list[Fact]:
    """Return the counts of photos, pairs and buckets.

    Args:
        photos: rows of the indexes of photos and imported pairs, with status and shard.
        decisions: rows of all decisions.
        buckets: entry `buckets` of buckets/manifest.json.
    """
    shards = Counter(photo["shard"] for photo in photos if photo["status"] == "kept")
    accepted = sum(decision["kept"] for decision in decisions)
    share = percent(accepted / len(decisions) if decisions else None)
    filled = sum(bucket["pairs"] > 0 for bucket in buckets.values())
    return [
        (f"{shards.total():,}", "source photos", f"{shards['bench']:,} held out for the benchmark"),
        (f"{len(decisions):,}", "candidate pairs", "before the filter"),
        (f"{accepted:,}", "accepted pairs", f"{share}, with O of at least {min_score:g}"),
        (f"{filled} of {len(buckets)}", "aspect ratios", "with pairs in their bucket"),
    ]


def editor_facts(model: str, editor: Curve, table: Sequence[Mapping[str, Any]]) -> list[Fact]:
    """Return the editor's held-out loss and its O on the benchmark, as far as they were measured.

    Args:
        model: name of the run's editor in the table.
        editor: its losses.
        table: rows of table3.parquet.
    """
    facts: list[Fact] = []
    if editor.held_out:
        (_, first), (step, last) = editor.held_out[0], editor.held_out[-1]
        facts.append((number(last), f"{editor.name}'s held-out loss", f"from {number(first)}, in {step:,} steps"))
    scores = {row["model"]: number(row["o"]) for row in table if row["task"] == ALL_TASKS}
    if scores:
        note = f"no edit {scores['no_edit']}, specialist {scores['specialist']}"
        facts.append((scores[model], f"{editor.name}'s O on the benchmark", note))
    return facts


def student_fact(agreement: Mapping[str, Any]) -> Fact:
    """Return the rank correlation of a student's agreement.json."""
    return number(agreement["spearman"]["o_score"]), "student judge", "rank correlation of its O with the teacher's"
