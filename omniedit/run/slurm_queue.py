"""Slurm jobs of the workflow in a folder, and cancellation of jobs that a killed run left behind."""

import contextlib
import os
import pwd
import re
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from omniedit.errors import UserError

RUN_JOB_NAME = re.compile(r"(\w+_)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""Job name by Snakemake's plugin. It identifies the run; the rule is in the job's comment."""
JOB_COMMENT = re.compile(r"(?:rule|group)_(?P<rule>\w+?)(?:_wildcards_(?P<wildcards>.*))?")
FINAL_STATES = {
    *("BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL"),
    *("OUT_OF_MEMORY", "PREEMPTED", "REVOKED", "TIMEOUT"),
}
PATIENCE_S = 600.0
"""Seconds to wait for cancelled jobs. Slurm's KillWait is 30 s by default, and a node may report the end late."""


@dataclass(frozen=True)
class QueuedJob:
    """Slurm job that has not ended.

    Args:
        wildcards: values of the wildcards, joined by '_' as the plugin does.
        user: id of the job's owner.
    """

    id: str
    state: str
    rule: str
    wildcards: str
    user: int


def submitters(*folders: Path) -> set[int]:
    """Return the ids of this user and of the users whose Snakemake worked in these folders.

    These users own Snakemake's notes there. Unreadable notes are skipped.
    """
    users = {os.getuid()}
    for folder in folders:
        notes = folder / ".snakemake"
        for parent, _, names in os.walk(notes / "incomplete"):
            for path in (notes, Path(parent), *(Path(parent, name) for name in names)):
                with contextlib.suppress(OSError):
                    users.add(path.lstat().st_uid)
    return users


def list_queued_jobs(*folders: Path) -> list[QueuedJob]:
    """Return the jobs of any user that Snakemake submitted in these folders and that have not ended.

    The list is empty without squeue. A cluster may hide other users' jobs (PrivateData in slurm.conf).

    Raises:
        UserError: squeue does not answer.
    """
    if not shutil.which("squeue"):
        return []
    resolved = {folder.resolve() for folder in folders}
    jobs = []
    fields = ["%i", "%T", "%j", "%k", "%Z", "%U"]
    # All users may have a hundred thousand jobs, and squeue rejects unknown users.
    others = sorted(user for user in submitters(*folders) - {os.getuid()} if _user_name(user))
    users = f"--user={','.join(map(str, [os.getuid(), *others]))}" if others else "--me"
    for number, state, name, comment, workdir, user in ask("squeue", [users, "--noheader", "--states=all"], fields):
        match = JOB_COMMENT.fullmatch(comment)
        if match and state not in FINAL_STATES and RUN_JOB_NAME.fullmatch(name) and Path(workdir).resolve() in resolved:
            jobs.append(QueuedJob(number, state, match["rule"], match["wildcards"] or "", int(user)))
    return jobs


def ask(program: str, options: Sequence[str], fields: Sequence[str], patience_s: float = 60.0) -> list[list[str]]:
    """Return the fields of each record that squeue or sacct prints.

    Names, comments and command lines come from users and can hold any text, including line breaks. Therefore each field
    ends with a random mark that is new in each call.

    Args:
        fields: squeue's conversions, such as '%i', or sacct's columns.

    Raises:
        UserError: the program does not answer.
    """
    mark = secrets.token_hex(16)
    if program == "squeue":
        layout = [f"--format={''.join(field + mark for field in fields)}"]
    else:
        layout = ["--parsable", f"--delimiter={mark}", f"--format={','.join(fields)}"]
    try:
        done = subprocess.run([program, *options, *layout], capture_output=True, timeout=patience_s)
    except subprocess.TimeoutExpired:
        raise UserError(f"{program}: no answer in {patience_s:.0f} s") from None
    except OSError as error:
        raise UserError(f"{program}: cannot be run: {error.strerror}") from None
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines() or [f"exit status {done.returncode}"]
        raise UserError(f"{program}: {lines[-1].removeprefix(f'{program}: ')}")
    *values, _ = done.stdout.decode(errors="surrogateescape").split(mark)
    if len(values) % len(fields):
        raise UserError(f"{program}: its answer is cut off")
    return [[values[i].lstrip("\n"), *values[i + 1 : i + len(fields)]] for i in range(0, len(values), len(fields))]


def _user_name(user: int) -> str:
    """Return a user's name, or '' for an unknown id."""
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return ""


def cancel_left_behind(*folders: Path) -> None:
    """Cancel the jobs that a killed run left in the queue, print a line for each, and wait until they end.

    The caller holds the folders' locks, so no run owns these jobs.

    Raises:
        UserError: the jobs are another user's or do not end, or squeue does not answer.
    """
    queued = list_queued_jobs(*folders)
    if not queued:
        return
    if foreign := [job for job in queued if os.getuid() not in (0, job.user)]:
        named = ", ".join(f"{job.id} ({job.state})" for job in foreign)
        owner = _user_name(foreign[0].user) or f"user {foreign[0].user}"
        remedy = f"wait for them, or ask their owner to cancel them: scancel {' '.join(job.id for job in foreign)}"
        raise UserError(f"Slurm jobs of a killed run still write to this folder: {named} of {owner}; {remedy}")
    for job in queued:
        label = " ".join(filter(None, [job.rule, job.wildcards]))
        print(f"Slurm job {job.id} ({label}, {job.state}): left behind by a killed run; cancelled", file=sys.stderr)
    answer = subprocess.run(["scancel", *(job.id for job in queued)], capture_output=True).stderr
    deadline = time.monotonic() + PATIENCE_S
    while queued := list_queued_jobs(*folders):
        if time.monotonic() > deadline:
            names = ", ".join(f"{job.id} ({job.state})" for job in queued)
            reason = f" ({answer.decode(errors='replace').strip()})" if answer else ""
            raise UserError(f"Slurm jobs of a killed run have not ended: {names}{reason}; start again when they have")
        time.sleep(1)
