"""List a folder of photos. Needs only the standard library, because the workflow lists the folder too."""

import os
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from operator import attrgetter
from pathlib import Path
from typing import Literal

from omniedit.errors import UserError
from omniedit.imaging.formats import NO_FILE, SUPPORTED


@dataclass
class Listing:
    """Files below a folder, except hidden files and files in hidden folders.

    Args:
        files: relative paths, sorted.
        unread: relative path -> reason why it is not among `files`. The path of a folder ends in '/'; the rest are
            pipes, sockets and devices.
    """

    files: list[str] = field(default_factory=list)
    unread: dict[str, str] = field(default_factory=dict)


def list_files(root: Path) -> Listing:
    """List all files below `root`. Links to folders are followed, but no folder is listed twice.

    Raises:
        UserError: the folder does not exist, cannot be read, or holds no files.
    """
    if not root.is_dir():
        raise UserError(f"sources.path '{root}' is not a folder; give a folder of {SUPPORTED} photos")
    listing = list_folder(root)
    if "/" in listing.unread:
        raise UserError(f"sources.path '{root}' {listing.unread['/']}")
    if not listing.files and not listing.unread:
        raise UserError(f"sources.path '{root}' has no files. Supported: {SUPPORTED}.")
    return listing


def list_folder(root: Path) -> Listing:
    """List all files below a folder, which may be empty. If it cannot be read, the reason is at '/' in `unread`."""
    listing = Listing()
    _list(root, "", listing, {})
    return Listing(sorted(listing.files), dict(sorted(listing.unread.items())))


def find_files(root: Path, pattern: str = "*") -> list[Path]:
    """Return the files below a folder whose names match a pattern, sorted, without hidden ones.

    Archives made on macOS have a hidden file next to each file, or in the folder `__MACOSX`.
    """
    listing = Listing()
    _list(root, "", listing, {})
    return sorted(root / name for name in listing.files if fnmatchcase(name.rpartition("/")[2], pattern))


def _list(folder: Path, prefix: str, listing: Listing, first_names: dict[tuple[int, int], str]) -> None:
    """Add the contents of `folder` to `listing`; `prefix` is its path relative to the root, with a final '/'."""
    try:
        status = folder.stat()
        with os.scandir(folder) as entries:
            inside = sorted((entry for entry in entries if not entry.name.startswith(".")), key=attrgetter("name"))
            kinds = {entry.name: _kind(entry) for entry in inside}
    except OSError as error:
        listing.unread[prefix or "/"] = f"folder cannot be read: {error.strerror}"
        return
    first = first_names.setdefault((status.st_dev, status.st_ino), prefix)
    if first != prefix:
        listing.unread[prefix] = f"the same folder as {first or 'sources.path itself'}"
        return
    listing.files += [prefix + name for name, kind in kinds.items() if kind == "file"]
    listing.unread |= {prefix + name: NO_FILE for name, kind in kinds.items() if kind == "other"}
    for name in (name for name, kind in kinds.items() if kind == "folder"):
        _list(folder / name, f"{prefix}{name}/", listing, first_names)


def _kind(entry: os.DirEntry[str]) -> Literal["folder", "file", "other"]:
    """Return the kind of an entry. A broken or circular link counts as a file, and its reader reports it."""
    try:
        if entry.is_dir():
            return "folder"
        return "file" if entry.is_file() or not Path(entry.path).exists() else "other"
    except OSError:
        return "file"
