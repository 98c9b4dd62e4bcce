"""Make sealed buckets of one ratio from the sample photos, in each codec, for benchmarks/loader_speed.py.

    python benchmarks/photo_stores.py FOLDER --pairs 16
    python benchmarks/loader_speed.py FOLDER/zstd FOLDER/filtered FOLDER/jpeg

The edited image of a pair is another photo, its mask a rectangle. All photos are scaled to 832 x 1264 pixels.
"""

import argparse
from pathlib import Path

import numpy as np
import pyarrow as pa

import omniedit
from omniedit.aspect import RATIOS
from omniedit.buckets.codecs import CODECS
from omniedit.buckets.placement import BucketSettings, place, read_plan, write_plan
from omniedit.buckets.seal import read_parts, seal_bucket, write_sealed
from omniedit.buckets.write import write_part
from omniedit.imaging.images import decode_image, resize_cover
from omniedit.pairs import EditPair, write_shard
from omniedit.run.program import run_program
from omniedit.tasks import Task

RATIO, WIDTH, HEIGHT = "2x3", 832, 1264
PHOTOS = 8
TASK = Task.STYLE_TRANSFER


def make_candidates(path: Path, count: int) -> pa.Table:
    """Write a shard of candidates and return the decisions that accept all of them."""
    files = sorted((Path(omniedit.__file__).parent / "sources/sample").glob("*.jpg"))[:PHOTOS]
    photos = [resize_cover(decode_image(file.read_bytes()), WIDTH, HEIGHT) for file in files]
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[HEIGHT // 4 : HEIGHT // 2, WIDTH // 4 : WIDTH // 2] = True
    ids = [f"pair-{number:06d}" for number in range(count)]
    pairs = [
        EditPair(each, TASK, ("Do it.",), photos[n % PHOTOS], photos[(n + 3) % PHOTOS], mask, {"source_id": each})
        for n, each in enumerate(ids)
    ]
    write_shard(path, TASK, "embedded", 0, pairs)
    same = {"kept": True, "o_score": 9.0, "ratio": RATIO, "task": str(TASK), "shard": path.stem, "folder": str(TASK)}
    return pa.table({"pair_id": ids, "row": range(count), **{name: [value] * count for name, value in same.items()}})


def make_store(folder: Path, candidates: Path, decisions: pa.Table, codec: str) -> None:
    layout = BucketSettings(base_size=1024, pairs_per_zarr_shard=256, parts=1, held_out=0.0, seed=0, codec=codec)
    write_plan(folder / "plan.parquet", place(decisions, layout), layout)
    plan, parts = read_plan(folder / "plan.parquet"), [folder / "parts/00000"]
    list(write_part(plan, "00000", candidates, parts[0]))
    found = read_parts(plan, parts)
    sealed = {ratio: seal_bucket(plan, parts, found, ratio, folder) for ratio in RATIOS}
    write_sealed(folder / "manifest.json", plan, sealed, found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pairs", type=int, default=16)
    args = parser.parse_args()
    decisions = make_candidates(args.folder / "candidates" / TASK / "00000.h5", args.pairs)
    for codec in CODECS:
        make_store(args.folder / codec, args.folder / "candidates", decisions, codec)


if __name__ == "__main__":
    run_program(main)
