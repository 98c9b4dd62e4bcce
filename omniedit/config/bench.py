"""Section `bench`: the benchmark of trained editors, and comparisons of editors on other sets."""

import re
from typing import Any, Literal

from pydantic import Field, model_validator

from omniedit.config.judges import JudgeName
from omniedit.config.section import LocalPath, Section

NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]*$"
BenchJudgeName = Literal["student", "api", "internvl", "vlm", "ensemble"]
"""Judges that score edits whose truth is unknown, such as edits by outside editors."""


class BenchJudge(Section):
    """Judge of `omniedit bench` with its own settings."""

    judge: BenchJudgeName
    """Kind of judge. `ensemble` combines the judges of `scoring.ensemble`, which may be set in `scoring` here."""
    rubric: str | None = None
    """Rubric's name or .yaml file; null: the rubric of the set's protocol."""
    scorer: LocalPath | None = None
    """Folder of a student or model, or models/ROLE.json; null: the shipped student, or the role in `scoring`."""
    scoring: dict[str, Any] = Field({})
    """Keys of section `scoring` that differ for this judge, such as `{api: {model: gemini-2.5-pro}}`."""


class ComparedSet(Section):
    """Set on which a run compares editors."""

    set: str
    """Name of a benchmark (docs/benchmarks.md), or the path of a table of items."""
    path: LocalPath | None = None
    """Your copy of the benchmark's published files; null for the set that ships, or a table."""


class BenchConfig(Section):
    judge: JudgeName = "reference"
    """Judge of the benchmark, with the settings in `scoring`. The table warns if it equals `scoring.judge`, because the
    judge that filtered the training data is not an independent measure."""
    judges: dict[str, BenchJudge] = Field({})
    """Judges of `omniedit bench` and of `bench.sets`, by the names that tables show. They have separate settings, so
    that none of them is silently the judge that filtered the training data. `bench.judge` is not among them."""
    sets: dict[str, ComparedSet] = Field({})
    """Sets on which the run compares editors, by the name of their folder in results/{run}/bench/sets/. {} compares
    none."""
    editors: list[str] = Field(["no_edit"])
    """Editors to compare with the run's own on `sets`: names in config/editors.yaml or `editors_file`, or folders of
    outputs as NAME=FOLDER."""
    editors_file: LocalPath | None = None
    """Further editors, in the form of config/editors.yaml."""
    editor_shards: int = Field(1, ge=1, le=1000)
    """Number of jobs that share the items of a set for each editor."""
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
    def _check_names_are_files(self) -> "BenchConfig":
        for key in ("judges", "sets"):
            for name in getattr(self, key):
                _check_name(key, name)
        for name in self.editor_names:
            _check_name("editors", name)
        if len(set(self.editor_names)) < len(self.editors):
            raise ValueError("editors: two have the same name; give one as NAME=FOLDER")
        return self

    @property
    def judge_names(self) -> list[str]:
        """Names of the judges of `sets`; the student if none are given."""
        return list(self.judges) or ["student"]

    @property
    def portions(self) -> list[str]:
        """Names of the parts into which a set's items are divided, such as `1-of-2`."""
        return [f"{index}-of-{self.editor_shards}" for index in range(1, self.editor_shards + 1)]

    @property
    def editor_names(self) -> list[str]:
        """Names of `editors`, which are also those of their folders."""
        return [editor.partition("=")[0] for editor in self.editors]


def _check_name(key: str, name: str) -> None:
    if not re.fullmatch(NAME, name):
        raise ValueError(f"{key}: {name[:80]!a}: use letters, digits, '_', '.' and '-'; NAME=FOLDER names a folder")
