"""Find the reader of a benchmark's official prompts by the name of its rubric, or by the files of a checkout."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from omniedit.errors import UserError
from omniedit.scoring.prompts.imgedit import find_imgedit, read_imgedit
from omniedit.scoring.prompts.kris import find_kris, read_kris
from omniedit.scoring.prompts.rise import find_rise, read_rise
from omniedit.scoring.prompts.viescore import (
    VIESCORE_RUBRICS,
    find_editscore,
    find_viescore,
    read_editscore,
    read_viescore,
)
from omniedit.scoring.rubric import Rubric
from omniedit.scoring.rubric_file import to_rubric
from omniedit.scoring.rubric_registry import load_rubric

Find = Callable[[Path], Path | None]
Read = Callable[[Path, str], dict[str, Any]]

READERS: Mapping[str, tuple[Find, Read]] = {
    **dict.fromkeys(VIESCORE_RUBRICS, (find_viescore, read_viescore)),
    "editscore": (find_editscore, read_editscore),
    "imgedit": (find_imgedit, read_imgedit),
    "kris": (find_kris, read_kris),
    "rise": (find_rise, read_rise),
}
"""Function that finds the file with the prompts, and the one that reads it, by rubric."""


def read_prompts(folder: Path, name: str | None = None) -> Rubric:
    """Return the rubric with the official prompts of a benchmark.

    Args:
        folder: the user's checkout of the benchmark.
        name: a key of `READERS`; None for the one whose file is in the folder.

    Raises:
        UserError: no such rubric, the folder has no such prompts, or they cannot be read.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; give --prompts the checkout of a benchmark")
    if name is not None and name not in READERS:
        raise UserError(f"no official prompts for the rubric '{name}'; choose from {', '.join(READERS)}")
    names = [name] if name else list(READERS)
    readers = ((each, path) for each in names if (path := READERS[each][0](folder)) is not None)
    chosen = next(readers, None)
    if chosen is None:
        label = f"the prompts of '{name}'" if name else "known prompts"
        raise UserError(f"{folder}: has no file with {label}; give a checkout as docs/rubrics.md lists them")
    name, path = chosen
    return to_rubric(READERS[name][1](path, name), name, path)


def choose_rubric(name: str | None, prompts: Path | None, passes: int | None) -> Rubric:
    """Return the rubric of the command line.

    Args:
        name: a rubric's name or the path of a YAML file; None for `edit`, or for the benchmark of `prompts`.
        prompts: checkout of a benchmark with the rubric's official texts.
        passes: number of times to ask each question; None for the rubric's own.

    Raises:
        UserError: no such rubric, or no rubric in the file or folder.
    """
    rubric = read_prompts(prompts, name) if prompts else load_rubric(name or "edit")
    return rubric if passes is None else rubric.replace_passes(passes)
