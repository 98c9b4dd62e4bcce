"""Detect directory entries that are not files: pipes, sockets, devices."""

import stat
from pathlib import Path

SPECIAL_FILES = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
"""Kinds of directory entries that are not files. Reading one may block forever or never end."""


def special_kind(path: Path) -> str | None:
    """Return the kind of a pipe, socket or device that a path leads to; None for files, folders and broken links."""
    try:
        return SPECIAL_FILES.get(stat.S_IFMT(path.stat().st_mode))
    except OSError:
        return None
