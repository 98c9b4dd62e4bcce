"""A queue that squeue and scancel of a folder tell of and empty, in place of Slurm's."""

import os
from collections.abc import Sequence
from pathlib import Path

RUN = "omniedit_0a1b2c3d-0123-4567-89ab-0123456789ab"


def line(number: int, comment: str, workdir: Path, state: str = "RUNNING", name: str = RUN) -> str:
    """A job as squeue prints it."""
    return f"{number}|{state}|{name}|{comment}|{workdir}"


def pretend_queue(folder: Path, lines: Sequence[str]) -> dict[str, str]:
    """What of the environment puts the folder's commands first; `cancelled` there is what scancel was given."""
    (folder / "bin").mkdir(parents=True)
    (folder / "queue").write_text("".join(f"{line}\n" for line in lines))
    commands = {
        "squeue": f"cat {folder}/queue",
        # A job is seen for a while after it was told to end.
        "scancel": f"""echo "$@" >> {folder}/cancelled
for job in "$@"; do sed -i "s/^$job|[A-Z]*/$job|COMPLETING/" {folder}/queue; done
(sleep 0.5; sed -i "/|COMPLETING|/d" {folder}/queue) > /dev/null 2>&1 &""",
    }
    for name, code in commands.items():
        (folder / "bin" / name).write_text(f"#!/bin/sh\n{code}\n")
        (folder / "bin" / name).chmod(0o755)
    return {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}"}
