"""Files of an imported data set, and the part of them that each shard reads."""

import glob
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import fsspec

from omniedit.errors import UserError, one_line
from omniedit.redaction import redact
from omniedit.sources.listing import list_folder
from omniedit.storage.archives import ARCHIVE_SUFFIXES, expand_range, find_zip, is_remote, parent_address, split_chain

SUFFIXES: dict[str, tuple[str, ...]] = {
    "parquet": ARCHIVE_SUFFIXES["parquet"],
    "tar": ARCHIVE_SUFFIXES["webdataset"],
    "jsonl": (".jsonl", ".ndjson", ".jsonl.gz"),
    "csv": (".csv", ".tsv"),
    "json": (".json",),
}
"""Suffixes of the files that hold rows, by container. In a folder, only files of the first container in this order are
read."""


@dataclass(frozen=True)
class DataFile:
    """File that holds rows.

    Args:
        address: path, or URL for fsspec.
        name: file name in places and messages: the path below the given folder, or only the name.
    """

    address: str
    name: str

    @property
    def container(self) -> str:
        """Kind of the file, by its suffix: a key of `SUFFIXES`."""
        path = split_chain(self.address)[1].partition("?")[0].lower()
        return next((kind for kind, suffixes in SUFFIXES.items() if path.endswith(suffixes)), "")

    @property
    def folder(self) -> str:
        """Folder or address that relative paths in the rows begin at."""
        return parent_address(self.address) if is_remote(self.address) else str(Path(self.address).parent)


@dataclass(frozen=True)
class Part:
    """Part of a file that a shard reads: every `count`-th piece, from `index` on."""

    file: DataFile
    index: int = 0
    count: int = 1


def list_inputs(path: str, preferred: str) -> list[DataFile]:
    """Return the files of a path, sorted. The path is a file, a folder (read recursively), a glob, a range or a URL.

    Args:
        preferred: container to search for first in a folder.

    Raises:
        UserError: the file does not exist, no file has a known suffix, or a folder has its rows in Arrow files.
    """
    if not path:
        raise UserError("the path is empty; give a file, a folder, a glob, a range such as {00000..00009}, or a URL")
    if any(character in path for character in "*?[") and not is_remote(path):
        paths = sorted(glob.glob(path, recursive=True))  # noqa: PTH207 (Path.glob takes no absolute pattern)
        files = [DataFile(each, Path(each).name) for each in paths if Path(each).is_file()]
    elif "*" in path:
        files = [DataFile(each, _name(each)) for each in _expand_remote(path)]
    elif not is_remote(path) and Path(path).is_dir():
        below = _list_below(Path(path))
        files = _choose(below, preferred)
        has_arrow = any(file.name.endswith(".arrow") for file in below)
        if has_arrow and all(file.container == "json" for file in files):  # of datasets.save_to_disk
            remedy = "write Parquet: datasets.load_from_disk(...)[split].to_parquet('pairs.parquet')"
            raise UserError(f"{path}: has its rows in Arrow files, which are not read; {remedy}")
    else:
        files = [DataFile(paths, _name(paths)) for paths in expand_range(path)]
    if not files:
        suffixes = ", ".join(suffix for paths in SUFFIXES.values() for suffix in paths)
        packed = None if is_remote(path) else find_zip(Path(path))
        remedy = f"; unpack {packed.name}" if packed else ""
        raise UserError(f"{redact(path)}: no file with rows; they end in {suffixes}{remedy}")
    if unknown := [file for file in files if not file.container]:
        remedy = "; unpack it, or give zip://FILE.jsonl::" + path if path.lower().endswith(".zip") else ""
        suffixes = ", ".join(first for first, *_ in SUFFIXES.values())
        raise UserError(f"{redact(unknown[0].address)}: has none of the suffixes {suffixes}{redact(remedy)}")
    return files


def find_file(path: str, name: str) -> str:
    """Return the path of a file below a folder, or the zip there that holds it; '' if there is none."""
    if is_remote(path):
        return ""
    root = Path(path)
    if root.name == name or (found := next(root.rglob(name), None)):
        return path if root.name == name else str(found)
    packed = find_zip(root)
    if packed is None or not zipfile.is_zipfile(packed):
        return ""
    with zipfile.ZipFile(packed) as archive:
        return str(packed) if any(Path(member).name == name for member in archive.namelist()) else ""


def deal(files: Sequence[DataFile], shard: int, shards: int) -> list[Part]:
    """Return the parts that a shard reads: whole files if there are at least as many as shards, else a part of one
    file.
    """
    if len(files) >= shards:
        return [Part(file) for file in files[shard::shards]]
    file_index = shard % len(files)
    return [Part(files[file_index], shard // len(files), len(range(file_index, shards, len(files))))]


def share_limit(limit: int | None, shard: int, shards: int) -> int | None:
    """Return a shard's share of a limit; None without a limit."""
    return None if limit is None else limit // shards + (shard < limit % shards)


def _list_below(root: Path) -> list[DataFile]:
    """Return all files below a folder.

    Raises:
        UserError: the folder cannot be read.
    """
    listing = list_folder(root)
    if "/" in listing.unread:
        raise UserError(f"{root}: {listing.unread['/']}")
    return [DataFile(str(root / file), file) for file in listing.files]


def _choose(files: Sequence[DataFile], preferred: str) -> list[DataFile]:
    """Return the files of the first container that has files."""
    for container in dict.fromkeys((preferred, *SUFFIXES)):
        if chosen := [file for file in files if file.container == container]:
            return chosen
    return []


def _expand_remote(path: str) -> list[str]:
    try:
        system, pattern = fsspec.core.url_to_fs(path)
        after = split_chain(path)[2]
        return sorted(f"{system.unstrip_protocol(file)}{after}" for file in system.glob(pattern))
    except Exception as error:  # each protocol raises its own errors
        raise UserError(f"{redact(path)}: cannot be listed: {redact(one_line(error))[:300]}") from None


def _name(address: str) -> str:
    return split_chain(redact(address))[1].partition("?")[0].rstrip("/").rpartition("/")[2]
