"""Layout of buckets on disk, for the code that writes, seals and reads them.

    {ratio}.zarr/zarr.json                          group with consolidated metadata
    {ratio}.zarr/{source,edited,mask}/c/{i}/0/0[/0] Zarr shard i: pairs_per_zarr_shard chunks, one per image
    {ratio}.zarr/pairs.parquet                      one row per pair, in the order of the arrays
    {ratio}.zarr/pairs.arrow                        the same rows, for readers that need few of them at a time

A bucket whose pairs have reference images has them as well: `omniedit.buckets.references`.

A part's folder has the same files for its own Zarr shards, except pairs.arrow. In a bucket, training pairs come before
held-out pairs. If a store has grown, its new pairs follow, again with the held-out ones last.
"""

from collections.abc import Sequence
from math import ceil
from typing import Any

import pyarrow as pa

from omniedit.aspect import bucket_size
from omniedit.buckets.codecs import CODECS
from omniedit.buckets.references import MAX_REFERENCES, REFERENCES

TRAIN, HELD_OUT = "train", "held_out"

ARRAYS = {"source": 3, "edited": 3, "mask": 0}
"""Number of channels of each array; 0 means no channel axis."""

PAIRS_SCHEMA = pa.schema(
    [
        ("row", pa.int64()),
        ("pair_id", pa.string()),
        ("task", pa.string()),
        ("instructions", pa.list_(pa.string())),
        ("o_score", pa.float64()),
        ("split", pa.string()),
        ("source_id", pa.string()),
    ]
)
"""instructions: an instruction and its paraphrases; split: 'train' or 'held_out'."""

FORMAT = 2
"""Format of sealed buckets, in manifest.json and the attributes of each group. Format 1 has neither this number nor
pairs.arrow, and all its arrays have the codec "zstd"."""
FORMAT_WITH_REFERENCES = 3
"""Format of buckets with reference images, and of the manifest if any bucket has some."""
PAIRS_AT_ONCE = 4096
"""Rows of a record batch of pairs.arrow."""


def bucket_name(ratio: str) -> str:
    return f"{ratio}.zarr"


def zarr_shards(pairs: int, pairs_per_zarr_shard: int) -> int:
    return ceil(pairs / pairs_per_zarr_shard)


def shard_file(ratio: str, array: str, shard: int) -> str:
    """Return the relative path of a Zarr shard."""
    axes = {REFERENCES: "/0"}.get(array) or ("/0/0/0" if ARRAYS[array] else "/0/0")
    return f"{bucket_name(ratio)}/{array}/c/{shard}{axes}"


def codec_name(array: str, codec: str) -> str:
    """Return the codec of an array in a store whose photos have `codec`; a mask compresses well without a filter."""
    return codec if ARRAYS[array] else "zstd"


def bucket_arrays(
    ratio: str, pairs: int, base_size: int, pairs_per_zarr_shard: int, codec: str, has_references: bool
) -> dict[str, dict[str, Any]]:
    """Return the zarr.json of each array of a bucket, by its name."""
    (width, height), arrays = bucket_size(ratio, base_size), {}
    for name, channels in ARRAYS.items():
        image = [height, width, channels] if channels else [height, width]
        codecs = CODECS[codec_name(name, codec)].metadata
        arrays[name] = _array_metadata(pairs, image, pairs_per_zarr_shard, codecs) | {
            "data_type": "uint8",
            "fill_value": 0,
        }
    if has_references:
        files = _array_metadata(pairs, [MAX_REFERENCES], pairs_per_zarr_shard, [{"name": "vlen-bytes"}])
        arrays[REFERENCES] = files | {"data_type": "variable_length_bytes", "fill_value": ""}
    return arrays


def _array_metadata(
    pairs: int, chunk: Sequence[int], pairs_per_zarr_shard: int, codecs: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """Return the zarr.json of an array without its type: a chunk (with checksum) per pair, packed into shards."""
    sharding = {
        "chunk_shape": [1, *chunk],
        "codecs": [*codecs, {"name": "crc32c"}],
        "index_codecs": [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "crc32c"}],
        "index_location": "end",
    }
    return {
        "zarr_format": 3,
        "node_type": "array",
        "shape": [pairs, *chunk],
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [pairs_per_zarr_shard, *chunk]}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "codecs": [{"name": "sharding_indexed", "configuration": sharding}],
        "attributes": {},
        "storage_transformers": [],
    }


def group_metadata(ratio: str, arrays: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the zarr.json of a bucket. It includes that of the arrays, so readers open a bucket with one request."""
    return {
        "zarr_format": 3,
        "node_type": "group",
        "attributes": {"ratio": ratio, "format": FORMAT_WITH_REFERENCES if REFERENCES in arrays else FORMAT},
        "consolidated_metadata": {"kind": "inline", "must_understand": False, "metadata": arrays},
    }
