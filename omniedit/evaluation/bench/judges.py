"""Judges of a bench by the names of a command line or config, each with its own settings."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

from omniedit.config.bench import BenchConfig, BenchJudge, BenchJudgeName
from omniedit.config.loading import check_section
from omniedit.config.schema import ScoringConfig
from omniedit.config.scoring import SHIPPED_STUDENT
from omniedit.config.typed_text import merge
from omniedit.errors import UserError
from omniedit.models.registry import RECORDS
from omniedit.redaction import redact
from omniedit.scoring.ensemble import NAME as ENSEMBLE
from omniedit.scoring.rubric import Rubric

NO_JUDGE = "none"
"""Value of --judges that selects no judge."""
KINDS = get_args(BenchJudgeName)


@dataclass(frozen=True)
class JudgeChoice:
    """Judge of a bench.

    Args:
        kind: judge of `omniedit.scoring.judges`.
        rubric: name or file; None for the rubric of the set's protocol.
        scorer: folder of a student or model, or its record; None for `api`.
        members: judges of an ensemble, by their names in it.
    """

    name: str
    kind: str
    rubric: str | None
    scorer: Path | None
    scoring: ScoringConfig
    members: Mapping[str, "JudgeChoice"] = field(default_factory=dict)

    @property
    def kinds(self) -> set[str]:
        """Kind of the judge, or those of an ensemble's judges."""
        return {member.kind for member in self.members.values()} or {self.kind}


def choose_judges(names: Sequence[str], bench: BenchConfig, scoring: ScoringConfig) -> list[JudgeChoice]:
    """Return the judges with these names. A name is one of `bench.judges`, or a kind that needs no further settings.

    Raises:
        UserError: a judge is unknown, or its settings are invalid.
    """
    if list(names) == [NO_JUDGE]:
        return []
    return [_choose(name, bench, scoring) for name in dict.fromkeys(names)]


def _choose(name: str, bench: BenchConfig, scoring: ScoringConfig) -> JudgeChoice:
    entry = bench.judges.get(name)
    if entry is None:
        if name not in KINDS:
            hint = "; the truth of outside edits is unknown" if name == "reference" else ""
            known = ", ".join([*bench.judges, *KINDS, NO_JUDGE])
            raise UserError(f"--judges: no judge {name[:80]!a}{hint}; available: {known}")
        entry = BenchJudge(judge=name)  # type: ignore[arg-type]
    own = check_section(ScoringConfig, merge(scoring.model_dump(mode="json"), entry.scoring))
    if entry.judge == ENSEMBLE:
        return JudgeChoice(name, entry.judge, entry.rubric, None, own, _choose_members(name, entry, own))
    return JudgeChoice(name, entry.judge, entry.rubric, _find_scorer(entry, own), own)


def _choose_members(name: str, entry: BenchJudge, scoring: ScoringConfig) -> dict[str, JudgeChoice]:
    """Return the judges of an ensemble. They use its rubric, and a student among them uses its scorer.

    Raises:
        UserError: there are fewer than two, or one of them cannot score edits whose truth is unknown.
    """
    if len(scoring.members) < 2:
        raise UserError(f"--judges: {name}: needs two or more judges in scoring.ensemble.judges of the config")
    members = {}
    for member, own in scoring.members.items():
        if own.judge == "reference" or own.judge == "ensemble":
            key = f"scoring.ensemble.judges.{member}"
            raise UserError(f"{key}: {own.judge} cannot score edits whose truth is unknown; leave it out")
        alone = BenchJudge(judge=own.judge, scorer=entry.scorer if own.judge == "student" else None)
        members[member] = JudgeChoice(f"{name}/{member}", own.judge, entry.rubric, _find_scorer(alone, own), own)
    return members


def _find_scorer(entry: BenchJudge, scoring: ScoringConfig) -> Path | None:
    if entry.scorer:
        return Path(entry.scorer)
    if entry.judge == "student":
        return scoring.student.start_folder or SHIPPED_STUDENT
    roles = scoring.roles(entry.judge)
    return RECORDS / f"{roles[0]}.json" if roles else None


def describe_sampling(choice: JudgeChoice, rubric: Rubric) -> str:
    """Return all settings besides model and rubric that decide the scores: sampling, image sizes, options."""
    if choice.members:
        ensemble, own = (
            choice.scoring.ensemble,
            [f"{n}: {describe_sampling(c, rubric)}" for n, c in choice.members.items()],
        )
        return f"{ensemble.average} of {len(own)} judges, at least {ensemble.min_judges or len(own)}; {'; '.join(own)}"
    passes = f"{rubric.passes} pass{'es' * (rubric.passes > 1)} at temperature {rubric.temperature:g}"
    scoring = choice.scoring
    if choice.kind == "api":
        request = json.dumps(scoring.api.request, sort_keys=True)
        return redact(f"{passes}, images at most {scoring.api.max_side} px a side, request {request}")
    if choice.kind == "student":
        return f"readout {scoring.readout}"
    if choice.kind == "internvl":
        return f"{passes}, readout {scoring.readout}, at most {scoring.internvl.max_tiles} tiles"
    return f"{passes}, readout {scoring.readout}, {scoring.vlm.fingerprint}"
