"""Registry of pretrained models by role: config/models.yaml lists them, models/{role}.json records what was fetched.

Nothing here contacts the network: `omniedit.models.hub` fetches models and pins their revisions.
"""

import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from omniedit.architectures import ARCHITECTURES
from omniedit.config.schema import PROPOSER, Config, Section
from omniedit.config.source_folder import source_file
from omniedit.config.yaml_files import read_yaml
from omniedit.errors import UserError
from omniedit.models.roles import CLASSES, MMDIT_BASES, UNET_BASES, roles_to_fetch

MODELS = Path("config/models.yaml")
RECORDS = Path("models")
"""Folder of the records models/{role}.json: what was fetched, and the path to it."""


class NotFetched(UserError):
    """Error for a model that was not fetched, or was fetched from another repository or revision."""


class ModelEntry(Section):
    """Entry of config/models.yaml; the head of that file explains each key."""

    repository: str = Field(pattern=r"^[\w.-]+/[\w.-]+$")
    revision: str | None = Field(pattern=r"^[0-9a-f]{40}$")
    class_name: str = Field(alias="class")
    licence: str
    gated: bool
    dtype: Literal["float32", "float16", "bfloat16"]
    memory_gb: float = Field(ge=0)
    files: list[str] = Field(default=["*"])


def read_models(path: Path = MODELS) -> dict[str, ModelEntry]:
    """Read all roles with their models.

    Raises:
        UserError: an entry is invalid; one line with the file, the role and key, and the problem.
    """
    path = source_file(path)
    return _read_models(path, path.stat().st_mtime_ns if path.is_file() else 0)


@cache
def _read_models(path: Path, changed: int) -> dict[str, ModelEntry]:
    """Parse the file once per modification time, because a workflow reads its models dozens of times."""
    models = {}
    for role, entry in read_yaml(path).items():
        try:
            models[role] = ModelEntry.model_validate(entry)
        except ValidationError as error:
            problem = error.errors()[0]
            key = ".".join([role, *map(str, problem["loc"])])
            raise UserError(f"{path}: {key}: {json.dumps(problem['input'], default=str)}: {problem['msg']}") from None
    return models


def get_model(role: str, path: Path = MODELS) -> ModelEntry:
    models = read_models(path)
    if role not in models:
        raise UserError(f"{path}: no role '{role}'; the roles are: {', '.join(models)}")
    return models[role]


def required_roles(config: Config) -> list[str]:
    """Return the roles whose models a run needs.

    Raises:
        UserError: config/models.yaml lacks one of the roles, or the editor cannot be built on the base.
    """
    base = [role for role in (config.train.fetched_base, config.train.instruction_encoder.role) if role]
    learned = [role for task in config.learned_tasks for role in roles_to_fetch(task, config.learned)]
    student = [config.scoring.finetune.model] if config.scoring.finetune.model else []
    proposer = [PROPOSER] if config.uses_proposer and config.proposals.source == "local" else []
    others = [*config.judging_roles, *student, *proposer, *config.subject_roles]
    roles = list(dict.fromkeys([*config.models.roles, *base, *learned, *others]))
    for role in roles:
        get_model(role)
    if config.train.fetched_base:
        check_base(config.train.model, config.train.fetched_base)
    return roles


def check_base(architecture: str, role: str) -> None:
    """Check that an editor can be built on the model of a role.

    Raises:
        UserError: the class of the model is not supported; the message lists the supported classes.
    """
    classes = UNET_BASES if ARCHITECTURES[architecture].over_unet else MMDIT_BASES
    if (found := get_model(role).class_name) not in classes:
        raise UserError(
            f"train.base.model: the role {role} is a {found}, but {architecture} needs a {' or '.join(classes)}"
        )


def model_folder(role: str, path: Path = MODELS, records: Path = RECORDS) -> Path:
    """Return the folder of a role's files, for `from_pretrained`. File sizes are checked, contents are not.

    Raises:
        UserError: the model was not fetched, has another revision, or lacks files; the message has the remedy.
    """
    model = get_model(role, path)
    remedy = f"on a machine with internet access, run: {fetch_command(role, model, records)}"
    try:
        record = json.loads((records / f"{role}.json").read_text())
        fetched, folder, sizes = _parse_record(record)
    except FileNotFoundError:
        unpinned = "" if model.revision else f"; {path} pins no revision of it"
        raise NotFetched(f"{model.repository} (role {role}) was not fetched{unpinned}; {remedy}") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UserError(f"{records / role}.json: damaged, or not a record of a fetched model; {remedy}") from None
    if fetched != (model.repository, model.revision):
        revision = f"{fetched[0]} at {fetched[1]}"
        raise NotFetched(f"{path}: the entry of {role} differs from what was fetched, {revision}; {remedy}")
    missing = [name for name, size in sizes.items() if not _has_size(folder / name, size)]
    if missing:
        raise UserError(f"{folder}: {missing[0]} is missing ({len(missing)} in all); {remedy}")
    return folder


def _parse_record(record: Any) -> tuple[tuple[str, str | None], Path, dict[str, int]]:
    """Return repository and revision, the folder, and the size of each file in bytes."""
    sizes = {name: file["bytes"] for name, file in record["files"].items()}
    return (record["repository"], record["revision"]), Path(record["folder"]), sizes


def fetch_command(role: str, model: ModelEntry, records: Path = RECORDS) -> str:
    """Return the shell command that fetches a model. It pins the revision first if that is missing."""
    program = source_file("scripts/fetch_models.py")
    pinning = "" if model.revision else f"python {program} {role} --pin && "
    return f"{pinning}snakemake --force {records / role}.json"


def describe_unready(roles: Iterable[str], path: Path = MODELS, records: Path = RECORDS) -> list[str]:
    """Return one line with the problem and the remedy for each role whose model is not usable.

    Models that the workflow can fetch are not listed. Uses no network.
    """
    lines = []
    for role in roles:
        model = get_model(role, path)
        classes = CLASSES.get(role, (model.class_name,))
        if model.class_name not in classes:
            lines.append(f"{path}: {role}: a {model.class_name} cannot be used here; give one of {', '.join(classes)}")
            continue
        try:
            model_folder(role, path, records)
        except NotFetched as error:
            free = _may_be_fetched(model)
            if not (model.revision and free):
                lines.append(f"{error}{'' if free else _licence(model)}")
        except UserError as error:  # a record exists, so Snakemake would not fetch the model again
            lines.append(str(error))
    return lines


def _may_be_fetched(model: ModelEntry) -> bool:
    """Return whether the model is ungated or a user is logged in. Only the hub knows whether the user has accepted the
    licence.
    """
    from huggingface_hub import get_token

    return not model.gated or bool(get_token())


def _licence(model: ModelEntry) -> str:
    from huggingface_hub.constants import ENDPOINT

    return f"; before that accept its licence ({model.licence}) at {ENDPOINT}/{model.repository} and run: hf auth login"


def _has_size(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size
