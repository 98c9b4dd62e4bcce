"""Compare the loader with other libraries on the same pairs: processor milliseconds per pair. Readers take turns.

    python -m venv /tmp/peers
    /tmp/peers/bin/pip install torch==2.13.0 webdataset mosaicml-streaming litdata datasets pillow
    python benchmarks/loader_speed.py results/mini/buckets --peers /tmp/peers/bin/python

Latents are random numbers of SD3's shape at 1024 x 1024 in bfloat16, 1 MiB per pair. Images are those of the fullest
bucket; the peers read them as JPEG of quality 95 and as PNG, with a PNG mask. Each reader gives batches of eight.
np.memmap copies the same arrays from uncompressed files; all others are also given as multiples of it.

--first-batch measures the time to open pairs encoded in advance and read a batch from the middle of an epoch. The files
have this many pairs and are empty (sparse) apart from their metadata. --consumer measures the share of time that a
consumer of this many pairs per second waits.
"""

import argparse
import json
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import numpy as np
import pyarrow as pa

from benchmarks.peer_process import Round, open_peers, write_records
from omniedit.aspect import RATIOS
from omniedit.buckets import BatchPlan
from omniedit.buckets.batch_plan import _permutation
from omniedit.buckets.loader import BatchLoader
from omniedit.buckets.placement import BucketSettings
from omniedit.buckets.store import BucketStore
from omniedit.buckets.store_layout import ARRAYS, HELD_OUT, PAIRS_AT_ONCE, PAIRS_SCHEMA, TRAIN
from omniedit.imaging.images import encode_mask
from omniedit.run.program import run_program
from omniedit.storage.manifest import MANIFEST
from omniedit.storage.parquet import write_arrow
from omniedit.training.editor.encoded_pairs import EncodedBatch, EncodedPairs, encoding_identity
from omniedit.training.editor.encoded_part import FORMAT

BATCH = 8
LATENTS = (2, 16, 128, 128)
"""Source and edited of SD3's latents at 1024 x 1024, two bytes each."""
PROMPT, POOLED = (333, 4096), (2048,)
"""SD3's embeddings of a text."""


def time_round(read: Callable[[np.ndarray], object]) -> Round:
    def run(rows: np.ndarray) -> float:
        start = time.process_time()
        read(rows)
        return time.process_time() - start

    return run


def make_store(folder: Path, pairs: int) -> BucketStore:
    """Make the metadata of a store of `pairs` pairs of ratio 1x1, without images."""
    counts = {ratio: pairs if ratio == "1x1" else 0 for ratio in RATIOS}
    buckets = {r: {"pairs": n, TRAIN: n, HELD_OUT: 0, "size": [1024, 1024]} for r, n in counts.items()}
    manifest = {"layout": asdict(BucketSettings(1024, 256, 1, 0.0, 0)), "buckets": buckets, "files": {}}
    folder.mkdir(parents=True)
    (folder / MANIFEST).write_text(json.dumps(manifest))
    numbers = np.arange(pairs)
    columns: dict[str, Any] = {
        "row": numbers,
        "pair_id": [f"object_swap-photo_{number:07d}-00-{number:08x}" for number in numbers],
        "task": ["object_swap"] * pairs,
        "instructions": [[f"Replace the apple by pear number {n}.", f"Make it pear number {n}."] for n in numbers],
        "o_score": np.full(pairs, 9.5),
        "split": [TRAIN] * pairs,
        "source_id": [f"photo_{number:07d}" for number in numbers],
    }
    write_arrow(folder / "1x1.zarr/pairs.arrow", pa.table(columns, schema=PAIRS_SCHEMA), PAIRS_AT_ONCE)
    return BucketStore(folder, resolution=1024)


def make_encoded(folder: Path, store: BucketStore, pairs: int, filled: bool) -> None:
    """Make a part of encoded pairs: random numbers, or holes."""
    folder.mkdir(parents=True)
    rng, texts = np.random.default_rng(0), 2 * pairs + 1 if filled else 100
    shapes: dict[str, tuple[int, ...]] = {"1x1.npy": (pairs, *LATENTS), "1x1.mirrored.npy": (pairs, *LATENTS)}
    shapes |= {"prompt.npy": (min(texts, 33), *PROMPT), "pooled.npy": (texts, *POOLED)}
    for name, shape in shapes.items():
        array = np.lib.format.open_memmap(folder / name, "w+", np.int16, shape)
        for row in range(len(array) if filled else 0):
            array[row] = rng.integers(-32768, 32767, array.shape[1:], np.int16)
    np.save(folder / "1x1.texts.npy", np.arange(2 * pairs, dtype=np.int32).reshape(pairs, 2) % 33)
    manifest = {"format": FORMAT, "of": encoding_identity(store, "bfloat16"), "rows": {"1x1": [0, pairs]}}
    (folder / MANIFEST).write_text(json.dumps(manifest))


