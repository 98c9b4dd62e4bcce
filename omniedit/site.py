"""What a site says of its cluster (profiles/slurm/site.yaml), checked before the profile that it fills is read."""

import json
import os
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, PositiveInt, ValidationError

from omniedit.config_files import read_yaml
from omniedit.errors import UserError

DEFAULT = Path("profiles/slurm/site.yaml")


class Site(BaseModel):
    """The keys of site.yaml, which says what each is."""

    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)

    account: str | None
    qos: str | None
    constraint: str | None
    extra: str | None
    gpu_model: str | None
    gpus_per_node: PositiveInt
    train_nodes: PositiveInt
    nodes: dict[Literal["train_inpainting", "finetune_student"], PositiveInt] = {}
    scratch: str | None
    jobs: PositiveInt
    software: Literal["conda", "apptainer", "env-modules"] | None
    conda_prefix: str | None

    def nodes_of(self, training: str) -> int:
        return self.train_nodes if training == "train_editor" else self.nodes.get(training, 1)  # type: ignore[call-overload]


def site_file() -> Path:
    return Path(os.environ.get("OMNIEDIT_SITE", DEFAULT))


def read_site(path: Path) -> Site:
    """
    Raises:
        UserError: a line with the file, the key, its value and what was wrong.
    """
    try:
        return Site.model_validate(read_yaml(path))
    except ValidationError as error:
        problem = error.errors()[0]
        key = ".".join(map(str, problem["loc"]))
        if problem["type"] == "missing":
            raise UserError(f"{path}: {key}: missing; copy its line from {DEFAULT}") from None
        if problem["type"] == "extra_forbidden":
            raise UserError(f"{path}: {key}: no such key; there are: {', '.join(Site.model_fields)}") from None
        value = json.dumps(problem["input"], default=str)
        raise UserError(f"{path}: {key}: {value}: {problem['msg']}") from None


def as_text(value: str) -> str:
    """For Snakemake, which takes what a profile says of resources for an expression: 12-34 would be -22."""
    return repr(value)
