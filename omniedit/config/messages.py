"""Messages for mistakes in a config: the file, the key, the error and the allowed values in one line."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from omniedit.config.schema import Config
from omniedit.config.section import subsections
from omniedit.config.yaml_files import read_yaml


def describe_error(
    error: ValidationError, model: type[BaseModel], files: Sequence[str | Path], overrides: Mapping[str, Any]
) -> str:
    """Return one line with the file, the key, the error and the allowed values; arguments as those of `check`."""
    problem = error.errors()[0]
    inner = tuple(str(part) for part in problem["loc"])
    key = (*(section_key(model) or ()), *inner)
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    place = ": ".join(filter(None, [origin(".".join(key), files, overrides), ".".join(key)]))
    if problem["type"] == "extra_forbidden":
        if "." in inner[-1]:
            *outer, last = inner[-1].split(".")
            nested = "".join(f"{{{name}: " for name in [*outer[1:], last]) + "..." + "}" * len(outer)
            return f"{place}: unknown key; nest it, as in {outer[0]}: {nested}, or --config '{outer[0]}={nested}'{more}"
        section = _subsection(model, inner[:-1])
        names = [*section.model_fields, *(getattr(section, "more_keys", ()))] if section else []
        allowed = f"allowed here: {', '.join(names)}" if names else "remove it"
        return f"{place}: unknown key; {allowed}{more}"
    if problem["type"] == "invalid_key":
        where = ": ".join(filter(None, [origin(".".join(key[:-1]), files, overrides), ".".join(key[:-1])]))
        return f"{where}: the key {json.dumps(problem['input'], default=str)} is not text; put it in quotes{more}"
    if problem["type"] == "missing":
        return f"{place}: is required{more}"
    if problem["type"] == "value_error":
        return f"{place}: {problem['msg'].removeprefix('Value error, ')}{more}"
    if kind := _kind_of_unquoted(problem):
        value = _typed_text(key, files, overrides) or json.dumps(problem["input"], default=str).strip('"')
        return f'{place}: {value} is read as {kind}, but text is needed; put it in quotes: "{value}"{more}'
    return f"{place}: {json.dumps(problem['input'], default=str)} is not allowed; {_describe_limits(problem)}{more}"


def _typed_text(key: Sequence[str], files: Sequence[str | Path], overrides: Mapping[str, Any]) -> str | None:
    """Return a value as typed in its file, such as 4.10, which YAML reads as 4.1; None if it is not in a file."""
    file = origin(".".join(key), files, overrides)
    found: Any = read_yaml(file, as_text=True) if file in map(str, files) else None
    for part in key:
        if isinstance(found, Mapping):
            found = found.get(part)
        else:
            found = found[int(part)] if isinstance(found, list) and part.isdecimal() else None
    return found if isinstance(found, str) else None


def _kind_of_unquoted(problem: Mapping[str, Any]) -> str | None:
    """Return the kind of value that YAML read from unquoted text; None if the problem is another one."""
    if problem["type"] not in ("string_type", "literal_error"):
        return None
    kinds = {bool: "true or false", int: "a number", float: "a number", date: "a date"}
    return next((name for kind, name in kinds.items() if isinstance(problem["input"], kind)), None)


def _describe_limits(problem: Mapping[str, Any]) -> str:
    text = problem["msg"].removeprefix("Input should be ")
    if problem["type"] == "model_type":
        return "allowed: a mapping of keys to values"
    if problem["type"] == "string_pattern_mismatch" and problem["ctx"]["pattern"].startswith("^http"):
        return "allowed: an address that starts with http:// or https://"
    if problem["type"] == "string_pattern_mismatch":
        return "allowed: letters, digits, '_', '.' and '-', starting with a letter or digit"
    return f"allowed: {text}"


def _subsection(model: type[BaseModel], key: Sequence[str]) -> type[BaseModel] | None:
    """Return the section at a key, also in lists and mappings of sections, whose indices and names `key` holds."""
    section: type[BaseModel] | None = model
    parts = iter(key)
    for part in parts:
        field = section.model_fields.get(part) if section else None
        section = next(_find_sections(field.annotation), None) if field else None
        if field and get_origin(field.annotation) in (list, dict):
            next(parts, None)
    return section


def _find_sections(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the sections in a type such as `list[Section]` or `dict[str, Section | None]`."""
    if isinstance(annotation, type) and not get_args(annotation) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _find_sections(inner)


def origin(key: str, files: Sequence[str | Path] = (), overrides: Mapping[str, Any] | None = None) -> str:
    """Return where `key`, or else its nearest parent, is set: '--config', or the last of `files` that sets it.

    Args:
        key: with dots, as in 'train.steps'.
    """
    parts = key.split(".")
    sources = [("--config", overrides or {}), *((str(path), read_yaml(path)) for path in reversed(files))]
    if dotted := [name for name, values in sources if "." in key and key in values]:
        return dotted[0]
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


def section_key(model: type[BaseModel], within: type[BaseModel] = Config) -> tuple[str, ...] | None:
    """Return the parts of a section's key, () for the config itself; None if it is not a section of the config."""
    if model is within:
        return ()
    keys = ((name, section_key(model, section)) for name, section in subsections(within).items())
    return next(((name, *below) for name, below in keys if below is not None), None)
