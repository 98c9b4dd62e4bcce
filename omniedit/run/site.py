"""Settings of a cluster (profiles/slurm/site.yaml), checked before Snakemake reads the profile that uses them."""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, PositiveInt, ValidationError

from omniedit.config.source_folder import source_file
from omniedit.config.typed_text import to_types
from omniedit.config.yaml_files import read_yaml
from omniedit.errors import UserError

DEFAULT = Path("profiles/slurm/site.yaml")


class Site(BaseModel):
    """Keys of site.yaml; the comments of that file explain them."""

    model_config = ConfigDict(extra="forbid", strict=True)

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

    def nodes_for(self, training: str) -> int:
        return self.train_nodes if training == "train_editor" else self.nodes.get(training, 1)  # type: ignore[call-overload]


def site_file() -> Path:
    """Return the file that OMNIEDIT_SITE names, else the site.yaml next to Snakemake's profile, else the default
    one.
    """
    if named := os.environ.get("OMNIEDIT_SITE"):
        return Path(named)
    nearby = [folder / DEFAULT.name for folder in _profile_folders()]
    return next((file for file in reversed(nearby) if file.is_file()), source_file(DEFAULT))


def _profile_folders() -> list[Path]:
    """Return the folders of the profiles that this process uses; later ones take precedence."""
    from snakemake.cli import get_profile_dir

    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--profile", nargs="+", action="extend", default=[])
    parser.add_argument("--workflow-profile")
    options = parser.parse_known_args(sys.argv[1:])[0]
    profiles = options.profile or os.environ.get("SNAKEMAKE_PROFILE", "").split()
    if name := options.workflow_profile:
        profiles += [f"profiles/{name}", name]
    return [folder[0] for profile in profiles if (folder := get_profile_dir(profile))]


def read_site(path: Path) -> Site:
    """Read and check a site file.

    Raises:
        UserError: one line with the file, the key, its value and the error.
    """
    try:
        return Site.model_validate(to_types(read_yaml(path, as_text=True), Site))
    except ValidationError as error:
        problem = error.errors()[0]
        key = ".".join(map(str, problem["loc"]))
        if problem["type"] == "missing":
            raise UserError(f"{path}: {key}: missing; copy its line from {DEFAULT}") from None
        if problem["type"] == "extra_forbidden":
            raise UserError(f"{path}: {key}: no such key; available: {', '.join(Site.model_fields)}") from None
        value = json.dumps(problem["input"], default=str)
        raise UserError(f"{path}: {key}: {value}: {problem['msg']}") from None


def as_text(value: str) -> str:
    """Quote a value for Snakemake, which evaluates the resources of a profile as expressions: 12-34 would become
    -22.
    """
    return repr(value)
