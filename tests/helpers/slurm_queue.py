"""Pretend Slurm queue: a file that stand-ins for squeue and scancel read and change."""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

RUN = "omniedit_0a1b2c3d-0123-4567-89ab-0123456789ab"
Record = dict[str, str]

PROGRAMS = {
    # A cancelled job is listed once more.
    "squeue": """
given = dict(option.split("=", 1) for option in sys.argv if "=" in option)
form, users = given["--format"], given.get("--user", str(os.getuid())).split(",")
for job in jobs:
    if job["U"] not in users:
        continue
    line = re.sub("%([A-Za-z])", lambda found: job[found[1]], form)
    sys.stdout.buffer.write(line.encode(errors="surrogateescape") + bytes([10]))
queue.write_text(json.dumps([job for job in jobs if job["T"] != "COMPLETING"]))
""",
    "scancel": """
with (queue.parent / "cancelled").open("a") as cancelled:
    print(*sys.argv[1:], file=cancelled)
queue.write_text(json.dumps([job | ({"T": "COMPLETING"} if job["i"] in sys.argv else {}) for job in jobs]))
""",
}
"""Code of each program. `jobs` is a list of records by squeue's format letters, `queue` the file that holds them."""


def record(
    number: int, comment: str, workdir: Path, state: str = "RUNNING", name: str = RUN, user: int | None = None
) -> Record:
    """Return a job as values by the format letters of `squeue --format`; its owner is this user by default."""
    owner = os.getuid() if user is None else user
    return {"i": f"{number}", "T": state, "j": name, "k": comment, "Z": f"{workdir}", "U": f"{owner}"}


def pretend_queue(folder: Path, records: Sequence[Record]) -> dict[str, str]:
    """Write the pretend commands to a folder and return the PATH variable that puts them first.

    The arguments of scancel are appended to `cancelled` in the folder.
    """
    (folder / "bin").mkdir(parents=True)
    (folder / "queue").write_text(json.dumps(list(records)))
    for name, code in PROGRAMS.items():
        head = (
            f"#!{sys.executable} -S\nimport json, os, pathlib, re, sys\nqueue = pathlib.Path({f'{folder}/queue'!r})\n"
        )
        (folder / "bin" / name).write_text(f"{head}jobs = json.loads(queue.read_text())\n{code}")
        (folder / "bin" / name).chmod(0o755)
    return {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}"}
