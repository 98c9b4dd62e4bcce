"""The reference judge, which measures a pair against the known truth and verifies that the truth holds."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from omniedit.scoring.reference.judge import ReferenceJudge, score_pair

__all__ = ["ReferenceJudge", "score_pair"]


def __getattr__(name: str) -> Any:
    """Load the judge on first use; `measured` is the earlier name of `score_pair`."""
    if name not in (*__all__, "measured"):
        raise AttributeError(f"module 'omniedit.scoring.reference' has no attribute {name!r}")
    return getattr(import_module("omniedit.scoring.reference.judge"), "score_pair" if name == "measured" else name)
