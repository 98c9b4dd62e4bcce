"""Files of JSON lines to which jobs append; a line that a killed job left unfinished does not damage others."""

import fcntl
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from omniedit.errors import UserError


def append_json(path: Path, values: Mapping[str, Any]) -> None:
    """Append an object as one line. The line stays whole if other programs append at the same time.

    Raises:
        UserError: the file cannot be written.
    """
    append_line(path, json.dumps(values, ensure_ascii=True).encode() + b"\n")


def append_line(path: Path, line: bytes) -> None:
    """Append a line, which ends in a line break, as `append_json` does."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            _append(descriptor, line)
        finally:
            os.close(descriptor)  # which also ends the lock
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror}") from None


def read_json_lines(path: Path) -> list[dict[str, Any]]:
    """Return the objects of a file in order, [] without a file. Lines that are not objects are skipped."""
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return []
    rows = []
    for line in lines:
        with suppress(ValueError, RecursionError):
            rows.append(json.loads(line))
    return [values for values in rows if isinstance(values, dict)]


def _append(descriptor: int, line: bytes) -> None:
    """Append a line under a lock, after the end of a line that a killed program left unfinished."""
    with suppress(OSError):  # a file system without locks; appending alone is atomic on local ones
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    size = os.fstat(descriptor).st_size
    if size and os.pread(descriptor, 1, size - 1) != b"\n":
        line = b"\n" + line
    while line:
        line = line[os.write(descriptor, line) :]
    os.fsync(descriptor)
