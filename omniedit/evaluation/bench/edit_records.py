"""Edits of one editor on disk: `edits/{item_id}.png`, and `edits.jsonl` with a record of each attempt.

Each shard of an editor writes its own records, `edits.{shard}-of-{shards}.jsonl`; readers take them together.
"""

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path, PurePosixPath
from typing import Any

from omniedit.errors import DamagedFile, UserError
from omniedit.imaging.images import Image, decode_image, encode_png
from omniedit.storage.atomic import replace_file
from omniedit.storage.json_lines import append_json, read_json_lines
from omniedit.storage.locks import hold_lock

EDITED = "edited"
MAX_PART_LENGTH, MAX_PATH_LENGTH = 200, 1000
"""Length limits in bytes of one part of an item's path, and of the whole path; file systems allow 255 and 4,096."""


@dataclass(frozen=True)
class SetShare:
    """Share of a set: number `index` of `count`, from 1."""

    index: int = 1
    count: int = 1


@dataclass(frozen=True)
class EditRecord:
    """Record of one attempt to edit an item.

    Args:
        status: edited, failure or refusal.
        request: digest of all inputs that decide the output; a record with another digest is out of date.
        editor: the editor's version.
        native, output: width and height of the image that the editor got, and of its output.
        size: width and height of the source and of the stored image.
        restore: policy by which the output was resized to the source's size.
        sha256: digest of the stored image's file.
        source_sha256: digest of the image that was edited, as a file.
        written: time of the record in seconds since 1970.
    """

    item_id: str
    status: str
    request: str
    editor: str
    seed: int
    reason: str = ""
    native: tuple[int, int] | None = None
    output: tuple[int, int] | None = None
    size: tuple[int, int] | None = None
    restore: str = ""
    sha256: str = ""
    source_sha256: str = ""
    written: float = 0.0


_NAMES = {field.name for field in fields(EditRecord)}


def hold_edits(folder: Path, shard: SetShare) -> None:
    """Prevent other processes from editing the items of a shard in an editor's folder until this process ends.

    Raises:
        UserError: another process edits them; the message names it.
    """
    hold_lock(folder / f"{_journal_stem(shard)}.lock", "another process edits these items; each needs its own --shard")


def hold_scores(folder: Path, judge: str) -> None:
    """Prevent other processes from judging the edits in an editor's folder by the same judge until this process ends.

    Raises:
        UserError: another process judges them; the message names it.
    """
    hold_lock(folder / "scores" / f"{judge}.lock", f"another process judges these edits by {judge}")


def _journal_stem(shard: SetShare) -> str:
    return "edits" if shard.count == 1 else f"edits.{shard.index}-of-{shard.count}"


class EditFolder:
    """Edits of one editor, with their records by item; the last record of an item counts."""

    def __init__(self, folder: Path, shard: SetShare = SetShare()) -> None:
        self.folder, self._images = folder, folder / "edits"
        self._journal = folder / f"{_journal_stem(shard)}.jsonl"
        self.records: dict[str, EditRecord] = {}
        lines = [values for file in sorted(folder.glob("edits*.jsonl")) for values in read_json_lines(file)]
        for values in sorted(lines, key=lambda values: values.get("written", 0.0)):
            self._remember(values)

    def image_path(self, item_id: str) -> Path:
        return self._images / f"{check_id(item_id)}.png"

    def is_done(self, item_id: str, request: str) -> bool:
        """Return whether an item needs no further attempt: it was edited or refused, and nothing has changed since."""
        record = self.records.get(item_id)
        if record is None or record.request != request or record.status == "failure":
            return False
        return record.status != EDITED or self.image_path(item_id).is_file()

    def write(self, record: EditRecord, image: Image | None) -> EditRecord:
        """Store an image, if there is one, then its record with the image's digest."""
        values = asdict(record) | {"written": time.time()}
        if image is not None:
            encoded = encode_png(image)
            values["sha256"] = hashlib.sha256(encoded).hexdigest()
            with replace_file(self.image_path(record.item_id)) as temporary:
                temporary.write_bytes(encoded)
        append_json(self._journal, values)
        return self._remember(values)

    def read_bytes(self, item_id: str) -> bytes:
        """Return the file of an edited item.

        Raises:
            DamagedFile: the file is missing or differs from its record.
        """
        path = self.image_path(item_id)
        content = path.read_bytes() if path.is_file() else b""
        if hashlib.sha256(content).hexdigest() != self.records[item_id].sha256:
            raise DamagedFile(path, "it differs from its record; delete it and run the bench again")
        return content

    def read(self, item_id: str) -> Image:
        """Return the image of an edited item; errors are those of `read_bytes`."""
        return decode_image(self.read_bytes(item_id), str(self.image_path(item_id)))

    def _remember(self, values: Mapping[str, Any]) -> EditRecord:
        known: dict[str, Any] = {
            name: tuple(v) if isinstance(v, list) else v for name, v in values.items() if name in _NAMES
        }
        record = EditRecord(**known)
        self.records[record.item_id] = record
        return record


def describe_missing(records: Mapping[str, EditRecord], items: Sequence[str]) -> str:
    """Describe how many items have no edit, with the first failure and refusal; '' if all have an edit."""
    missing = [item for item in items if item not in records or records[item].status != EDITED]
    if not missing:
        return ""
    first: dict[str, str] = {}
    for item in missing:
        record = records.get(item)
        status, reason = (record.status, f": {record.reason[:300]}") if record else ("not run", "")
        first.setdefault(status, f"the first {status}, {item[:100]}{reason}")
    return f"{len(missing)} of {len(items)} items without an edit; {'; '.join(first.values())}"


def check_id(item_id: str) -> str:
    """Return an item's id if it can be a path below a folder.

    Raises:
        UserError: it is absolute, leads out of the folder, is too long or has characters that cannot be printed.
    """
    path = PurePosixPath(item_id)
    lengths = [len(part.encode("utf-8", "replace")) for part in path.parts]
    is_short = lengths and max(lengths) <= MAX_PART_LENGTH and sum(lengths) <= MAX_PATH_LENGTH
    if not is_short or path.is_absolute() or ".." in path.parts or not item_id.isprintable():
        raise UserError(f"the item id {item_id[:100]!a} cannot be a path below a folder; give the item another one")
    return item_id
