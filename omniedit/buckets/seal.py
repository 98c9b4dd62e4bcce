"""Join the parts into the seven buckets: verify counts and checksums, link files, consolidate metadata."""

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from omniedit.aspect import bucket_size
from omniedit.buckets.layout import (
    ARRAYS,
    HELD_OUT,
    PAIRS_SCHEMA,
    TRAIN,
    array_metadata,
    bucket_name,
    group_metadata,
    shard_file,
    zarr_shards,
)
from omniedit.buckets.placement import Plan
from omniedit.errors import Damaged, UserError
from omniedit.storage.atomic import replace_file
from omniedit.storage.manifest import MANIFEST, checksum, checksums, files_below, write_manifest
from omniedit.storage.parquet import read_table, write_rows

REWRITE = "run snakemake --forcerun write_buckets"


def read_parts(plan: Plan, parts: Sequence[Path]) -> dict[str, Path]:
    """Return the file of each Zarr shard of all parts, by relative path, after comparing it with its part's manifest.

    Raises:
        Damaged: a file is not as its part's manifest says.
        UserError: a part is missing, belongs to another plan, or lacks a file.
    """
    found: dict[str, Path] = {}
    for part in parts:
        manifest = _part_manifest(plan, part)
        for file, known in manifest["files"].items():
            if not (part / file).is_file():
                raise UserError(f"{part / file}: missing; {REWRITE}")
            if checksum(part / file) != known:
                raise Damaged(part / file, f"its checksum differs from {part / MANIFEST}")
            if not file.endswith(("pairs.parquet", "zarr.json")):
                found[file] = part / file
    return found


def seal_bucket(plan: Plan, parts: Sequence[Path], found: dict[str, Path], ratio: str, out_dir: Path) -> dict[str, Any]:
    """Write `out_dir`/{ratio}.zarr, whole or not at all, and return its entry in the manifest.

    Raises:
        UserError: a planned Zarr shard is in no part, or the parts' pairs are not the planned ones.
    """
    planned = plan.table.filter(pc.equal(plan.table["ratio"], ratio))
    layout, count = plan.layout, len(planned)
    files = [shard_file(ratio, a, i) for a in ARRAYS for i in range(zarr_shards(count, layout.pairs_per_zarr_shard))]
    pairs = _read_pairs(parts, ratio)
    if pairs["row"].to_pylist() != list(range(count)) or pairs["pair_id"].to_pylist() != planned["pair_id"].to_pylist():
        raise UserError(f"{bucket_name(ratio)}: the parts hold {len(pairs)} pairs, not the {count} planned; {REWRITE}")
    with replace_file(out_dir / bucket_name(ratio)) as bucket:
        for file in files:
            if file not in found:
                raise UserError(f"{file}: planned, but in none of the {len(parts)} parts; {REWRITE}")
            _link(found[file], bucket.parent / file.replace(bucket_name(ratio), bucket.name, 1))
        size = (ratio, count, layout.base_size, layout.pairs_per_zarr_shard)
        _write_json(bucket / "zarr.json", group_metadata(*size))
        for name in ARRAYS:
            _write_json(bucket / name / "zarr.json", array_metadata(ratio, name, *size[1:]))
        write_rows(bucket / "pairs.parquet", pairs.to_pylist(), PAIRS_SCHEMA)
    split = pairs["split"].to_pylist()
    return {
        "pairs": count,
        "size": bucket_size(ratio, layout.base_size),
        TRAIN: split.count(TRAIN),
        HELD_OUT: split.count(HELD_OUT),
    }


def write_sealed(path: Path, plan: Plan, buckets: dict[str, dict[str, Any]]) -> None:
    """Write the manifest of sealed buckets. It is the last file written: if it exists, the buckets are whole."""
    files = [
        f"{bucket_name(ratio)}/{file}" for ratio in buckets for file in files_below(path.parent / bucket_name(ratio))
    ]
    with replace_file(path) as temporary:
        whole = {"plan": plan.sha256, "layout": asdict(plan.layout), "buckets": buckets}
        write_manifest(temporary, whole | {"files": checksums(path.parent, files)})


def verify(buckets: Path) -> int:
    """Compare every file of sealed buckets with the manifest, and return the number of files.

    Raises:
        UserError: a file is missing or damaged; the message names it.
    """
    files = read_sealed(buckets)["files"]
    for file, known in files.items():
        if not (buckets / file).is_file() or checksum(buckets / file) != known:
            raise UserError(
                f"{buckets / file}: missing or damaged; run snakemake --forcerun write_buckets seal_buckets"
            )
    return len(files)


def read_sealed(buckets: Path) -> dict[str, Any]:
    """Return the manifest of sealed buckets."""
    try:
        return json.loads((buckets / MANIFEST).read_text())
    except FileNotFoundError:
        raise UserError(
            f"{buckets / MANIFEST}: missing, the buckets are not sealed; run snakemake with this path as the target"
        ) from None
    except ValueError as error:
        raise UserError(f"{buckets / MANIFEST}: not JSON ({error}); run snakemake --forcerun seal_buckets") from None


def _part_manifest(plan: Plan, part: Path) -> dict[str, Any]:
    try:
        manifest = json.loads((part / MANIFEST).read_text())
    except (OSError, ValueError) as error:
        raise UserError(f"{part / MANIFEST}: missing or broken ({error}); {REWRITE}") from None
    if manifest["plan"] != plan.sha256:
        raise UserError(f"{part}: was written for another plan; {REWRITE}")
    return manifest


def _read_pairs(parts: Sequence[Path], ratio: str) -> pa.Table:
    files = [part / bucket_name(ratio) / "pairs.parquet" for part in parts]
    tables = [read_table(file) for file in files if file.is_file()]
    return pa.concat_tables([PAIRS_SCHEMA.empty_table(), *tables]).sort_by("row")


def _link(source: Path, target: Path) -> None:
    """Link a file, or copy it if the file system has no hard links or `target` is on another one."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _write_json(path: Path, values: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values, indent=1, sort_keys=True) + "\n")
