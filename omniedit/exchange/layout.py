"""Layouts of data sets: which column holds which field of a pair (`datasets/NAME.yaml`, or a user's own file)."""

import re
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from omniedit.config.yaml_files import read_yaml
from omniedit.errors import UserError

IMAGES = ("source", "edited", "mask", "reference")
TEXTS = ("id", "task", "source_caption", "edited_caption", "session", "licence", "author", "origin")
FIELDS = (
    *(*IMAGES, *TEXTS, "instruction", "paraphrases", "turn", "width", "height"),
    *("score", "scores", "references", "provenance"),
)
"""Fields of a pair that a column may hold. `reference.ROLE` and `score.NAME` name the reference and the score. Several
columns may hold `instruction`, `reference` and `score`. `scores`, `references` and `provenance` hold all of them as
JSON. `mask.transparent` is the source with the mask cut out; `mask` is white inside. `instruction.fallback` is read if
no other column has an instruction."""
CUTOUT, FALLBACK = "transparent", "fallback"
"""Names of a mask whose inside is transparent, and of a column that is read if no other has an instruction."""
_NAMES = {"mask": CUTOUT, "instruction": FALLBACK}
REQUIRED = ("source", "edited", "instruction")
UNSPECIFIED = "unspecified"
"""Task of the pairs if the data set names no task."""

ColumnType = Literal["", "image", "binary", "path", "string", "list", "int32", "int64", "float64", "json"]
"""Type of a column. `image` is a struct of bytes and path, as Hugging Face stores it; `binary` is only the bytes, and
`path` a path. `json` is JSON as text. Without a type, the field decides."""
YAML_SUFFIXES = (".yaml", ".yml")
Container = Literal["parquet", "jsonl", "json", "csv", "tar", "folders"]
"""Kind of file that holds the rows."""

_SHORT = re.compile(r"([a-z_]+)(?:\.([\w.-]+))?(\?)?(?: (\w+)(\?)?)?")
_ALIASES = {"instructions": "instruction", "target": "edited", "license": "licence", "caption": "source_caption"}


class Column(BaseModel):
    """Column of a data set.

    Args:
        field: one of `FIELDS`.
        name: role of a reference, '' for the task's default; name of a score, '' for the column's name; else one of
            `_NAMES`.
        optional: whether files may lack the column.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    field: str
    name: str = ""
    optional: bool = False
    type: ColumnType = ""

    @field_validator("field")
    @classmethod
    def _check_field(cls, field: str) -> str:
        if field not in FIELDS:
            raise ValueError(f"{field!a} is not a field; give one of {', '.join(FIELDS)}")
        return field

    @field_validator("name")
    @classmethod
    def _check_name(cls, name: str, info: ValidationInfo) -> str:
        field = str(info.data.get("field"))
        if name and field in _NAMES and name != _NAMES[field]:
            raise ValueError(f"{field}.{name} is not a field; give {field}, or {field}.{_NAMES[field]}")
        return name


class SessionLayout(BaseModel):
    """Session in one row: a list of instructions, and a list of images with `id` and `url`.

    Args:
        images: column with the images.
        instructions: column with the instruction of each turn.
        each: prefix of the ids of edited images; the number of the turn follows.
        last: id of the edited image of the last turn.
        original: id of the source image, whose `url` is its origin.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    images: str
    instructions: str
    each: str
    last: str
    original: str


