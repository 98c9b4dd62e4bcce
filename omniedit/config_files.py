"""Config files read and checked: a mistake is one line with the file, the key, what was wrong and what is allowed."""

import json
from collections.abc import Mapping, Sequence
from functools import partial, reduce
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from omniedit.archives import list_archives
from omniedit.config import Config, SourcesConfig, StudentConfig
from omniedit.errors import UserError

DEFAULT = Path("config/config.yaml")
"""Which the Snakefile reads before all others."""


def load(*paths: str | Path) -> Config:
    """The config that `snakemake --configfile` makes of YAML files: the last one's keys win, over those of the embedded
    default where this is a checkout.

    Raises:
        UserError: one line with the file, the key, what was wrong and what is allowed.
    """
    files = list(map(Path, paths))
    if DEFAULT.is_file():
        files = [DEFAULT, *(file for file in files if file.absolute() != DEFAULT.absolute())]
    return check(reduce(_merged, map(read_yaml, files)), files)


def _merged(values: Mapping[str, Any], others: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(values)
    for key, value in others.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _merged(merged[key], value) if both else value
    return merged


def of_run(path: Path) -> Config:
    """The config that a run wrote down, config.json.

    Raises:
        UserError: it is not there, or no config.
    """
    try:
        return Config.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        problem = " ".join(str(getattr(error, "strerror", None) or error).split())[:200]
        raise UserError(f"{path}: no config of a run ({problem}); snakemake writes results/RUN/config.json") from None


class _UniqueKeyLoader(yaml.SafeLoader):
    """YAML forbids a second value for a key; PyYAML takes the last one in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for number, key in enumerate(keys):
            if any((key.tag, key.value) == (other.tag, other.value) for other in keys[:number]):
                raise yaml.MarkedYAMLError(problem=f"the key '{key.value}' is given twice", problem_mark=key.start_mark)
        return super().construct_mapping(node, deep)


def read_yaml(path: str | Path) -> dict[str, Any]:
    """The keys of a YAML file.

    Raises:
        UserError: it is missing, cannot be read, is empty, no YAML or no mapping, or gives a key twice.
    """
    try:
        values = yaml.load(Path(path).read_text(encoding="utf-8"), _UniqueKeyLoader)
    except FileNotFoundError:
        raise UserError(f"{path}: no such config file") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        problem = " ".join(str(error).replace('in "<unicode string>", ', "at ").split())
        raise UserError(f"{path}: not valid YAML: {problem}") from None
    if values is None:
        raise UserError(f"{path}: holds no key; give at least one, or leave the file out")
    if not isinstance(values, dict):
        raise UserError(f"{path}: a config is a mapping of keys to values, found {type(values).__name__}")
    return values


def check(
    values: Mapping[str, Any], files: Sequence[str | Path] = (), overrides: Mapping[str, Any] | None = None
) -> Config:
    """Typed config of merged `values`.

    Args:
        values: the files' keys merged, the last file winning, `overrides` included.
        files: where the values came from, in that order.
        overrides: what the command line's --config gave; Snakemake leaves its nested values as text, which is read as
            YAML here.

    Raises:
        UserError: one line with the file, the key, what was wrong and what is allowed.
    """
    overrides = overrides or {}
    for file in files:
        read_yaml(file)  # Snakemake, which merged them, lets a key that is given twice pass
    try:
        config = Config.model_validate(_with_typed(values, overrides))
    except ValidationError as error:
        raise UserError(_one_line(error, files, overrides)) from None
    looks = {
        "sources.path": partial(_check_path, config.sources),
        "scoring.student.start": partial(_check_start, config.scoring.student),
    }
    for key, look in looks.items():
        try:
            look()
        except UserError as error:
            raise UserError(f"{origin(key, files, overrides)}: {key}: {error}") from None
    return config


def _check_path(sources: SourcesConfig) -> None:
    """Look for what `sources.path` names, as far as this machine can tell without reading it."""
    if sources.path is not None and sources.are_archives:
        list_archives(sources.path, sources.kind, sources.shards)
    elif sources.path is not None and not (sources.path and Path(sources.path).is_dir()):
        raise UserError(f"'{sources.path}' is no folder; give one of jpeg, png, webp or tiff photos")


def _check_start(student: StudentConfig) -> None:
    """Look for the student that `scoring.student.start` names."""
    if student.start_folder is None:
        return
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        if not (student.start_folder / name).is_file():
            raise UserError(
                f"'{student.start}' holds no student: {student.start_folder / name} is missing; give shipped or a "
                "folder that scripts/train_student.py wrote"
            )


def _with_typed(values: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    typed = dict(values)
    for key, value in overrides.items():
        if isinstance(value, Mapping) and isinstance(typed.get(key), Mapping):
            typed[key] = _with_typed(typed[key], value)
        elif isinstance(value, str):
            typed[key] = _as_yaml(value)
    return typed


def _as_yaml(text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return text


def _one_line(error: ValidationError, files: Sequence[str | Path], overrides: Mapping[str, Any]) -> str:
    problem = error.errors()[0]
    key = tuple(str(part) for part in problem["loc"])
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    where = ": ".join(filter(None, [origin(".".join(key), files, overrides), ".".join(key)]))
    if problem["type"] == "extra_forbidden":
        section = _section(key[:-1])
        allowed = f"allowed here: {', '.join(section.model_fields)}" if section else "remove it"
        return f"{where}: unknown key; {allowed}{more}"
    if problem["type"] == "value_error":
        return f"{where}: {problem['msg'].removeprefix('Value error, ')}{more}"
    return f"{where}: {json.dumps(problem['input'], default=str)} is not allowed; {_allowed(problem)}{more}"


def _allowed(problem: Mapping[str, Any]) -> str:
    text = problem["msg"].removeprefix("Input should be ")
    if problem["type"] == "model_type":
        return "allowed: a mapping of keys to values"
    if problem["type"] == "string_pattern_mismatch" and problem["ctx"]["pattern"].startswith("^http"):
        return "allowed: http:// or https:// first"
    if problem["type"] == "string_pattern_mismatch":
        return "allowed: letters, digits, '_', '.' and '-', a letter or digit first"
    return f"allowed: {text}"


def _section(key: Sequence[str]) -> type[BaseModel] | None:
    model: type[BaseModel] = Config
    for part in key:
        annotation = model.model_fields[part].annotation if part in model.model_fields else None
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return None
        model = annotation
    return model


def origin(key: str, files: Sequence[str | Path] = (), overrides: Mapping[str, Any] | None = None) -> str:
    """What sets `key`, or else its nearest parent: '--config', or the last of `files` that does.

    Args:
        key: with dots, as in 'train.steps'.
    """
    parts = key.split(".")
    sources = [("--config", overrides or {}), *((str(path), read_yaml(path)) for path in reversed(files))]
    for depth in range(len(parts), 0, -1):
        for name, values in sources:
            if _has(values, parts[:depth]):
                return name
    return str(files[-1]) if files else "config"


def _has(values: Any, key: Sequence[str]) -> bool:
    for part in key:
        if not isinstance(values, Mapping) or part not in values:
            return False
        values = values[part]
    return True
