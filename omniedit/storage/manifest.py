"""Folders with a manifest, which is written last and lists the size and checksum of every file."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from omniedit.storage.atomic import replace_file

MANIFEST = "manifest.json"


@contextmanager
def seal_folder(path: str | Path) -> Iterator[Path]:
    """Yield a temporary folder next to `path`; after the block, write its manifest and rename it to `path`."""
    with replace_file(path) as temporary:
        temporary.mkdir()
        yield temporary
        write_manifest(temporary / MANIFEST, {"files": checksums(temporary, files_below(temporary))})


def files_below(root: Path) -> list[str]:
    """Return the relative paths of all files in a folder, sorted."""
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


def checksums(root: Path, files: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return the size in bytes and the sha256 of each file, by relative path."""
    return {file: checksum(root / file) for file in files}


def checksum(path: Path) -> dict[str, Any]:
    return {"bytes": path.stat().st_size, "sha256": digest_file(path)}


def digest_file(path: Path) -> str:
    """Return the SHA-256 of a file as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_manifest(path: Path, manifest: dict[str, Any]) -> None:
    path.write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n")


def missing_files(folder: Path) -> list[str]:
    """Return the files in a folder's manifest that are missing or of a different size.

    The list is empty without a manifest, and holds the manifest itself if it cannot be read.
    """
    try:
        files = json.loads((folder / MANIFEST).read_text())["files"]
        sizes = {file: known["bytes"] for file, known in files.items()}
    except FileNotFoundError:
        return []
    except (ValueError, KeyError, TypeError, AttributeError):
        return [MANIFEST]
    paths = {file: folder / file for file in sizes}
    return [file for file, path in paths.items() if not path.is_file() or path.stat().st_size != sizes[file]]
