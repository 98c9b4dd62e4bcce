"""Source of the workflow: the folder with its scripts and config, wherever the workflow itself is read from."""

import os
import re
import shutil
from pathlib import Path
from typing import Any

import omniedit
from omniedit.storage.atomic import replace_file

FETCHED = Path(".snakemake/omniedit")
"""Folder of the files that jobs need from a source that is not a local folder: a git repository, github(...)."""


class Source:
    """Root of the workflow's source.

    Args:
        workflow: Snakemake's workflow, while it reads a file of workflow/rules/.
    """

    def __init__(self, workflow: Any) -> None:
        from snakemake.sourcecache import LocalSourceFile

        self.workflow, self.rules = workflow, workflow.current_basedir
        self.is_folder = isinstance(self.rules, LocalSourceFile)
        self.folder = Path(self.rules.path).parents[1] if self.is_folder else FETCHED.absolute()

    def file(self, name: str) -> Path:
        """Return the path of a file of the source; Snakemake's main process fetches it if needed."""
        path = self.folder / name
        if not self.is_folder and self.workflow.is_main_process:
            cached = self.workflow.sourcecache.get_path(self.rules.join(f"../../{name}"))
            with replace_file(path) as temporary:
                shutil.copyfile(cached, temporary)
        return path

    def fetch_scripts(self) -> None:
        """Fetch the programs that the rules run. Call it after all rules are known."""
        commands = [rule.shellcmd for rule in self.workflow.rules if "$OMNIEDIT_RUN" in (rule.shellcmd or "")]
        for name in sorted({"run.sh", *re.findall(r"\w+\.(?:py|sh)\b", " ".join(commands))}):
            self.file(f"scripts/{name}")

    def variables(self) -> dict[str, str]:
        """Return the environment that jobs need to run the programs (scripts/run.sh)."""
        return {
            "OMNIEDIT_RUN": str(self.folder / "scripts/run.sh"),
            "OMNIEDIT_SOURCE": str(self.folder),
            "OMNIEDIT_CHECKOUT": str(import_folder()),
        }


def import_folder() -> Path:
    """Return the folder from which jobs import omniedit; their environments may lack the package.

    An installed package is linked into a separate folder, so that jobs do not import its neighbours.
    """
    package = Path(omniedit.__file__).resolve().parent
    if (package.parent / "pyproject.toml").is_file():
        return package.parent
    link = (FETCHED / "import/omniedit").absolute()
    if not (link.is_symlink() and link.resolve() == package):
        link.parent.mkdir(parents=True, exist_ok=True)
        temporary = link.with_name(f".omniedit.{os.getpid()}")
        temporary.symlink_to(package, target_is_directory=True)
        temporary.replace(link)
    return link.parent
