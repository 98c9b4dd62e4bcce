"""Read, merge and check config files."""

from collections.abc import Mapping, Sequence
from functools import partial, reduce
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from omniedit.config.messages import describe_error, origin
from omniedit.config.schema import Config, SourcesConfig, StudentConfig
from omniedit.config.section import S
from omniedit.config.source_folder import source_file
from omniedit.config.tasks import expand_families
from omniedit.config.typed_text import merge, to_types
from omniedit.config.yaml_files import read_yaml
from omniedit.errors import UserError
from omniedit.storage.archives import is_remote, list_archives

DEFAULT_CONFIG = Path("config/config.yaml")
"""Config that all others override: the working folder's, or else the workflow's own."""


def load(*paths: str | Path) -> Config:
    """Return the config that `snakemake --configfile` makes of YAML files; keys of later files override earlier ones.

    Raises:
        UserError: one line with the file, the key, the error and the allowed values.
    """
    files = list(map(Path, paths))
    default = source_file(DEFAULT_CONFIG)
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
            problem = getattr(error, "strerror", None) or error  # a name that no file system accepts
            raise UserError(f"{origin(key, files, overrides)}: {key}: {problem}") from None
    return config


def _settle_families(values: dict[str, Any], files: Sequence[Mapping[str, Any]], overrides: Mapping[str, Any]) -> Any:
    """Return merged values, in which a family of tasks overrides the single tasks of earlier files.

    Args:
        files: keys of each file, in order. If the values also come from elsewhere, all of them count as one file.
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
        raise UserError(describe_error(error, model, files, overrides or {})) from None


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
