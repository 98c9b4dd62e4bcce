"""Reference images of a bucket's pairs, stored as image files next to the arrays of pixels.

    {ratio}.zarr/references/c/{i}   Zarr shard i of an array of bytes, (pairs, 16): a pair's image files, then b""

The array and the column `references` of the rows (a role for each image) exist only in buckets that have references;
other buckets keep the earlier format. The column `reference_captions` (a text or null for each image) exists only where
some reference has a caption. A Zarr shard without references has no file.
"""

import struct
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from omniedit.buckets.codecs import encode_jpeg
from omniedit.imaging.images import encode_png, resize_to_fit
from omniedit.pairs import EditPair

REFERENCES = "references"
"""Name of the array, and of the column with the roles."""
CAPTIONS = "reference_captions"
"""Name of the column of captions."""
MAX_REFERENCES = 16
"""Maximum number of references stored for a pair: its first ones."""
_TEXTS = pa.list_(pa.string())
_SIZE = struct.Struct("<I")


def encode_references(pair: EditPair, base_size: int, codec: str) -> list[bytes]:
    """Encode a pair's first references, scaled down until both sides have at most `base_size` pixels.

    Args:
        codec: codec of the bucket's photos. References are JPEG files if it is `jpeg`, else PNG files.
    """
    images = [resize_to_fit(reference.image, base_size) for reference in pair.references[:MAX_REFERENCES]]
    return [encode_jpeg(image) if codec == "jpeg" else encode_png(image) for image in images]


def pack_files(files: Sequence[bytes]) -> bytes:
    """Return the chunk of at most `MAX_REFERENCES` files, in the layout of Zarr's codec `vlen-bytes`."""
    padded = [*files, *[b""] * (MAX_REFERENCES - len(files))]
    return _SIZE.pack(len(padded)) + b"".join(_SIZE.pack(len(file)) + file for file in padded)


def unpack_files(chunk: bytes) -> list[bytes]:
    """Return the files of a chunk.

    Raises:
        ValueError: the chunk is shorter than its sizes say.
    """
    files, start = [], _SIZE.size
    try:
        for _ in range(_SIZE.unpack_from(chunk)[0]):
            (size,) = _SIZE.unpack_from(chunk, start)
            start += _SIZE.size + size
            files.append(chunk[start - size : start])
    except struct.error as error:
        raise ValueError(f"references: {error}") from None
    if start != len(chunk):
        raise ValueError(f"references: {len(chunk)} bytes, not {start}")
    return [file for file in files if file]


def reference_roles(row: dict[str, Any]) -> list[str]:
    """Return the role of each reference of a pair, from its row."""
    return row.get(REFERENCES) or []


def reference_captions(row: dict[str, Any]) -> list[str | None]:
    """Return the caption of each reference of a pair, from its row; None for each that has none."""
    return row.get(CAPTIONS) or [None] * len(reference_roles(row))


def describe_references(roles: Sequence[str], captions: Sequence[str | None]) -> dict[str, Any]:
    """Return the columns about a pair's references: none if there are no references; captions only if a reference has
    one.
    """
    described: dict[str, Any] = {REFERENCES: list(roles[:MAX_REFERENCES])} if roles else {}
    stored = list(captions[:MAX_REFERENCES])
    return described | ({CAPTIONS: stored} if any(stored) else {})


def extend_schema(schema: pa.Schema, rows: Sequence[dict[str, Any]]) -> pa.Schema:
    """Return the schema with the columns about references that some row has."""
    for name in (REFERENCES, CAPTIONS):
        if any(row.get(name) for row in rows):
            schema = schema.append(pa.field(name, _TEXTS))
    return schema
