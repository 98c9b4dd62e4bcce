"""Steps that run each time Snakemake parses the workflow, in every job too: config, source, environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omniedit.config.loading import load_run
from omniedit.config.schema import Config
from omniedit.config.typed_text import parse_options
from omniedit.models.registry import required_roles
from omniedit.run.dag_cache import cache_planning
from omniedit.run.preflight import Preflight, check_no_prefix, check_writable_folder, exit_on_user_error
from omniedit.run.workflow_source import Source
from omniedit.sources.file_identity import Identity, identify_sources
from omniedit.storage.processes import LAUNCHER, describe_launcher


@dataclass(frozen=True)
class ParsedRun:
    """Run as the workflow's rules see it.

    Args:
        config_files: files that the config came from, in order.
        config_options: values of --config, as typed.
        roles: roles of the models that the config names.
        identities: identities of the photos; none in a job's process, which does not need them.
        imports: identities of imported data sets, by name and shard; none in a job's process.
    """

    config: Config
    config_files: list[Path]
    config_options: Mapping[str, Any]
    source: Source
    roles: list[str]
    identities: list[Identity]
    imports: Mapping[tuple[str, int], Identity]
    preflight: Preflight


def read_run(workflow: Any, values: Mapping[str, Any]) -> ParsedRun:
    """Read the config, set the environment of jobs, and register the preparation of the run.

    A user's mistake ends the process with one line.

    Args:
        workflow: Snakemake's workflow, which reads a file of workflow/rules/ right now.
        values: Snakemake's config.
    """
    cache_planning()
    source = Source(workflow)
    # A module's config comes from the workflow that uses it. That workflow's files and options do not apply here.
    is_module = workflow.modifier.skip_configfile
    options = {} if is_module else parse_options(workflow.config_settings.config_args)
    named = list(workflow.config_settings.configfiles)
    files = [Path(path) for path in [*(path for path in workflow.configfiles if path not in named), *named]]
    with exit_on_user_error():
        # Not for --lint, which must write nothing, nor for a dry run, for which Snakemake writes no log.
        if workflow.is_main_process and workflow.check_envvars and not workflow.output_settings.dryrun:
            check_writable_folder(Path(".snakemake"))
        os.environ.update(source.variables())
        default = source.file("config/config.yaml")
        source.file("config/models.yaml")
        config = load_run(values, [] if is_module else files, default, values if is_module else options)
        results = Path("results", config.run)
        check_no_prefix(workflow.modifier.path_modifier.replace_prefix(str(results)), config.run)
        roles = required_roles(config)
        identities = identify_sources(config.sources, results) if workflow.is_main_process else []
        imports = _identify_imports(config, results) if workflow.is_main_process else {}
    # Jobs end with this process. A job that outlives a killed run would write to the same files as its successor.
    os.environ[LAUNCHER] = describe_launcher()
    preflight = Preflight(workflow, config, list_tracked_folders(config), roles, [*identities, *imports.values()])
    preflight.register()
    return ParsedRun(config, files, options, source, roles, identities, imports, preflight)


def _identify_imports(config: Config, results: Path) -> dict[tuple[str, int], Identity]:
    """Identify the files of each shard of the imported data sets."""
    if not config.data_sets:
        return {}
    from omniedit.exchange.importing import identify_import

    shards = config.sources.shards
    return {
        (name, shard): identify_import(data_set, shard, shards, results / f"candidates/{name}/{shard:05d}.h5")
        for name, data_set in config.data_sets.items()
        for shard in range(shards)
    }


def list_tracked_folders(config: Config) -> list[Path]:
    """Return the folders of a run that Snakemake tracks only by their manifest."""
    parts = [f"{part:05d}" for part in range(config.buckets.parts)]
    names = [
        *("scorer", "train/base", "train/inpainting"),
        *(f"train/{editor}" for editor in config.train.editors),
        *(f"train/encoded/{part}" for part in parts),
        "buckets",
        *(f"buckets/parts/{part}" for part in parts),
    ]
    return [Path("results", config.run, name) for name in names]
