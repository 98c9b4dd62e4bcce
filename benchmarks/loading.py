"""Measure how fast training can read pairs: milliseconds per pair with `BucketStore`, zarr-python and np.memmap.

    python benchmarks/loading.py results/mini/buckets
    python benchmarks/loading.py results/mini/buckets --encoded results/mini/encoded --resolution 128

Reads the fullest bucket in random order with a warm cache and prints the median of the rounds. np.memmap copies the
same images from uncompressed files, a limit that a decoding reader can only approach. --encoded adds what
`train.encode_once` reads: a pair's latents and the embeddings of one of its instructions.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import zarr

from omniedit.buckets import BatchPlan
from omniedit.buckets.layout import ARRAYS, bucket_name
from omniedit.buckets.loader import BatchLoader
from omniedit.buckets.store import BucketStore
from omniedit.errors import UserError
from omniedit.run.program import run_program
from omniedit.training.editor.encoded import EncodedPairs

BATCH = 8
ReadBatch = Callable[[np.ndarray], None]
"""Function that reads the pairs at these rows and discards them."""


def zarr_reader(buckets: Path, ratio: str) -> ReadBatch:
    group = zarr.open_group(str(buckets / bucket_name(ratio)), mode="r")
    arrays = [group[name] for name in ARRAYS]

    def read(rows: np.ndarray) -> None:
        for row in rows.tolist():
            for array in arrays:
                array[row]

    return read


def memmap_reader(store: BucketStore, ratio: str, rows: np.ndarray, folder: Path) -> ReadBatch:
    batch = store.read(ratio, rows)
    for name in ARRAYS:
        np.save(folder / f"{name}.npy", getattr(batch, name))
    arrays = [np.load(folder / f"{name}.npy", mmap_mode="r") for name in ARRAYS]

    def read(rows: np.ndarray) -> None:
        for row in rows.tolist():
            for array in arrays:
                np.array(array[row])

    return read


def store_reader(store: BucketStore, ratio: str, batch: int) -> ReadBatch:
    def read(rows: np.ndarray) -> None:
        for start in range(0, len(rows), batch):
            store.read(ratio, rows[start : start + batch])

    return read


def loader_reader(store: BucketStore, ratio: str, count: int, batch: int) -> ReadBatch:
    plan = BatchPlan({ratio: count}, batch, world_size=1, seed=0)

    def read(rows: np.ndarray) -> None:
        with BatchLoader(store, plan, 0, range(len(rows) // batch)) as loader:
            for _ in loader:
                pass

    return read


def open_encoded(encoded: EncodedPairs, ratio: str, batch: int) -> ReadBatch:
    def read(rows: np.ndarray) -> None:
        for first in range(0, len(rows), batch):
            pairs = encoded.read(ratio, rows[first : first + batch])
            pairs.latents([False] * len(pairs))
            pairs.embeddings([0] * len(pairs))

    return read


def ms_a_pair(read: ReadBatch, count: int, rounds: int) -> float:
    """Return the median over `rounds`, after a warm-up round."""
    rng = np.random.default_rng(0)
    taken = []
    for _ in range(rounds + 1):
        rows = rng.permutation(count)
        start = time.perf_counter()
        read(rows)
        taken.append((time.perf_counter() - start) / count * 1000)
    return float(np.median(taken[1:]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("buckets", type=Path, help="folder of sealed buckets")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--encoded", type=Path, help="folder of the same pairs encoded before training")
    parser.add_argument("--resolution", type=int, help="at which they were encoded (train.resolution)")
    parser.add_argument("--dtype", default="float32", help="in which they were encoded (train.dtype)")
    args = parser.parse_args()

    store = BucketStore(args.buckets)
    sizes = store.sizes()
    ratio = max(sizes, key=lambda name: sizes[name])
    if not sizes[ratio]:
        raise UserError(f"{args.buckets}: every bucket is empty")
    batch = min(BATCH, sizes[ratio])
    count = sizes[ratio] // batch * batch
    width, height = store.image_size(ratio)
    mebibytes = width * height * 7 / 2**20
    print(f"{count} pairs of bucket {ratio}: {width}x{height}, {mebibytes:.1f} MiB a pair")
    with TemporaryDirectory() as folder:
        peers = {
            "np.memmap copy, uncompressed": memmap_reader(store, ratio, np.arange(count), Path(folder)),
            "zarr-python a[i]": zarr_reader(args.buckets, ratio),
            "BucketStore, a pair at a time": store_reader(store, ratio, 1),
            f"BucketStore, {batch} pairs at a time": store_reader(store, ratio, batch),
            f"BatchLoader, batches of {batch}": loader_reader(store, ratio, count, batch),
        }
        if args.encoded:
            encoded = EncodedPairs(args.encoded, BucketStore(args.buckets, resolution=args.resolution), args.dtype)
            peers[f"EncodedPairs, {batch} pairs at a time"] = open_encoded(encoded, ratio, batch)
        measured = {name: ms_a_pair(read, count, args.rounds) for name, read in peers.items()}
    limit, peer = measured["np.memmap copy, uncompressed"], measured["zarr-python a[i]"]
    print(f"{'reader':34} {'ms a pair':>9} {'x memmap':>9} {'x zarr':>7}")
    for name, ms in measured.items():
        print(f"{name:34} {ms:9.2f} {ms / limit:9.2f} {ms / peer:7.2f}")


if __name__ == "__main__":
    run_program(main)
