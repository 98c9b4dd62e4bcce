"""Command that remakes a shard of candidates."""

import re
import shlex
from pathlib import Path

from omniedit.browsing.run_files import ShardFiles
from omniedit.config.schema import Config
from omniedit.run.stages import Stage, select_stages

CANDIDATES = "candidates/"


def remake_command(files: ShardFiles) -> str | None:
    """Return the command that remakes the shard of a pair, or None if no rule of the workflow makes it.

    The workflow writes a run's config next to its results. Pairs from other programs may lack it.
    """
    config_file = files.run / "config.json"
    try:
        config = Config.model_validate_json(config_file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    target = files.candidates.relative_to(files.run).as_posix()
    makers = (stage for stage in select_stages(config) if files.folder in stage.tasks(config))
    rule = next((stage.rule for stage in makers if _is_made_by(stage, target)), None)
    root, below = files.run.parent.parent, Path(*files.run.parts[-2:])  # the working folder, and results/{run} in it
    if rule is None or below != Path("results", config.run):
        return None
    is_working_folder = root.absolute() == Path.cwd()
    place = [] if is_working_folder else ["--directory", str(root.absolute())]
    config_path = below / config_file.name if is_working_folder else config_file.absolute()
    words = ["snakemake", f"{below}/{target}", "--forcerun", rule, "--configfile", str(config_path)]
    return shlex.join([*words, *place, "--cores", "all"])


def _is_made_by(stage: Stage, target: str) -> bool:
    """Return whether a stage's output pattern matches this file."""
    if not stage.output.startswith(CANDIDATES):
        return False
    parts = re.split(r"\{\w+\}", stage.output)
    return re.fullmatch("[^/]+".join(map(re.escape, parts)), target) is not None
