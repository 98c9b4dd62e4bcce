"""Join the parts into the seven buckets: verify counts and checksums, link files, consolidate metadata."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from omniedit.aspect import bucket_size
from omniedit.buckets.placement import Plan
from omniedit.buckets.references import REFERENCES
from omniedit.buckets.store_layout import (
    ARRAYS,
    FORMAT,
    FORMAT_WITH_REFERENCES,
    HELD_OUT,
    PAIRS_AT_ONCE,
    PAIRS_SCHEMA,
    TRAIN,
    bucket_arrays,
    bucket_name,
    group_metadata,
    shard_file,
    zarr_shards,
)
from omniedit.errors import DamagedFile, UserError
from omniedit.storage.atomic import link_file, replace_file
from omniedit.storage.manifest import MANIFEST, checksum, files_below, write_manifest
from omniedit.storage.parquet import read_table, write_arrow, write_table

REMEDY = "run snakemake --forcerun write_buckets"


@dataclass(frozen=True)
class PartFile:
    """File of a part, with its size and sha256."""

    path: Path
    known: dict[str, Any]


def read_parts(plan: Plan, parts: Sequence[Path], advance: Callable[[], object] = bool) -> dict[str, PartFile]:
    """Return the files of all Zarr shards, by relative path, after comparing each with its part's manifest. All cores
    read files in parallel, each file once.

    Args:
        advance: called after each file.

    Raises:
        DamagedFile: a file differs from its part's manifest.
        UserError: a part is missing, belongs to another plan, or lacks a file.
    """
    files = list_files(plan, parts)
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for _ in pool.map(_compare, [part for part, _ in files], [file for _, file in files]):
            advance()
    named = ((file.path.relative_to(part).as_posix(), file) for part, file in files)
    return {name: file for name, file in named if name.split("/")[0].endswith(".zarr") and "/c/" in name}


def list_files(plan: Plan, parts: Sequence[Path]) -> list[tuple[Path, PartFile]]:
    """Return the part and path of each file that the parts' manifests list."""
    return [
        (part, PartFile(part / file, known))
        for part in parts
        for file, known in _part_manifest(plan, part)["files"].items()
    ]


def _compare(part: Path, file: PartFile) -> None:
    """Compare a file with the manifest of its part."""
    if not file.path.is_file():
        raise UserError(f"{file.path}: missing; {REMEDY}")
    if checksum(file.path) != file.known:
        raise DamagedFile(file.path, f"its checksum differs from {part / MANIFEST}")


def seal_bucket(
    plan: Plan, parts: Sequence[Path], found: dict[str, PartFile], ratio: str, out_dir: Path
) -> dict[str, Any]:
    """Write `out_dir`/{ratio}.zarr, completely or not at all, and return its entry in the manifest.

    Raises:
        UserError: a planned Zarr shard is in no part, or the parts' pairs are not the planned ones.
    """
    planned = plan.table.filter(pc.equal(plan.table["ratio"], ratio))
    layout, count = plan.layout, len(planned)
    files = [shard_file(ratio, a, i) for a in ARRAYS for i in range(zarr_shards(count, layout.pairs_per_zarr_shard))]
    files += [file for file in found if file.startswith(f"{bucket_name(ratio)}/{REFERENCES}/")]
    pairs = _read_pairs(parts, ratio)
    if not (pairs["row"].equals(planned["row"]) and pairs["pair_id"].equals(planned["pair_id"])):
        raise UserError(f"{bucket_name(ratio)}: the parts have {len(pairs)} pairs, not the {count} planned; {REMEDY}")
    with replace_file(out_dir / bucket_name(ratio)) as bucket:
        for file in files:
            if file not in found:
                raise UserError(f"{file}: planned, but in none of the {len(parts)} parts; {REMEDY}")
            link_file(found[file].path, bucket.parent / file.replace(bucket_name(ratio), bucket.name, 1))
        size = (layout.base_size, layout.pairs_per_zarr_shard, layout.codec)
        arrays = bucket_arrays(ratio, count, *size, has_references=REFERENCES in pairs.column_names)
        _write_json(bucket / "zarr.json", group_metadata(ratio, arrays))
        for name, metadata in arrays.items():
            _write_json(bucket / name / "zarr.json", metadata)
        write_table(bucket / "pairs.parquet", pairs)
        write_arrow(bucket / "pairs.arrow", pairs, PAIRS_AT_ONCE)
    trained = pc.equal(pairs["split"], TRAIN).to_numpy()
    return {
        "pairs": count,
        "size": bucket_size(ratio, layout.base_size),
        TRAIN: int(trained.sum()),
        HELD_OUT: int((~trained).sum()),
        "runs": {TRAIN: find_runs(trained), HELD_OUT: find_runs(~trained)},
    }


