"""The reference judge: measures a pair against its known truth, and verifies the truth from the images."""

from typing import TYPE_CHECKING

from omniedit.lazy import load_on_first_use

if TYPE_CHECKING:
    from omniedit.scoring.reference.judge import ReferenceJudge, score_pair

__all__ = ["ReferenceJudge", "score_pair"]


__getattr__, __dir__ = load_on_first_use(__name__, {"judge": __all__}, {"measured": "score_pair"})
