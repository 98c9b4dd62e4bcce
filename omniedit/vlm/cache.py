"""Replies on disk by the digest of the whole request: what was asked before is neither waited nor paid for again."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

from omniedit.storage.atomic import replace_file
from omniedit.vlm.endpoint import ERROR, Reply, Usage


class Cache:
    """A folder of replies, a file each, that any number of jobs on any machines may share.

    A file is whole or absent, and jobs that write the same one write much the same. One that is not as it was written
    counts as absent, as does an error that an earlier release took for a reply.
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
        with replace_file(self._file(digest)) as temporary:
            temporary.write_text(f"{_check(digest, text)}\n{text}", encoding="utf-8")

    def _file(self, digest: str) -> Path:
        return self._folder / digest[:2] / f"{digest[2:]}.json"


def _check(digest: str, text: str) -> str:
    """Of the request too: a file under another's name is not taken for its reply."""
    return hashlib.sha256(f"{digest}\n{text}".encode()).hexdigest()
