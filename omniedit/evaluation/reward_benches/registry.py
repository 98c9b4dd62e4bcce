"""Names of the reward benches. Their modules load on first use: the command line lists the names."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from omniedit.evaluation.reward_benches.records import Record
    from omniedit.evaluation.reward_benches.result import Result


@dataclass(frozen=True)
class Bench:
    """Reward bench: its title, and the module that measures it."""

    title: str
    module: str

    def measure(self, records: "Sequence[Record]") -> "Result":
        """Return the judge's accuracy over the rows of the bench's files."""
        result: Result = import_module(f"omniedit.evaluation.reward_benches.{self.module}").measure(records)
        return result


BENCHES = {
    "genai": Bench("GenAI-Bench, image editing", "genai"),
    "editreward": Bench("EditReward-Bench of EditReward: groups of 2, 3 and 4 edits", "edit_reward"),
    "editscore": Bench("EditReward-Bench of EditScore: 13 tasks, three dimensions", "edit_score"),
    "aurora": Bench("AURORA-Bench, pairwise", "aurora"),
    "gedit2": Bench("VCReward-Bench of GEditBench v2", "vc_reward"),
}
