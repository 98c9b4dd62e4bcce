"""Names of the reward benches. Their modules load on first use: the command line lists the names."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from omniedit.evaluation.reward_benches.records import VoteRow
    from omniedit.evaluation.reward_benches.result import VoteResult


@dataclass(frozen=True)
class Bench:
    """Reward bench.

    Args:
        module: module with its measurement.
        size: number of comparisons or groups; None if not published.
    """

    title: str
    module: str
    size: int | None = None

    def measure(self, records: "Sequence[VoteRow]") -> "VoteResult":
        """Return the judge's accuracy over the rows of the bench's files."""
        result: VoteResult = import_module(f"omniedit.evaluation.reward_benches.{self.module}").measure(records)
        return result


BENCHES = {
    "genai": Bench("GenAI-Bench, image editing", "genai", 919),
    "editreward": Bench("EditReward-Bench of EditReward: groups of 2, 3 and 4 edits", "edit_reward", 484),
    "editscore": Bench("EditReward-Bench of EditScore: 13 tasks, three dimensions", "edit_score"),
    "aurora": Bench("AURORA-Bench, pairwise", "aurora"),
    "gedit2": Bench("VCReward-Bench of GEditBench v2", "vc_reward", 3506),
}
