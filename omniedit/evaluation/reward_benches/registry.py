"""Names of the reward benches. Their modules load on first use: the command line lists the names."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from omniedit.evaluation.reward_benches.records import Record
    from omniedit.evaluation.reward_benches.result import Result

IDS = ("id", "idx", "key", "uid")
"""Columns that identify a comparison."""
REPEATED = "repeats another row"


@dataclass(frozen=True)
class Bench:
    """Reward bench.

    Args:
        module: the module that measures it.
        size: number of comparisons or groups that it has; None if its publication does not say.
    """

    title: str
    module: str
    size: int | None = None

    def measure(self, records: "Sequence[Record]") -> "Result":
        """Return the judge's accuracy over the rows of the bench's files; a row that repeats another is skipped."""
        different = list({_identity(record): record for record in records}.values())
        result: Result = import_module(f"omniedit.evaluation.reward_benches.{self.module}").measure(different)
        repeated = len(records) - len(different)
        return replace(result, skipped={**result.skipped, REPEATED: repeated}) if repeated else result


def _identity(record: "Record") -> tuple[str, str]:
    """Return the row's content if it has an id, else its place; rows without one may be alike."""
    if not any(name in record.row for name in IDS):
        return str(record.file), str(record.number)
    return record.data_type, json.dumps(record.row, sort_keys=True)


BENCHES = {
    "genai": Bench("GenAI-Bench, image editing", "genai", 919),
    "editreward": Bench("EditReward-Bench of EditReward: groups of 2, 3 and 4 edits", "edit_reward", 484),
    "editscore": Bench("EditReward-Bench of EditScore: 13 tasks, three dimensions", "edit_score"),
    "aurora": Bench("AURORA-Bench, pairwise", "aurora"),
    "gedit2": Bench("VCReward-Bench of GEditBench v2", "vc_reward", 3506),
}
