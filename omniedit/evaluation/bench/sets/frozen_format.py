"""Format of a frozen set: a folder whose files all have a checksum.

images/             photos, unchanged
bench.jsonl         one item per line
set.json            name and version of the set, number of its items
checksums.sha256    SHA-256 of the other files, for `sha256sum --check`
"""

import re
from collections.abc import Callable
from pathlib import Path

from omniedit.errors import UserError
from omniedit.exchange.image_files import BadImage, check_path
from omniedit.storage.manifest import checksum as digest_file

ITEMS_FILE, SET_JSON, CHECKSUMS, IMAGES = "bench.jsonl", "set.json", "checksums.sha256", "images"
FORMAT = 1
Locate = Callable[[str], Path]
"""Function that returns the file of a path in the set."""
_LINE = re.compile(r"([0-9a-f]{64}) [ *](\S.*)")


def read_checksums(file: Path) -> dict[str, str]:
    """Return SHA-256 by path, in the order of the file.

    Raises:
        UserError: the file is missing, or a line is not the checksum of a file in the folder.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise UserError(f"{file}: cannot be read; give the folder of a set from omniedit bench-set build") from None
    checksums = {}
    for number, line in enumerate(lines, 1):
        match = _LINE.fullmatch(line)
        try:
            checksums[check_path(match.group(2)) if match else ""] = match.group(1) if match else ""
        except BadImage as error:
            raise UserError(f"{file}: line {number}: {error}") from None
        if not match:
            raise UserError(f"{file}: line {number}: not a checksum of sha256sum")
    return checksums


def verify(folder: Path, locate: Locate) -> dict[str, str]:
    """Check that no file of a frozen set has changed, and return their checksums by path.

    Raises:
        UserError: a file is missing, has changed, or is not in the list; the message names it.
    """
    checksums = read_checksums(folder / CHECKSUMS)
    for path, checksum in checksums.items():
        file = locate(path)
        if not file.is_file():
            raise UserError(f"{folder}: {path} is missing; copy the frozen set again")
        if digest_file(file)["sha256"] != checksum:
            raise UserError(
                f"{folder}: {path} has changed since the set was frozen; copy it again, or build a new version"
            )
    if added := sorted(list_files(folder) - checksums.keys()):
        raise UserError(f"{folder}: {added[0]} is not in {CHECKSUMS}; remove it, or build a new version of the set")
    return checksums


def list_files(folder: Path) -> set[str]:
    """Return the paths of all files in a set's folder, except the checksums."""
    files = (file for file in folder.rglob("*") if file.is_file())
    return {file.relative_to(folder).as_posix() for file in files} - {CHECKSUMS}


def write_checksums(folder: Path) -> None:
    """Write the checksums of all files in a folder."""
    checksums = {path: digest_file(folder / path)["sha256"] for path in list_files(folder)}
    lines = [f"{digest}  {path}\n" for path, digest in sorted(checksums.items())]
    (folder / CHECKSUMS).write_text("".join(lines), encoding="utf-8")
