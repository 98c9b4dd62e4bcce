"""Descriptions of editors under test: the entries of config/editors.yaml and of a user's own file."""

import shlex
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError, field_validator, model_validator

from omniedit.config.endpoint import EndpointConfig
from omniedit.config.section import LocalPath, Section
from omniedit.config.source_folder import source_file
from omniedit.config.yaml_files import read_yaml
from omniedit.errors import UserError
from omniedit.evaluation.bench.editors.native_size import Sizes

EDITORS = Path("config/editors.yaml")
RUN_CODE = {"custom_pipeline", "custom_revision", "trust_remote_code"}
"""Arguments of `from_pretrained` by which diffusers runs code of a repository."""


class _Entry(Section):
    label: str | None = None
    """Name in tables; null: the entry's name."""
    group: str = "End-to-End Methods"
    """Heading under which tables list the editor."""
    sizes: Sizes = Sizes()


class SimpleEntry(_Entry):
    """Editor without a model: `no_edit` or `target`."""

    kind: Literal["no_edit", "target"]


class FolderEntry(_Entry):
    """Outputs made elsewhere, `{item_id}.png`, .jpg or .webp."""

    kind: Literal["folder"]
    folder: LocalPath


class TrainedEntry(_Entry):
    """Editor of this project."""

    kind: Literal["trained"]
    folder: LocalPath
    """Folder that training wrote; `shipped` is the editor of the package."""
    steps: int | None = Field(None, ge=1)
    """Sampling steps; here and below, null is the editor's own value."""
    guidance_text: float | None = Field(None, ge=0)
    guidance_image: float | None = Field(None, ge=0)


class CommandEntry(_Entry):
    """Command line that edits one image."""

    kind: Literal["command"]
    command: list[str] = Field(min_length=1)
    """Program and arguments, as a list or as one text; no shell runs them. {image}, {instruction}, {output}, {seed} and
    {item_id} are replaced. `python` is the Python of this command."""
    timeout_s: float = Field(600, gt=0)
    refusal_status: int | None = Field(None, ge=1, le=255)
    """Exit status by which the command says that it declines an instruction."""

    @field_validator("command", mode="before")
    @classmethod
    def _split(cls, command: Any) -> Any:
        return shlex.split(command) if isinstance(command, str) else command

    @model_validator(mode="after")
    def _check_placeholders(self) -> "CommandEntry":
        for place in ("{image}", "{output}"):
            if not any(place in part for part in self.command):
                raise ValueError(f"the command has no placeholder {place}; the editor could not work with files")
        return self


class EndpointEntry(_Entry):
    """Images endpoint in the form of OpenAI's images/edits."""

    kind: Literal["endpoint"]
    endpoint: EndpointConfig


class DiffusersEntry(_Entry):
    """Pipeline of diffusers. The head of config/editors.yaml explains each key."""

    kind: Literal["diffusers"]
    class_name: str = Field(alias="class")
    repository: str | None = Field(None, pattern=r"^[\w.-]+/[\w.-]+$")
    revision: str | None = Field(None, pattern=r"^[0-9a-f]{40}$")
    folder: LocalPath | None = None
    single_file: str | None = Field(None, pattern=r"^[\w./-]+\.safetensors$")
    variant: str | None = None
    licence: str
    dtype: Literal["float32", "float16", "bfloat16"] = "bfloat16"
    load: dict[str, Any] = Field({})
    schedulers: dict[str, dict[str, Any]] = Field({})
    method: Literal["call", "diffedit"] = "call"
    image: str | None = "image"
    prompt: str = "prompt"
    text: Literal["instruction", "target_caption"] = "instruction"
    prompt_template: str = "{text}"
    wants_list: bool = False
    takes_references: bool = False
    wants_size: bool = False
    wants_generator: bool = True
    arguments: dict[str, Any] = Field({})
    mask_arguments: dict[str, Any] = Field({})
    invert_arguments: dict[str, Any] = Field({})
    batch_size: int = Field(1, ge=1)
    offload: bool = False

    @model_validator(mode="after")
    def _has_weights(self) -> "DiffusersEntry":
        if (self.repository is None) == (self.folder is None):
            raise ValueError("give either repository or folder, the location of the weights")
        return self

    @field_validator("load")
    @classmethod
    def _runs_no_code(cls, load: dict[str, Any]) -> dict[str, Any]:
        if running := sorted(set(load) & RUN_CODE):
            raise ValueError(f"{running[0]} would run code of a repository; run such an editor by kind command")
        return load


Entry = Annotated[
    SimpleEntry | FolderEntry | TrainedEntry | CommandEntry | EndpointEntry | DiffusersEntry,
    Field(discriminator="kind"),
]
BUILT_IN: dict[str, Entry] = {
    "no_edit": SimpleEntry(kind="no_edit", label="No edit", group="Baselines"),
    "target": SimpleEntry(kind="target", label="The benchmark's own result", group="Baselines"),
}
_ENTRY: TypeAdapter[Any] = TypeAdapter(Entry)


def read_entries(*files: Path) -> dict[str, Entry]:
    """Return the built-in editors, those of config/editors.yaml and those of further files; the last one wins.

    Raises:
        UserError: an entry is invalid; one line with the file, the editor and key, and the problem.
    """
    entries, own = dict(BUILT_IN), source_file(EDITORS)
    for path in (*([own] if own.is_file() else []), *files):
        entries |= read_file(path)
    return entries


def read_file(path: Path) -> dict[str, Entry]:
    """Return the entries of one file, as `read_entries` does."""
    return {str(name): _check(path, str(name), values) for name, values in read_yaml(path).items()}


def _check(path: Path, name: str, values: Any) -> Entry:
    try:
        entry: Entry = _ENTRY.validate_python(values)
    except ValidationError as error:
        problem = error.errors()[0]
        key = ".".join([name, *map(str, problem["loc"][1:])])
        raise UserError(f"{path}: {key}: {problem['msg'].removeprefix('Value error, ')}") from None
    return entry
