"""Section `scoring.ensemble`: several judges of the same pairs, and how their scores combine."""

import re
from typing import Literal, Self

from pydantic import Field, model_validator

from omniedit.config.judges import ApiConfig, InternvlConfig, JudgeName, Readout, VlmConfig
from omniedit.config.section import Section

MEMBER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,40}")
"""Pattern of the name of an ensemble's judge, which is also a folder and part of a column's name."""

Average = Literal["mean", "median"]
Spread = Literal["range", "deviation"]


class MemberConfig(Section):
    """One judge of the ensemble, with the options of a run's single judge."""

    judge: JudgeName
    """Kind of judge, as in `scoring.judge`."""
    readout: Readout | None = None
    """Readout of `student`, `internvl` and `vlm`; null: that of `scoring.readout`."""
    internvl: InternvlConfig | None = None
    """Settings of the judge `internvl`; null: those of `scoring.internvl`."""
    vlm: VlmConfig | None = None
    """Settings of the judge `vlm`; null: those of `scoring.vlm`."""
    api: ApiConfig | None = None
    """Settings of the judge `api`; null: those of `scoring.api`, with its budget. A separate endpoint has a separate
    budget."""


class EnsembleConfig(Section):
    judges: dict[str, MemberConfig] = Field({})
    """Judges of the judge `ensemble` by name, two or more; the name is also that of their folder in
    results/{run}/judges/."""
    average: Average = "median"
    """Combination of the judges' O, and of each sub-score."""
    disagreement: Spread = "range"
    """Disagreement of the judges: `range` is the largest O minus the smallest, `deviation` the standard deviation."""
    min_judges: int | None = Field(None, ge=1)
    """Minimum number of judges that must have scored a pair; with fewer it is unscorable. null: all."""

    @model_validator(mode="after")
    def _check_judge_names(self) -> Self:
        for name in self.judges:
            if not MEMBER.fullmatch(name):
                raise ValueError(f"judges: the name {name[:80]!a} may have only letters, digits, '_' and '-'")
        if self.judges and self.min_judges and self.min_judges > len(self.judges):
            raise ValueError(f"min_judges: {self.min_judges} is more than the {len(self.judges)} judges")
        return self
