"""The reference judge: measures a pair against its known truth, and verifies the truth from the images."""

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