def find_runs(inside: np.ndarray) -> list[list[int]]:
    """Return [first, end] of each run of True, in order."""
    edges = np.diff(np.concatenate([[0], inside.astype(np.int8), [0]]))
    return np.stack([np.flatnonzero(edges > 0), np.flatnonzero(edges < 0)], axis=1).tolist()


def write_sealed(
    path: Path, plan: Plan, buckets: dict[str, dict[str, Any]], part_files: Mapping[str, PartFile] | None = None
) -> None:
    """Write the manifest of sealed buckets. It is the last file written: if it exists, the buckets are complete.

    Args:
        part_files: files that `read_parts` has compared; files that are hard links to them are not read again.
    """
    folder, part_files, files = path.parent, part_files or {}, {}
    for ratio in buckets:
        for name in files_below(folder / bucket_name(ratio)):
            file = f"{bucket_name(ratio)}/{name}"
            linked = file in part_files and part_files[file].path.samefile(folder / file)
            files[file] = part_files[file].known if linked else checksum(folder / file)
    has_references = any(f".zarr/{REFERENCES}/" in file for file in files)
    version = FORMAT_WITH_REFERENCES if has_references else FORMAT
    contents = {"format": version, "plan": plan.sha256, "layout": asdict(plan.layout), "buckets": buckets}
    with replace_file(path) as temporary:
        write_manifest(temporary, contents | {"files": files})


def verify(buckets: Path) -> int:
    """Compare every file of sealed buckets with the manifest, and return the number of files.

    Raises:
        UserError: a file is missing or damaged; the message names it.
    """
    files = read_sealed(buckets)["files"]
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        intact = pool.map(lambda file: (buckets / file).is_file() and checksum(buckets / file) == files[file], files)
        for file, is_intact in zip(files, intact, strict=True):
            if not is_intact:
                remedy = "run snakemake --forcerun write_buckets seal_buckets"
                raise UserError(f"{buckets / file}: missing or damaged; {remedy}")
    return len(files)


def read_sealed(buckets: Path) -> dict[str, Any]:
    """Return the manifest of sealed buckets, of this format or an earlier one."""
    try:
        manifest = json.loads((buckets / MANIFEST).read_text())
    except FileNotFoundError:
        raise UserError(
            f"{buckets / MANIFEST}: missing, the buckets are not sealed; run snakemake with this path as the target"
        ) from None
    except ValueError as error:
        raise UserError(f"{buckets / MANIFEST}: not JSON ({error}); run snakemake --forcerun seal_buckets") from None
    if manifest.get("format", 1) > FORMAT_WITH_REFERENCES:
        raise UserError(f"{buckets / MANIFEST}: format {manifest['format']} of a newer OmniEdit; update OmniEdit")
    return manifest


def _part_manifest(plan: Plan, part: Path) -> dict[str, Any]:
    try:
        manifest = json.loads((part / MANIFEST).read_text())
    except (OSError, ValueError) as error:
        raise UserError(f"{part / MANIFEST}: missing or broken ({error}); {REMEDY}") from None
    if manifest["plan"] != plan.sha256:
        raise UserError(f"{part}: was written for another plan; {REMEDY}")
    return manifest


def _read_pairs(parts: Sequence[Path], ratio: str) -> pa.Table:
    files = [part / bucket_name(ratio) / "pairs.parquet" for part in parts]
    tables = [read_table(file) for file in files if file.is_file()]
    return pa.concat_tables([PAIRS_SCHEMA.empty_table(), *tables], promote_options="default").sort_by("row")


def _write_json(path: Path, values: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values, indent=1, sort_keys=True) + "\n")
