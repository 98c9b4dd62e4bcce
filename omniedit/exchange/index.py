"""Index of the source images of imported pairs, in the form of the index of photos: `sources/imports.parquet`."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from omniedit.pairs import Shard
from omniedit.sources.photo_index import BENCH, INDEX_SCHEMA
from omniedit.storage.parquet import read_rows, write_tables


def write_import_index(path: Path, files: Sequence[Path], bench: Path | None = None) -> None:
    """Write a row for each source image of shards of imported pairs, and for each row of a data set without a pair.

    Args:
        files: candidates/{name}/{shard}.h5.
        bench: `sources/bench.parquet` if images of these shards are held out for the benchmark.
    """
    held_out = {row["sha256"] for row in read_rows(bench, ["sha256"])} if bench else set()
    ids: set[str] = set()
    tables = (pa.Table.from_pylist(list(_rows(file, held_out, ids)), schema=INDEX_SCHEMA) for file in files)
    write_tables(path, tables, INDEX_SCHEMA)


def _rows(file: Path, held_out: set[str], ids: set[str]) -> Iterator[dict[str, Any]]:
    """Yield the rows of a shard, one for each new image."""
    with Shard(file) as shard:
        for row, provenance in enumerate(shard.read_provenance()):
            digest = provenance.get("source_sha256") or shard.sha256("source", row)
            if digest not in ids:
                ids.add(digest)
                yield _image(shard, row, provenance) | {
                    "sha256": digest,
                    "shard": BENCH if digest in held_out else file.stem,
                }
        for rejection in shard.rejections:
            yield {"file": rejection.source_id, "status": "refused", "reason": rejection.reason}


def _image(shard: Shard, row: int, provenance: dict[str, Any]) -> dict[str, Any]:
    width, height = shard.size(row)
    texts = {name: provenance.get(name) or "" for name in ("caption", "author", "licence", "origin")}
    return texts | {
        "source_id": provenance["source_id"],
        "file": provenance["source_id"],
        "status": "kept",
        "width": width,
        "height": height,
        "packed_width": width,
        "packed_height": height,
        "left": 0,
        "top": 0,
        "right": width,
        "bottom": height,
        "ratio": provenance.get("ratio") or "",
        "phash": provenance.get("source_phash"),
    }
