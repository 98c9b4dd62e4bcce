"""Measure the search for duplicates and benchmark leaks at scale, on random signatures with planted clusters.

    python benchmarks/duplicate_search.py [--pairs 5000000] [--bench 5000] [--only-leaks]

One pair in fifty is an altered copy of another: up to six bits of the hashes differ, some copies are mirrored. Prints
seconds, processor seconds, peak memory, and the share of the copies that are found.
"""

import argparse
import time

import numpy as np

from benchmarks.timing import peak_gb
from omniedit.quality.benchmark_leaks import BenchmarkSet, find_leaks
from omniedit.quality.duplicates import find_duplicates
from omniedit.quality.hashes import HASH_BYTES, Bits, mirror, mirror_changes, search_keys
from omniedit.quality.signature_table import Signatures

COPIES = 50
"""One in this number of pairs is a copy."""
SOURCES = 4
"""Number of pairs that share a source."""


def flip_bits(bits: Bits, rng: np.random.Generator, count: int) -> Bits:
    """Flip up to `count` random bits of each hash."""
    flipped = bits.copy()
    for _ in range(count):
        place = rng.integers(0, 143, len(bits))
        flipped[np.arange(len(bits)), place // 8] ^= (128 >> (place % 8)).astype(np.uint8)
    return flipped


def random_hashes(count: int, rng: np.random.Generator) -> Bits:
    """Return (N, 18) random hashes of 143 bits."""
    bits = rng.integers(0, 256, (count, HASH_BYTES), dtype=np.uint8)
    bits[:, -1] &= 0xFE
    return bits


def make_signatures(count: int, rng: np.random.Generator) -> Signatures:
    """Return random pairs; the last `count // COPIES` are copies of the first ones, every fourth of them mirrored."""
    source = np.repeat(random_hashes(-(-count // SOURCES), rng), SOURCES, axis=0)[:count]
    edited, change = random_hashes(count, rng), rng.integers(0, 2**64, count, dtype=np.uint64)
    digests = rng.integers(0, 2**64, (2, count), dtype=np.uint64)
    copies = count // COPIES
    for hashes in (source, edited):
        hashes[-copies:] = flip_bits(hashes[:copies], rng, 6)
        hashes[-copies::4] = mirror(hashes[-copies::4])
    change[-copies:] = change[:copies]
    change[-copies::4] = mirror_changes(change[-copies::4])
    levels, plain = np.zeros((count, 4), np.float32), np.zeros(count, bool)
    return Signatures(
        instruction=change,
        source_digest=digests[0],
        edited_digest=digests[1],
        source_hash=source,
        edited_hash=edited,
        source_key=search_keys_in_parts(source),
        edited_key=search_keys_in_parts(edited),
        change_hash=change,
        change_levels=levels,
        plain=plain,
    )


def search_keys_in_parts(bits: Bits, part: int = 100_000) -> np.ndarray:
    """Return the keys of many hashes, in bounded memory."""
    return np.concatenate([search_keys(bits[start : start + part]) for start in range(0, len(bits), part)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=5_000_000)
    parser.add_argument("--bench", type=int, default=5_000)
    parser.add_argument("--only-leaks", action="store_true")
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    pairs = make_signatures(args.pairs, rng)
    print(f"{args.pairs} pairs in arrays: {peak_gb():.2f} GB")
    for mirrored in () if args.only_leaks else (False, True):
        start, clock = time.time(), time.process_time()
        found = find_duplicates(pairs, mirrored=mirrored)
        wanted = args.pairs // COPIES - (0 if mirrored else -(-(args.pairs // COPIES) // 4))
        print(
            f"duplicates, mirrored {mirrored}: {time.time() - start:.0f} s, {time.process_time() - clock:.0f} s of "
            f"processor time, {len(found)} found, {wanted} planted, peak {peak_gb():.2f} GB",
            flush=True,
        )
    bench = random_hashes(args.bench, rng)
    bench[: args.bench // 5] = pairs.source_hash[: SOURCES * (args.bench // 5) : SOURCES]
    names = tuple(map(str, range(args.bench)))
    start, clock = time.time(), time.process_time()
    leaks = find_leaks(pairs, [BenchmarkSet("planted", names, bench)])
    print(
        f"leaks of {args.bench} images: {time.time() - start:.0f} s, {time.process_time() - clock:.0f} s of processor "
        f"time, {len(leaks)} found, peak {peak_gb():.2f} GB"
    )


if __name__ == "__main__":
    main()
