"""Read and check config files. A mistake is reported in one line with the file, the key, the error and the allowed
values."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from functools import partial, reduce
from pathlib import Path
from typing import Any, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from omniedit.config.schema import Config, SourcesConfig, StudentConfig
from omniedit.config.section import S, subsections
from omniedit.config.source_folder import source_file
from omniedit.config.strict_yaml import StrictLoader
from omniedit.config.tasks import expand_families
from omniedit.config.typed_text import TextLoader, merge, to_types
from omniedit.errors import UserError
from omniedit.storage.archives import is_remote, list_archives

DEFAULT = Path("config/config.yaml")
"""Config that all others override: the working folder's, or else the workflow's own."""


def load(*paths: str | Path) -> Config:
    """Return the config that `snakemake --configfile` makes of YAML files; keys of later files override earlier ones.

    Raises:
        UserError: one line with the file, the key, the error and the allowed values.
    """
    files = list(map(Path, paths))
    default = source_file(DEFAULT)
    if default.is_file():
        files = [default, *(file for file in files if file.absolute() != default.absolute())]
    return check(reduce(merge, map(read_yaml, files)), files)


def load_run(
    values: Mapping[str, Any], files: Sequence[Path], default: Path, overrides: Mapping[str, Any] | None = None
) -> Config:
    """Return the config of a run: Snakemake's values over the workflow's own default.

    Args:
        values: Snakemake's config.
        files: files that the values came from, in order; empty for the config of a module.
        default: config/config.yaml of the workflow's source.
        overrides: the options of --config as typed (`typed_text.parse_options`).
    """
    own = [] if any(file.exists() and file.samefile(default) for file in files) else [default]
    return check(merge(read_yaml(default), values), [*own, *files] if files else [], overrides)


def section_key(model: type[BaseModel], within: type[BaseModel] = Config) -> tuple[str, ...] | None:
    """Return the parts of a section's key, () for the config itself; None if it is not a section of the config."""
    if model is within:
        return ()
    keys = ((name, section_key(model, section)) for name, section in subsections(within).items())
    return next(((name, *below) for name, below in keys if below is not None), None)


def read_yaml(path: str | Path, as_text: bool = False) -> dict[str, Any]:
    """Return the keys of a YAML file.

    Args:
        as_text: return every value as the text that was typed, for `typed_text.to_types`.

    Raises:
        UserError: the file is missing, unreadable, empty, not valid YAML or not a mapping, or it repeats a key.
    """
    try:
        values = yaml.load(Path(path).read_text(encoding="utf-8"), TextLoader if as_text else StrictLoader)
    except FileNotFoundError:
        raise UserError(f"{path}: no such config file") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not valid YAML: {error}; save it as UTF-8") from None
    except RecursionError:
        raise UserError(f"{path}: not valid YAML: nested too deeply") from None
    except yaml.YAMLError as error:
        problem = " ".join(str(error).replace('in "<unicode string>", ', "at ").split())
        raise UserError(f"{path}: not valid YAML: {problem}") from None
    if values in (None, ""):
        raise UserError(f"{path}: has no keys; add one, or leave the file out")
    if not isinstance(values, dict):
        raise UserError(f"{path}: a config is a mapping of keys to values, found {type(values).__name__}")
    return values


def check(
    values: Mapping[str, Any], files: Sequence[str | Path] = (), overrides: Mapping[str, Any] | None = None
) -> Config:
    """Return the typed config of merged `values`.

    Args:
        values: keys of all files merged, `overrides` included; the last file wins.
        files: files that the values came from, in that order.
        overrides: values of the command line's --config, as text; the key decides the type of the text.

    Raises:
        UserError: one line with the file, the key, the error and the allowed values.
    """
    overrides = overrides or {}
    typed = to_types(overrides, Config)
    parts = [read_yaml(file) for file in files]  # Snakemake, which merged them, accepts repeated keys
    config = check_section(Config, _settle_families(merge(values, typed), parts, typed), files, overrides)
    looks = {
        "sources.path": partial(_check_path, config.sources),
        **{f"imports.{name}.path": partial(_check_pairs, each.path) for name, each in config.imports.items()},
        "subjects.path": partial(_check_pairs, config.subjects.path or "."),
        **{f"gates.benchmarks.{n}": partial(_check_benchmark, each) for n, each in enumerate(config.gates.benchmarks)},
        "scoring.student.start": partial(_check_start, config.scoring.student),
    }
    for key, look in looks.items():
        try:
            look()
        except (UserError, OSError, ValueError) as error:
            problem = getattr(error, "strerror", None) or error  # a name that no file system takes
            raise UserError(f"{origin(key, files, overrides)}: {key}: {problem}") from None
    return config


def _settle_families(values: dict[str, Any], files: Sequence[Mapping[str, Any]], overrides: Mapping[str, Any]) -> Any:
    """Return merged values, in which a family of tasks overrides the single tasks of earlier files.

    Args:
        files: keys of each file, in order. If the values come from elsewhere too, they count as one file.
    """
    tasks = values.get("tasks")
    parts = [part["tasks"] for part in (*files, overrides) if "tasks" in part]
    if not isinstance(tasks, Mapping) or not all(isinstance(part, Mapping) for part in parts):
        return values
    if not parts or reduce(merge, parts) != tasks:
        parts = [tasks, overrides.get("tasks", {})]
    return {**values, "tasks": reduce(merge, (expand_families(part, tasks) for part in parts))}


def check_section(
    model: type[S], values: Any, files: Sequence[str | Path] = (), overrides: Mapping[str, Any] | None = None
) -> S:
    """Return a typed section of the config; arguments and errors are those of `check`."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise UserError(_one_line(error, model, files, overrides or {})) from None


def _check_path(sources: SourcesConfig) -> None:
    """Check that the path in `sources.path` exists, as far as this machine can see without reading it."""
    if sources.kind == "pairs":
        _check_pairs(sources.pairs.path)
    elif sources.path is not None and sources.are_archives:
        list_archives(sources.path, sources.kind, sources.shards)
    elif sources.path is not None and not (sources.path and Path(sources.path).is_dir()):
        raise UserError(f"'{sources.path}' is not a folder; give a folder of jpeg, png, webp or tiff photos")


def _check_pairs(path: str) -> None:
    """Check that the local file or folder of a data set of pairs exists."""
    if not is_remote(path) and not set("*?[{") & set(path) and not Path(path).exists():
        raise UserError(f"'{path}' does not exist; give a file, a folder, a glob, a range or a URL of edit pairs")


def _check_benchmark(folder: str) -> None:
    """Check that a folder with the images of a benchmark exists; the job that reads it runs late."""
    if not Path(folder).is_dir():
        raise UserError(f"'{folder}' is not a folder; give a folder with the images of a benchmark")


def _check_start(student: StudentConfig) -> None:
    """Check that `scoring.student.start` names the folder of a student."""
    if student.start_folder is None:
        return
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        if not (student.start_folder / name).is_file():
            raise UserError(
                f"'{student.start}' has no student: {student.start_folder / name} is missing; give shipped or a "
                "folder that scripts/train_student.py wrote"
            )


def _one_line(
    error: ValidationError, model: type[BaseModel], files: Sequence[str | Path], overrides: Mapping[str, Any]
) -> str:
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
    """Return the kind of value that YAML read from unquoted text; None if that is not the problem."""
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
