"""Archives that `sources.path` of the config names: local files, or URLs that fsspec opens."""

import re
from pathlib import Path

from omniedit.errors import UserError
from omniedit.redaction import redact

ARCHIVE_SUFFIXES = {
    "webdataset": (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tbz", ".tar.xz", ".txz"),
    "parquet": (".parquet", ".parq", ".pq"),
}
"""Suffixes of the archives that are read from a folder, by `sources.kind`."""

_READABLE = tuple(suffix for suffixes in ARCHIVE_SUFFIXES.values() for suffix in suffixes)

_UNSUPPORTED = (".tar.zst", ".tzst", ".tar.lz4", ".tar.lz", ".tar.lzma", ".tlz", ".tar.br", ".tar.z", ".zip", ".7z")
"""Suffixes of archives that cannot be read; such an archive must not be ignored silently."""

_RANGE = re.compile(r"([^{}]*)\{(\d+)\.\.(\d+)\}([^{}]*)")


def is_remote(archive: str) -> bool:
    """Return whether an archive is a URL for fsspec, not a path."""
    return "://" in archive


def split_chain(address: str) -> tuple[str, str, str]:
    """Split an address of fsspec into the part before the file's own, the file's own part, and the rest of the chain.

    zip://a/x.jsonl::s3://b/y.zip names a file in a zip: its own part is zip://a/x.jsonl.
    """
    parts = address.split("::")
    own = next((place for place, part in enumerate(parts) if is_remote(part)), len(parts) - 1)
    before, after = parts[:own], parts[own + 1 :]
    return "".join(f"{part}::" for part in before), parts[own], "".join(f"::{part}" for part in after)


def parent_address(address: str) -> str:
    """Return the address of the folder that holds a file."""
    before, own, after = split_chain(address)
    protocol, _, path = own.partition("://")
    return f"{before}{protocol}://{path.rpartition('/')[0]}{after}"


def join_address(folder: str, relative: str) -> str:
    """Return the address of a file below a folder's address."""
    before, own, after = split_chain(folder)
    return f"{before}{own if own.endswith('://') else own.rstrip('/') + '/'}{relative}{after}"


def list_archives(path: str, kind: str, shards: int) -> list[str]:
    """Return the first `shards` archives of `path`: one archive, a range of numbers in braces, or a local folder.

    The numbers of a range have as many digits as its first number: 'laion/{00000..01230}.tar'. A folder's archives are
    sorted by name; hidden files and subfolders are skipped.

    Raises:
        UserError: too few archives or none, or no range in the braces.
    """
    if not path:
        raise UserError("is empty; give an archive, a range such as photos/{00000..00099}.tar, or a folder")
    in_folder = not is_remote(path) and Path(path).is_dir()
    archives = _in_folder(Path(path), kind) if in_folder else expand_range(path, shards)
    if len(archives) < shards:
        counted = "1 archive" if len(archives) == 1 else f"{len(archives)} archives"
        raise UserError(f"'{path}' names {counted}, fewer than sources.shards {shards}; each archive is one shard")
    return archives[:shards]


def _in_folder(folder: Path, kind: str) -> list[str]:
    suffixes = ARCHIVE_SUFFIXES[kind]
    try:
        names = sorted(path.name for path in folder.iterdir())
    except OSError as error:
        raise UserError(f"'{folder}' cannot be read: {error.strerror}") from None
    names = [name for name in names if not name.startswith(".")]
    archives = [str(folder / name) for name in names if name.lower().endswith(suffixes)]
    if kind == "webdataset" and (others := [name for name in names if name.lower().endswith(_UNSUPPORTED)]):
        problem = f"'{folder / others[0]}' has an unsupported format ({len(others)} in all)"
        raise UserError(f"{problem}; convert it to one of {', '.join(suffixes)}, or move it away")
    if not archives:
        raise UserError(f"'{folder}' has no archive whose name ends in {' or '.join(suffixes)}")
    return archives


def expand_range(path: str, limit: int | None = None) -> list[str]:
    """Return the first `limit` files that a path with a range of numbers in braces names; a path without a range is one
    file.

    Raises:
        UserError: the file does not exist, or the braces do not hold a range.
    """
    if not is_remote(path) and Path(path).exists():
        return [path]
    if "{" not in path and "}" not in path:
        if is_remote(path):
            return [path]
        raise UserError(
            f"'{path}' is not a file or folder; give an archive, a range such as {{00000..00099}}, or a URL"
        )
    match = _RANGE.fullmatch(path)
    if match is None:
        raise UserError(f"'{path}' needs one range of whole numbers in braces, such as {{00000..00099}}")
    before, first, last, after = match.groups()
    if int(last) < int(first):
        raise UserError(f"'{path}' counts down; give the smaller number first")
    numbers = range(int(first), int(last) + 1)[:limit]
    archives = [f"{before}{number:0{len(first)}d}{after}" for number in numbers]
    if is_remote(path) and len(set(map(redact, archives[:2]))) < len(archives[:2]):
        raise UserError(f"'{path}' has its range inside a secret, which is hidden from jobs; move the range")
    return archives


def archive_name(archive: str) -> str:
    """Return an archive's name for messages: its file name, for a URL without secrets and signature."""
    if not is_remote(archive):
        return Path(archive).name
    redacted = redact(archive)
    address, _, query = redacted.partition("?")
    last = address.rstrip("/").rpartition("/")[2]
    return last if not query or last.lower().endswith(_READABLE) else f"{last}?{query}".rpartition("/")[2]


def find_zip(path: Path) -> Path | None:
    """Return a path that is a zip, or the first zip in a folder; None if there is none."""
    return path if path.suffix.lower() == ".zip" else min(path.glob("*.zip"), default=None)
