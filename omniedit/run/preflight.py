"""Preparation of a run: checks, its lock, and the repairs that must precede Snakemake's planning."""

import errno
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omniedit.config.schema import Config, api_key
from omniedit.errors import UserError, error_line
from omniedit.models.registry import describe_unready
from omniedit.redaction import export_secrets, redact_values
from omniedit.run.packages import missing_of_config, missing_of_jobs
from omniedit.run.slurm_queue import cancel_left_behind
from omniedit.sources.file_identity import Identity
from omniedit.storage.atomic import write_changed
from omniedit.storage.locks import Locks, hold_run, run_lock
from omniedit.storage.manifest import MANIFEST, missing_files
from omniedit.storage.processes import LAUNCHER, describe_launcher
from omniedit.storage.quarantine import quarantine_damaged

PROBE_BYTES = 65_536
_FOREIGN = "ask its owner for permission, or run in a folder of your own: snakemake --directory FOLDER"
REMEDIES = {
    errno.EACCES: _FOREIGN,
    errno.EPERM: _FOREIGN,
    errno.EROFS: "run in a folder that can be written: snakemake --directory FOLDER",
    errno.ENOSPC: "free some space, or run in a folder on another disk: snakemake --directory FOLDER",
    errno.EDQUOT: "free some of your quota, or run in a folder on another disk: snakemake --directory FOLDER",
}


@contextmanager
def exit_on_user_error() -> Iterator[None]:
    """Exit with one line on a `UserError`, and on a file or folder that cannot be used."""
    try:
        yield
    except UserError as error:
        sys.exit(f"error: {error_line(error)}")
    except OSError as error:
        if error.errno not in REMEDIES:
            raise
        sys.exit(f"error: {error.filename or Path.cwd()}: {error.strerror}; {REMEDIES[error.errno]}")


def check_no_prefix(results: str, run: str) -> None:
    """Check that a module's `prefix` or `replace_prefix` does not move results, because locks and jobs find them by
    name.

    Args:
        results: results/RUN as the module would name it.

    Raises:
        UserError: results are moved.
    """
    if results != f"results/{run}":
        raise UserError(
            f"module: its prefix moves results/{run} to {results}, where jobs do not find them; remove the prefix: "
            "`run` in the module's config distinguishes the results of several modules, and `as NAME_*` their rules"
        )


