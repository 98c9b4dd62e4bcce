"""Write the Zarr shards of one part of the plan: whole shards only, with one shard's images in memory at a time."""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import tensorstore as ts

from omniedit.aspect import bucket_size
from omniedit.buckets.layout import ARRAYS, PAIRS_SCHEMA, array_metadata, bucket_name, image_shape
from omniedit.buckets.placement import Plan
from omniedit.errors import UserError
from omniedit.imaging.images import resize_cover, resize_cover_mask
from omniedit.pairs import EditPair, Shard
from omniedit.storage.manifest import MANIFEST, checksums, files_below, write_manifest
from omniedit.storage.parquet import write_rows

DecisionRow = dict[str, Any]
"""Row of `placement.PLAN_SCHEMA`."""


def write_part(plan: Plan, part: str, candidates: Path, out: Path) -> Iterator[str]:
    """Write a part's Zarr shards, its rows of pairs.parquet and its manifest to `out`; yield each pair's id.

    Args:
        candidates: folder of {task}/{shard}.h5.
        out: the part's folder, which is created.

    Raises:
        UserError: a candidate file is missing, damaged, or not the planned one.
    """
    out.mkdir(parents=True)
    rows = plan.table.filter(pc.equal(plan.table["part"], part)).to_pylist()
    per_shard = plan.layout.pairs_per_zarr_shard
    for ratio, in_bucket in groupby(rows, key=lambda row: row["ratio"]):
        described = []
        for shard, in_shard in groupby(in_bucket, key=lambda row: row["row"] // per_shard):
            images = empty_images(ratio, plan.layout.base_size, per_shard)
            for place, row in enumerate(in_shard):
                pair = _read_pair(candidates, row)
                for name, image in bucket_images(pair, ratio, plan.layout.base_size).items():
                    images[name][place] = image
                described.append(_description(row, pair))
                yield row["pair_id"]
            _write_zarr_shard(plan, out, ratio, shard, {n: p[: place + 1] for n, p in images.items()})
        write_rows(out / bucket_name(ratio) / "pairs.parquet", described, PAIRS_SCHEMA)
    manifest = {"part": part, "plan": plan.sha256, "pairs": len(rows), "files": checksums(out, files_below(out))}
    write_manifest(out / MANIFEST, manifest)


def empty_images(ratio: str, base_size: int, count: int) -> dict[str, np.ndarray]:
    """Return uninitialised arrays for `count` pairs, by array name."""
    return {
        name: np.empty((count, *image_shape(ratio, base_size, channels)), np.uint8) for name, channels in ARRAYS.items()
    }


def bucket_images(pair: EditPair, ratio: str, base_size: int) -> dict[str, np.ndarray]:
    """Return a pair's images at its bucket's size, by array name. The mask is 0 or 255; all 255 for a global edit."""
    width, height = bucket_size(ratio, base_size)
    mask = np.ones(pair.source.shape[:2], bool) if pair.mask is None else pair.mask
    return {
        "source": resize_cover(pair.source, width, height),
        "edited": resize_cover(pair.edited, width, height),
        "mask": resize_cover_mask(mask, width, height).astype(np.uint8) * 255,
    }


def _read_pair(candidates: Path, row: DecisionRow) -> EditPair:
    path = candidates / row["folder"] / f"{row['shard']}.h5"
    with Shard(path) as shard:
        ids = shard.pair_ids
        if row["candidate_row"] >= len(ids) or ids[row["candidate_row"]] != row["pair_id"]:
            remedy = "run snakemake --forcerun plan_buckets"
            raise UserError(f"{path}: row {row['candidate_row']} is not {row['pair_id']} as planned; {remedy}")
        return shard[row["candidate_row"]]


def _description(row: DecisionRow, pair: EditPair) -> dict[str, Any]:
    described = {key: row[key] for key in ("row", "pair_id", "task", "o_score", "split")}
    return described | {"instructions": list(pair.instructions), "source_id": pair.provenance["source_id"]}


def _write_zarr_shard(plan: Plan, out: Path, ratio: str, shard: int, images: dict[str, np.ndarray]) -> None:
    """Write Zarr shard number `shard` of a bucket's arrays."""
    pairs = pc.sum(pc.equal(plan.table["ratio"], ratio)).as_py()
    start = shard * plan.layout.pairs_per_zarr_shard
    for name, image in images.items():
        spec = {
            "driver": "zarr3",
            "kvstore": {"driver": "file", "path": f"{out.resolve() / bucket_name(ratio) / name}/"},
            "metadata": array_metadata(ratio, name, pairs, plan.layout.base_size, plan.layout.pairs_per_zarr_shard),
            "store_data_equal_to_fill_value": True,
        }
        array = ts.open(spec, open=True, create=True).result()
        array[start : start + len(image)].write(image).result()
