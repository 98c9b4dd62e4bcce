"""Cache replies on disk by the digest of the whole request, so that no request is paid for twice."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

from omniedit.storage.atomic import write_text
from omniedit.vlm.messages import ERROR, Reply, Usage


class Cache:
    """Folder of replies, one per file, that any number of jobs on any machines may share.

    Files are written atomically, and jobs that write the same file write nearly the same content. A damaged file counts
    as absent, and so does an error that an earlier release stored as a reply.
    """

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder)

    def get(self, digest: str) -> Reply | None:
        try:
            check, _, text = self._file(digest).read_text(encoding="utf-8").partition("\n")
        except (FileNotFoundError, UnicodeDecodeError):
            return None
        if check != _check(digest, text):
            return None
        fields = json.loads(text)
        usage = fields.pop("usage")
        if fields["finish_reason"] == ERROR:
            return None
        return Reply(**fields, usage=Usage(**usage) if usage else None)

    def put(self, digest: str, reply: Reply) -> None:
        text = json.dumps(asdict(reply))
        write_text(self._file(digest), f"{_check(digest, text)}\n{text}")

    def _file(self, digest: str) -> Path:
        return self._folder / digest[:2] / f"{digest[2:]}.json"


def _check(digest: str, text: str) -> str:
    """Return a checksum of reply and request, so that a renamed file is not taken for another request's reply."""
    return hashlib.sha256(f"{digest}\n{text}".encode()).hexdigest()