class Layout(BaseModel):
    """Layout of a data set.

    Args:
        about: one sentence about the data set.
        files: container that exports are written to; imports take any.
        licence: licence of all pairs, unless a column gives it.
        task: task of all pairs, unless a column gives it.
        task_names: section of `task_names.yaml`.
        turns: column with a list of rows, the turns of a session.
        chain: session whose turns are in two lists; the source of a turn is the edited image of the previous turn.
        first_turn: number that the data set gives to the first turn.
        unique_in_file: whether ids are unique only within a file.
        from_parent: whether paths in rows begin at the folder above the table's.
        has_seeds: whether the data set is also published as folders that a `seeds.json` lists.
        test_set: file that only the data set's test set has, which is a benchmark and not imported.
        required: fields that every file must have; by default those of an edit pair.
        columns: in the order in which they are written. If several columns hold the same field, the first one with a
            value is read.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = ""
    about: str = ""
    files: Container = "parquet"
    licence: str | None = None
    task: str = UNSPECIFIED
    task_names: str = ""
    turns: str | None = None
    chain: SessionLayout | None = None
    first_turn: int = 1
    unique_in_file: bool = False
    from_parent: bool = False
    has_seeds: bool = False
    test_set: str = ""
    required: tuple[str, ...] = REQUIRED
    columns: dict[str, Column] = Field(min_length=1)

    @field_validator("columns", mode="before")
    @classmethod
    def _parse_columns(cls, columns: Any) -> Any:
        if not isinstance(columns, Mapping):
            return columns
        return {str(name): parse_column(each) if isinstance(each, str) else each for name, each in columns.items()}

    @field_validator("columns")
    @classmethod
    def _check_columns(cls, columns: dict[str, Column], info: ValidationInfo) -> dict[str, Column]:
        present = {column.field for column in columns.values()}
        if missing := [field for field in info.data["required"] if field not in present]:
            raise ValueError(f"no column holds {' or '.join(missing)}")
        return columns

    @property
    def has_cutouts(self) -> bool:
        """Whether masks are images with a transparent inside."""
        return any(column.name == CUTOUT for _, column in self.find("mask"))

    def find(self, field: str) -> Iterator[tuple[str, Column]]:
        """Yield the columns that hold a field."""
        return ((name, column) for name, column in self.columns.items() if column.field == field)


def parse_column(text: str) -> dict[str, Any]:
    """Parse the short form of a column: FIELD, FIELD.NAME, a type after a space, and '?' if it is optional."""
    match = _SHORT.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text[:60]!a} is not a column; give a field such as source, mask? or score int64")
    field, name, mark, kind, last_mark = match.groups()
    optional = (mark or last_mark) is not None
    return {"field": _ALIASES.get(field, field), "name": name or "", "optional": optional, "type": kind or ""}


def layout_names() -> list[str]:
    """Return the names of the packaged layouts."""
    folder = resources.files("omniedit.exchange") / "datasets"
    return sorted(file.name.removesuffix(".yaml") for file in folder.iterdir() if file.name.endswith(".yaml"))


def load_layout(name: str) -> Layout:
    """Return the packaged layout of a name, or the one in a user's YAML file.

    Raises:
        UserError: the layout is invalid; the message names the file, the key and the remedy.
    """
    if name.endswith(YAML_SUFFIXES):
        return check_layout({"name": Path(name).stem} | read_yaml(name), name)
    with resources.as_file(resources.files("omniedit.exchange") / f"datasets/{name}.yaml") as file:
        return check_layout({"name": name} | read_yaml(file), str(file))


def check_layout(values: Mapping[str, Any], place: str) -> Layout:
    """Return the typed layout of `values`.

    Raises:
        UserError: a key or value is invalid; `place` names the file in the message.
    """
    try:
        return Layout.model_validate(values)
    except ValidationError as error:
        problem = error.errors()[0]
        key = ".".join(str(part)[:60] for part in problem["loc"]) or "layout"
        raise UserError(f"{place}: {key}: {problem['msg'].removeprefix('Value error, ')}") from None


def replace_columns(layout: Layout, columns_by_field: Mapping[str, str]) -> Layout:
    """Return the layout with a user's columns.

    Args:
        columns_by_field: column by field, such as {"source": "before"}; several columns are separated by '+';
            `reference.ROLE` and `score.NAME` are fields too. They replace the layout's columns for these fields.

    Raises:
        UserError: a field is unknown or a required one has no column.
    """
    own: dict[str, Any] = {}
    for field, columns in columns_by_field.items():
        try:
            column = parse_column(field)
        except ValueError as error:
            raise UserError(f"--columns: {error}") from None
        own |= {name: column for name in columns.split("+") if name}
    fields = {column["field"] for column in own.values()}
    unchanged = {
        name: column.model_copy(update={"optional": True})
        for name, column in layout.columns.items()
        if column.field not in fields and name not in own
    }
    return check_layout(layout.model_dump() | {"columns": own | unchanged}, "--columns") if own else layout
