"""Section `bench`: the benchmark of trained editors, and comparisons of editors on other sets."""

import re
from typing import Any, Literal

from pydantic import Field, model_validator

from omniedit.config.scoring import JudgeName
from omniedit.config.section import LocalPath, Section

NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]*$"
BenchJudgeName = Literal["student", "api", "internvl", "vlm"]
"""Judges that score edits whose truth is unknown, as those of outside editors are."""


class BenchJudge(Section):
    """Judge of `omniedit bench` with settings of its own."""

    judge: BenchJudgeName
    """Kind of judge."""
    rubric: str | None = None
    """Rubric's name or .yaml file; null: that of the set's protocol."""
    scorer: LocalPath | None = None
    """Folder of a student or model, or models/ROLE.json; null: the shipped student, or the role in `scoring`."""
    scoring: dict[str, Any] = Field({})
    """Keys of section `scoring` that differ for this judge, such as `{api: {model: gemini-2.5-pro}}`."""


class BenchSetConfig(Section):
    """Comparison of editors on one set."""

    set: str
    """Name of a set in docs/benchmarks.md, or the path of a table of items."""
    path: LocalPath | None = None
    """Your copy of the set's published files."""
    editors: list[str] = Field(min_length=1)
    """Editors by name in config/editors.yaml or `bench.editors_file`, or as NAME=FOLDER; `run` is the run's own editor
    with its ablations."""
    judges: list[str] = Field(["student"])
    """Judges by name: of `bench.judges`, or student, api, internvl or vlm; [] for metrics only."""
    shards: int = Field(1, ge=1, le=1000)
    """Number of jobs that share the items of each editor."""

    @model_validator(mode="after")
    def _names_differ(self) -> "BenchSetConfig":
        for key in ("editors", "judges"):
            if len(set(getattr(self, key))) < len(getattr(self, key)):
                raise ValueError(f"{key}: has a name twice")
        return self


class BenchConfig(Section):
    judge: JudgeName = "reference"
    """Judge of the benchmark, with the settings in `scoring`. The table warns if it equals `scoring.judge`, because the
    judge that filtered the training data is not an independent measure."""
    judges: dict[str, BenchJudge] = Field({})
    """Judges of `omniedit bench` and of `bench.sets`, by the names that tables show."""
    sets: dict[str, BenchSetConfig] = Field({})
    """Sets on which the run compares editors, by the name of their folder in results/{run}/bench/sets/."""
    editors_file: LocalPath | None = None
    """File of editors in the form of config/editors.yaml, for `bench.sets`."""
    photos: int = Field(2, ge=1)
    """Number of photos held out for the benchmark; nothing else uses them."""
    pairs_per_task: int = Field(4, ge=1)
    """Benchmark edits per task."""
    steps: int = Field(20, ge=1, le=1000)
    """Sampling steps of the editor."""
    guidance_text: float = Field(1.0, ge=0)
    """Guidance scale of the instruction."""
    guidance_image: float = Field(1.5, ge=0)
    """Guidance scale of the source image."""

    @model_validator(mode="after")
    def _names_are_files(self) -> "BenchConfig":
        for key in ("judges", "sets"):
            for name in getattr(self, key):
                if not re.fullmatch(NAME, name):
                    raise ValueError(f"{key}: {name[:80]!a}: use letters, digits, '_', '.' and '-'")
        return self
