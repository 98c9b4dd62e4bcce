"""Identity of the files that a job read: names and content. Size and time serve only to avoid reading files again.

The job that reads photos or an archive writes a record next to its index. Snakemake's main process compares the record
with the current files and gives the job a key as a parameter. The job runs again when the key changes.
"""

import hashlib
import json
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from omniedit.config.schema import SourcesConfig
from omniedit.redaction import redact
from omniedit.sources.listing import list_files
from omniedit.storage.archives import is_remote, list_archives
from omniedit.storage.atomic import write_text
from omniedit.storage.manifest import digest_file

Entry = tuple[int, int, str]
"""Size, modification time in ns and SHA-256 of a file; 0, 0 and the reason if it cannot be read."""


MESSAGE_BYTES = 1_000_000_000
"""Total size, in bytes, of the files to compare above which `identify` prints a message."""


@dataclass(frozen=True)
class Record:
    """Record of the files that a job read.

    Args:
        key: the job's parameter, as Snakemake recorded it.
        entries: by file name.
    """

    key: str
    entries: Mapping[str, Entry]

    def write(self, file: Path) -> None:
        """Write the record to `file`, where the next run reads it."""
        write_text(file, json.dumps({"key": self.key, "files": self.entries}))


@dataclass(frozen=True)
class Identity:
    """Current state of files, compared with the record of the job that read them.

    Args:
        key: differs from the recorded key if the content differs.
        newer: the record with the current times, if only times have changed.
    """

    file: Path
    key: str
    newer: Record | None

    def refresh(self) -> None:
        """Record the current times, so that the content is not compared again."""
        if self.newer:
            self.newer.write(self.file)


def identify_sources(sources: SourcesConfig, results: Path) -> list[Identity]:
    """Identify the folder, or each of the archives, that a run reads. The sample needs no identity.

    A URL is not opened, but identified by its text without secrets.

    Args:
        results: the run's folder.
    """
    if sources.path is None or not sources.are_photos:
        return []
    if not sources.are_archives:
        root, index = Path(sources.path), results / "sources/index.parquet"
        listing = list_files(root)
        return [identify({file: root / file for file in listing.files}, listing.unread, record_file(index))]
    archives = list_archives(sources.path, sources.kind, sources.shards)

    def identify_archive(shard: int) -> Identity:
        file = record_file(results / f"sources/index/{shard:05d}.parquet")
        if is_remote(archives[shard]):
            return Identity(file, redact(archives[shard]), None)
        return identify({Path(archives[shard]).name: Path(archives[shard])}, {}, file)

    with ThreadPoolExecutor() as pool:
        return list(pool.map(identify_archive, range(sources.shards)))


def record_file(index: Path) -> Path:
    """Return the path of the record that belongs to an index."""
    return index.with_suffix(".read.json")


def read_content(files: Mapping[str, Path], unread: Mapping[str, str], file: Path) -> Record:
    """Return the record of the files that a job is about to read; it keeps the key of `file` if the content is equal.

    Args:
        files: path of each file, by the name that the job uses.
        unread: names of unreadable entries -> reason.
        file: the record of an earlier job.
    """
    now, before = _look(files, unread), _read(file)
    with ThreadPoolExecutor() as pool:
        contents = pool.map(lambda name: now[name][2] or digest_or_reason(files[name]), now)
        entries = {name: (*now[name][:2], content) for name, content in zip(now, contents, strict=True)}
    if before and _contents(before.entries) == _contents(entries):
        return Record(before.key, entries)
    return Record(_key(now), entries)


def identify(files: Mapping[str, Path], unread: Mapping[str, str], file: Path) -> Identity:
    """Compare files with the record `file` of the job that read them.

    A file is read only if its time has changed but its size has not.
    """
    now, before = _look(files, unread), _read(file)
    if before is None or now.keys() != before.entries.keys():
        return Identity(file, _key(now), None)
    newer = {name: entry for name, entry in now.items() if entry[:2] != before.entries[name][:2]}
    if (size := sum(size for size, _, _ in newer.values())) > MESSAGE_BYTES:
        print(f"checking {size / 1e9:.0f} GB of sources that have a new modification time", file=sys.stderr)
    with ThreadPoolExecutor() as pool:
        compare = pool.map if newer else map
        if not all(compare(lambda name: _is_same(files.get(name), now[name], before.entries[name]), now)):
            return Identity(file, _key(now), None)
    entries = {name: (*entry[:2], before.entries[name][2]) for name, entry in now.items()}
    return Identity(file, before.key, Record(before.key, entries) if newer else None)


def digest_or_reason(path: Path) -> str:
    """Return the SHA-256 of a file, or the reason why the file cannot be read."""
    try:
        return digest_file(path)
    except OSError as error:
        return str(error.strerror)


def _look(files: Mapping[str, Path], unread: Mapping[str, str]) -> dict[str, Entry]:
    """Return the entries of the current files, without digests."""
    entries: dict[str, Entry] = {name: (0, 0, why) for name, why in unread.items()}
    for name, path in files.items():
        try:
            status = path.stat()
        except OSError as error:
            entries[name] = (0, 0, str(error.strerror))
        else:
            entries[name] = (status.st_size, status.st_mtime_ns, "")
    return entries


def _is_same(path: Path | None, now: Entry, before: Entry) -> bool:
    if path is None or now[2]:
        return now == before
    return now[:2] == before[:2] or (now[0] == before[0] and digest_or_reason(path) == before[2])


def _contents(entries: Mapping[str, Entry]) -> dict[str, tuple[int, str]]:
    return {name: (size, content) for name, (size, _, content) in entries.items()}


def _key(entries: Mapping[str, Entry]) -> str:
    """Return a new key, without reading any file."""
    return hashlib.sha256(json.dumps(sorted(entries.items())).encode()).hexdigest()


def _read(file: Path) -> Record | None:
    """Return the record, or None if it is missing or damaged."""
    try:
        stored = json.loads(file.read_bytes())
        entries = {name: (int(size), int(time), str(digest)) for name, (size, time, digest) in stored["files"].items()}
        return Record(str(stored["key"]), entries)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
