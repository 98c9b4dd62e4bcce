"""Columns of a shard file: how a pair becomes a row, and the reverse.

    pair_id, task                the pair's own task; a shard of an imported data set mixes tasks
    instruction, phrasings       the main instruction; JSON list of it and its paraphrases
    source, edited, mask         image files as bytes; the mask of a global edit is empty
    provenance                   JSON, by `omniedit.pairs.provenance`
    captions                     JSON: source and edited, each a text or null
    session, turn                multi-turn editing; empty for a single edit
    imported_scores              JSON
    reference_roles, references  JSON list of [role, size in bytes], or [role, size, caption] where the reference has a
                                 caption; the image files one after the other
    sha256                       JSON: checksum of each of the row's other columns

Format 2 has neither `task` nor the columns from `captions` to `references`.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import h5py
import numpy as np

from omniedit.pairs.pair import Captions, EncodedPair, Reference
from omniedit.pairs.provenance import to_json
from omniedit.plain_text import clean
from omniedit.redaction import redact_values

FORMAT = 3
OLDEST_FORMAT = 2
TEXT = h5py.string_dtype("utf-8")
_BYTES = h5py.vlen_dtype(np.uint8)
COLUMNS_2 = {
    "pair_id": TEXT,
    "instruction": TEXT,
    "source": _BYTES,
    "edited": _BYTES,
    "mask": _BYTES,
    "provenance": TEXT,
    "phrasings": TEXT,
}
COLUMNS_3 = {
    **COLUMNS_2,
    "task": TEXT,
    "captions": TEXT,
    "session": TEXT,
    "turn": TEXT,
    "imported_scores": TEXT,
    "reference_roles": TEXT,
    "references": _BYTES,
}
CHECKSUMS = "sha256"


def to_row(pair: EncodedPair) -> dict[str, str | bytes]:
    """Return a pair's values by column, with the checksums."""
    place = pair.pair_id
    row: dict[str, str | bytes] = {
        "pair_id": pair.pair_id,
        "instruction": clean(pair.instruction),
        "source": pair.source,
        "edited": pair.edited,
        "mask": pair.mask or b"",
        "provenance": to_json(redact_values(pair.provenance), f"{place}: provenance"),
        "phrasings": json.dumps([clean(instruction) for instruction in pair.instructions]),
        "task": str(pair.task),
        "captions": json.dumps({name: text and clean(text) for name, text in vars(pair.captions).items()}),
        "session": pair.session or "",
        "turn": "" if pair.turn is None else str(pair.turn),
        "imported_scores": to_json(pair.imported_scores, f"{place}: imported_scores"),
        "reference_roles": json.dumps([_describe_reference(reference) for reference in pair.references]),
        "references": b"".join(reference.image for reference in pair.references),
    }
    row[CHECKSUMS] = json.dumps({name: sha256(value) for name, value in row.items()}, sort_keys=True)
    return row


def _describe_reference(reference: Reference[bytes]) -> list[str | int]:
    described: list[str | int] = [reference.role, len(reference.image)]
    return described if reference.caption is None else [*described, clean(reference.caption)]


def parse_instructions(value: bytes) -> tuple[str, ...]:
    return tuple(json.loads(value))


def parse_captions(value: bytes) -> Captions:
    return Captions(**json.loads(value)) if value else Captions()


def parse_scores(value: bytes) -> dict[str, Any]:
    return json.loads(value) if value else {}


def parse_turn(value: bytes) -> int | None:
    return int(value) if value else None


def parse_references(roles: bytes, files: Callable[[], bytes]) -> tuple[Reference[bytes], ...]:
    """Return the references of a row; `files` reads the image files and is called only if there are any."""
    listed = json.loads(roles) if roles else []
    return tuple(_split(listed, files())) if listed else ()


def _split(listed: Sequence[Sequence[Any]], files: bytes) -> Iterator[Reference[bytes]]:
    start = 0
    for role, size, *caption in listed:
        yield Reference(role, files[start : start + size], *caption)
        start += size


def sha256(value: str | bytes) -> str:
    return hashlib.sha256(value.encode() if isinstance(value, str) else value).hexdigest()