def make_latents(folder: Path, count: int) -> EncodedPairs:
    """Make a store and its encoded pairs of random numbers."""
    store = make_store(folder / "store", count)
    make_encoded(folder / "encoded/00000", store, count, filled=True)
    return EncodedPairs(folder / "encoded", store, "bfloat16")


def read_latents(batch: EncodedBatch) -> None:
    batch.latents([number % 2 == 0 for number in range(len(batch))])


def load(reader: Any, ratio: str, count: int, prepare: Callable[[Any], None]) -> Callable[[np.ndarray], None]:
    """Return a reader that takes an epoch from `BatchLoader`."""
    plan = BatchPlan({ratio: count}, BATCH, 1, 0)

    def prepare_batch(step: int, batch: Any) -> Any:
        prepare(batch)
        return batch

    def read(rows: np.ndarray) -> None:
        with BatchLoader(reader, plan, 0, range(len(rows) // BATCH), prepare=prepare_batch) as loader:
            for _ in loader:
                pass

    return read


def in_batches(read: Callable[[Sequence[int]], object], size: int = BATCH) -> Callable[[np.ndarray], None]:
    def run(rows: np.ndarray) -> None:
        for first in range(0, len(rows), size):
            read(rows[first : first + size].tolist())

    return run


def memmap_reader(folder: Path, arrays: dict[str, np.ndarray]) -> Callable[[np.ndarray], None]:
    folder.mkdir(parents=True)
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    opened = [np.load(folder / f"{name}.npy", mmap_mode="r") for name in arrays]

    def read(rows: np.ndarray) -> None:
        for row in rows.tolist():
            for array in opened:
                np.array(array[row])

    return read


def compare(readers: dict[str, Round], count: int, rounds: int) -> None:
    """Run all readers in turns and print the medians."""
    rng = np.random.default_rng(0)
    seconds: dict[str, list[float]] = {name: [] for name in readers}
    for _ in range(rounds + 1):
        for name, run in readers.items():
            seconds[name].append(run(rng.permutation(count)))
    # The first round warms up.
    medians = {name: float(np.median(taken[1:])) / count * 1000 for name, taken in seconds.items()}
    print(f"{'reader':40} {'ms a pair':>9} {'x memmap':>9}")
    for name, ms in medians.items():
        print(f"{name:40} {ms:9.2f} {ms / medians['np.memmap']:9.2f}", flush=True)


def compare_latents(folder: Path, count: int, rounds: int, peers: Path | None) -> None:
    encoded = make_latents(folder, count)
    array = np.load(folder / "encoded/00000/1x1.npy", mmap_mode="r")
    print(f"\nlatents: {count} pairs, {array[0].nbytes / 2**20:.1f} MiB a pair")
    readers = {
        "np.memmap": time_round(memmap_reader(folder / "memmap", {"latents": array})),
        "EncodedPairs, eight pairs": time_round(in_batches(lambda rows: read_latents(encoded.read("1x1", rows)))),
        "BatchLoader over EncodedPairs": time_round(load(encoded, "1x1", count, read_latents)),
        "embeddings, eight texts (2.7 MB each)": time_round(
            in_batches(lambda rows: encoded.read("1x1", rows).embeddings([0] * len(rows)))
        ),
    }
    with ExitStack() as stack:
        if peers:
            records = [{"pair": array[row].tobytes()} for row in range(count)]
            write_records(folder / "peers", "latents", records, {"pair": list(LATENTS)})
            readers |= open_peers(peers, folder / "peers", stack)
        compare(readers, count, rounds)


def compare_images(stores: Sequence[Path], folder: Path, rounds: int, peers: Path | None) -> None:
    store = BucketStore(stores[0])
    ratio = max(store.sizes(), key=lambda name: store.sizes()[name])
    count = store.sizes()[ratio] // BATCH * BATCH
    batch = store.read(ratio, range(count))
    arrays = {name: getattr(batch, name) for name in ARRAYS}
    print(f"\nimages: {count} pairs of {ratio}, {sum(a[0].nbytes for a in arrays.values()) / 2**20:.1f} MiB a pair")
    readers = {"np.memmap": time_round(memmap_reader(folder / "memmap", arrays))}
    for path in stores:
        readers |= _store_readers(path, ratio, count)
    with ExitStack() as stack:
        if peers:
            for suffix, options in (
                (".jpg", [cv2.IMWRITE_JPEG_QUALITY, 95]),
                (".png", [cv2.IMWRITE_PNG_COMPRESSION, 1]),
            ):
                records = [_encode_pair(arrays, row, suffix, options) for row in range(count)]
                megabytes = sum(len(value) for record in records for value in record.values()) / count / 1e6
                print(f"{suffix[1:]}: {megabytes:.2f} MB a pair")
                write_records(
                    folder / suffix, "images", records, {name: list(a.shape[1:]) for name, a in arrays.items()}
                )
                opened = open_peers(peers, folder / suffix, stack)
                readers |= {f"{name}, {suffix[1:]}": run for name, run in opened.items()}
        compare(readers, count, rounds)


def _store_readers(path: Path, ratio: str, count: int) -> dict[str, Round]:
    store = BucketStore(path)
    megabytes = sum(file.stat().st_size for file in path.glob(f"{ratio}.zarr/*/c/**/*") if file.is_file()) / 1e6
    pairs = len(store.pairs(ratio))
    print(f"{path}: {megabytes / pairs:.2f} MB a pair")
    return {
        f"{path.name}, one pair": time_round(in_batches(lambda rows: store.read(ratio, rows), 1)),
        f"{path.name}, eight pairs": time_round(in_batches(lambda rows: store.read(ratio, rows))),
        f"{path.name}, BatchLoader": time_round(load(store, ratio, count, lambda batch: None)),
    }


def _encode_pair(arrays: dict[str, np.ndarray], row: int, suffix: str, options: list[int]) -> dict[str, bytes]:
    images = {name: cv2.cvtColor(arrays[name][row], cv2.COLOR_RGB2BGR) for name in ("source", "edited")}
    record = {name: cv2.imencode(suffix, image, options)[1].tobytes() for name, image in images.items()}
    return record | {"mask": encode_mask(arrays["mask"][row] > 0)}


def measure_first_batch(folder: Path, pairs: int) -> None:
    """Print the seconds from opening to a batch from the middle of an epoch, for a rank of 1 and of 64."""
    make_encoded(folder / "encoded/00000", make_store(folder / "store", pairs), pairs, filled=False)
    for world_size in (1, 64):
        _permutation.cache_clear()
        start, used = time.perf_counter(), time.process_time()
        store = BucketStore(folder / "store", resolution=1024)
        encoded = EncodedPairs(folder / "encoded", store, "bfloat16")
        plan = BatchPlan(store.sizes(), 8 * 64, world_size, 0)
        batch = encoded.read(*plan.batch(plan.steps_per_epoch // 2, world_size - 1))[:BATCH]
        read_latents(batch)
        batch.embeddings([0] * BATCH)
        taken, used = time.perf_counter() - start, time.process_time() - used
        print(f"first batch of mid-epoch, {pairs} pairs, {world_size} ranks: {taken:.3f} s ({used:.3f} s of processor)")


def measure_waiting(folder: Path, count: int, rate: float, seconds: float = 10.0) -> None:
    """Print the share of time that a consumer of `rate` pairs per second waits for latents and embeddings."""
    encoded = make_latents(folder, count)
    plan, steps = BatchPlan({"1x1": count}, BATCH, 1, 0), int(seconds * rate / BATCH)

    def prepare(step: int, batch: EncodedBatch) -> EncodedBatch:
        read_latents(batch)
        batch.embeddings([0] * len(batch))
        return batch

    start = time.perf_counter()
    with BatchLoader(encoded, plan, 0, range(steps), prepare=prepare) as loader:
        for _ in loader:
            time.sleep(BATCH / rate)
    share = loader.waited_s / (time.perf_counter() - start)
    print(f"a consumer of {rate:.0f} pairs/s waits {share:.1%} of the time for latents and embeddings")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("buckets", type=Path, nargs="*", help="folders of the same sealed buckets, in several codecs")
    parser.add_argument("--peers", type=Path, help="python of an environment with the other libraries")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--pairs", type=int, default=64, help="number of pairs of latents")
    parser.add_argument("--first-batch", type=int, metavar="PAIRS")
    parser.add_argument("--consumer", type=float, nargs="*", default=[], metavar="RATE", help="pairs per second")
    args = parser.parse_args()
    with TemporaryDirectory(prefix="loader-") as name:
        folder = Path(name)
        if args.first_batch:
            measure_first_batch(folder / "first", args.first_batch)
        for number, rate in enumerate(args.consumer):
            measure_waiting(folder / f"waiting{number}", args.pairs, rate)
            shutil.rmtree(folder / f"waiting{number}")
        compare_latents(folder / "latents", args.pairs, args.rounds, args.peers)
        shutil.rmtree(folder / "latents")
        if args.buckets:
            compare_images(args.buckets, folder / "images", args.rounds, args.peers)


if __name__ == "__main__":
    run_program(main)