def check_writable_folder(folder: Path) -> None:
    """Check that a folder can be made and a small file written in it. The file is removed again.

    Raises:
        OSError: the folder cannot be written; the error names it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    probe = folder / f".probe.{os.getpid()}"
    try:
        probe.write_bytes(bytes(PROBE_BYTES))
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(folder.absolute())) from None
    finally:
        probe.unlink(missing_ok=True)


@dataclass
class Preflight:
    """Preparation of one run.

    The preparation runs only in Snakemake's main process, and only when it is about to execute jobs. Other
    commands (--unlock, --report, --summary, --lint ...) leave the run unchanged, and a dry run prints what it would do.

    Args:
        workflow: Snakemake's workflow.
        config: the run's config.
        folders: folders of the run that Snakemake tracks only by their manifest.
        roles: roles of the models that the config names.
        identities: identities of the photos.
    """

    workflow: Any
    config: Config
    folders: Sequence[Path]
    roles: Sequence[str]
    identities: Sequence[Identity]

    def register(self) -> None:
        """Make Snakemake call `prepare` before it plans and executes, and pass secrets to jobs.

        Snakemake has no hook for this: `onstart` runs after planning, when Snakemake has already checked the files.
        """
        # Command lines of jobs and config.json contain these addresses without their secrets.
        imports = [each.path for each in self.config.imports.values()]
        endpoints = [api.url for api in (self.config.scoring.api, self.config.proposals.api, *self.config.endpoints)]
        export_secrets([*endpoints, self.config.sources.path, *imports])
        if not self.workflow.is_main_process:
            return
        execute, delete_output = self.workflow.execute, self.workflow.delete_output

        def prepare_and_execute(**settings: Any) -> Any:
            with exit_on_user_error():
                self.prepare(settings["executor_plugin"].common_settings)
                return execute(**settings)

        def lock_and_delete(only_temp: bool = False, dryrun: bool = False) -> Any:
            with exit_on_user_error():
                if not dryrun:
                    hold_run(self.config.run)
                return delete_output(only_temp=only_temp, dryrun=dryrun)

        self.workflow.execute, self.workflow.delete_output = prepare_and_execute, lock_and_delete

    def prepare(self, executor: Any) -> None:
        """Run the checks that do not need the plan, take the lock and repair the run's folder.

        Args:
            executor: common settings of Snakemake's executor.

        Raises:
            UserError: the run cannot start.
            OSError: a file cannot be read or written.
        """
        if executor.dryrun_exec:
            packages = [] if self.brings_packages() else missing_of_config(self.config)
            for line in [*self.loss_lines(), *unready_errors(self.roles), *packages]:
                print(line, file=sys.stderr)
            return
        if not executor.touch_exec:
            self.check_keys()
        results = Path("results", self.config.run)
        check_writable_folder(results)
        # Snakemake's own lock outlives a killed run (profiles/default turns it off). These locks end with the process.
        locks = hold_run(self.config.run)
        if locks.held:
            os.environ[LAUNCHER] = describe_launcher(run_lock(self.config.run))
        if executor.touch_exec:
            return
        if locks.held:
            cancel_slurm_jobs(locks, required=not executor.local_exec)
        for path in quarantine_damaged(results):
            print(f"{path}: damaged; renamed to {path.name}.damaged, and remade", file=sys.stderr)
        for line in self.loss_lines():
            print(line, file=sys.stderr)
        for folder in self.folders:
            if missing_files(folder):
                (folder / MANIFEST).unlink()
        for identity in self.identities:
            identity.refresh()
        # `omniedit status` and jobs read this file.
        values = redact_values(self.config.model_dump(mode="json"))
        write_changed(results / "config.json", json.dumps(values, indent=1, ensure_ascii=False) + "\n")

    def loss_lines(self) -> list[str]:
        """Return a line for each folder with missing files. Without its manifest, Snakemake remakes the folder."""
        missing = {folder: missing_files(folder) for folder in self.folders}
        return [
            f"{folder}: {files[0]} is missing ({len(files)} in all); the folder is remade"
            for folder, files in missing.items()
            if files
        ]

    def check_keys(self) -> None:
        """Check that the API keys that jobs need are set.

        Raises:
            UserError: a key is missing.
        """
        for endpoint in self.config.endpoints:
            api_key(endpoint)
        if self.config.uses_proposer and self.config.proposals.source == "api":
            api_key(self.config.proposals.api)

    def brings_packages(self) -> bool:
        """Return whether jobs run in separate environments, whose packages this process cannot see."""
        settings = getattr(self.workflow, "deployment_settings", None)
        return bool(settings and settings.deployment_method)

    def check_plan(self) -> None:
        """Exit if planned jobs lack a model or a package, or fit no partition of the cluster. Call it in `onstart`."""
        if not self.workflow.is_main_process or self.workflow.touch:
            return
        jobs = list(self.workflow.dag.needrun_jobs())
        packages = [] if self.brings_packages() else missing_of_jobs(jobs, self.config)
        if lines := [*unready_errors(models_read(jobs)), *packages]:
            sys.exit("\n".join(lines))
        if partitions := getattr(self.workflow.executor_settings, "partition_config", None):
            with exit_on_user_error():
                check_partitions(partitions, jobs)


def cancel_slurm_jobs(locks: Locks, required: bool) -> None:
    """Cancel the jobs that a killed run left in Slurm's queue. Unless `required`, a failure is only printed."""
    try:
        cancel_left_behind(*locks.folders)
    except UserError as error:
        if required:
            raise
        print(f"{error}; unknown whether a killed run left Slurm jobs in this folder", file=sys.stderr)


def unready_errors(roles: Sequence[str]) -> list[str]:
    """Return an error line for each model that is not ready to use."""
    return [f"error: {line}" for line in describe_unready(roles)]


def models_read(jobs: Sequence[Any]) -> list[str]:
    """Return the roles of the models that `jobs` read; empty if all jobs only fetch models."""
    if all(str(path).startswith("models/") for job in jobs for path in job.output):
        return []
    paths = dict.fromkeys(str(path) for job in jobs for path in job.input if str(path).startswith("models/"))
    return [Path(path).stem for path in paths]


def check_partitions(file: str, jobs: Sequence[Any]) -> None:
    """Check that each rule fits some partition; otherwise Slurm would try its default one.

    Raises:
        UserError: a rule requests more than any partition has.
    """
    from snakemake_executor_plugin_slurm.partitions import read_partition_file

    partitions = read_partition_file(file)
    for job in {job.rule.name: job for job in jobs if not job.is_local}.values():
        if not job.resources.get("slurm_partition") and all(p.score_job_fit(job) is None for p in partitions):
            names = ("mem_mb", "runtime", "nodes", "gpu", "gpu_model", "gres")
            needed = ", ".join(f"{name} {value}" for name in names if (value := job.resources.get(name)))
            offered = ", ".join(partition.name for partition in partitions)
            raise UserError(
                f"{file}: {job.rule.name} fits none of {offered}; it requests threads {job.threads}, {needed}"
            )
