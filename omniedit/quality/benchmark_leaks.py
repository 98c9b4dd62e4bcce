"""Overlap of a run with benchmark sets: pairs whose source or edited image is a copy of a benchmark image."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from omniedit.errors import UserError
from omniedit.imaging.formats import SUPPORTED
from omniedit.imaging.images import decode_image
from omniedit.quality.hamming import MAX_RADIUS, Hashes, find_close_matches
from omniedit.quality.hashes import HASH_BYTES, Bits, are_near_duplicates, hash_image, is_plain, mirror, search_keys
from omniedit.quality.signature_table import Signatures
from omniedit.sources.listing import find_files

Rows = NDArray[np.int64]
_SUFFIXES = {".jpg", ".tif", *(f".{name}" for name in SUPPORTED.split())}


@dataclass(frozen=True)
class BenchmarkSet:
    """Images of a benchmark.

    Args:
        name: of the benchmark.
        images: name of each image.
        hashes: (N, 18) perceptual hashes.
    """

    name: str
    images: tuple[str, ...]
    hashes: Bits


@dataclass(frozen=True)
class Leak:
    """Pair with a copy of a benchmark image.

    Args:
        row: row of the pair in the signatures.
        side: 'source' or 'edited'.
        benchmark, image: the set and its image.
        mirrored: whether the copy is mirrored left to right.
    """

    row: int
    side: str
    benchmark: str
    image: str
    mirrored: bool


def read_benchmark(folder: Path) -> BenchmarkSet:
    """Hash the images in a folder and its subfolders. Images without contrast are skipped.

    Raises:
        UserError: the folder has no image, or an image that cannot be read.
    """
    names, hashes = [], []
    for file in find_files(folder):
        if file.suffix.lower() not in _SUFFIXES:
            continue
        image = decode_image(file.read_bytes(), str(file))
        if not is_plain(image):
            names.append(str(file.relative_to(folder)))
            hashes.append(hash_image(image))
    if not names:
        raise UserError(f"{folder}: has no benchmark image; give a folder of JPEG, PNG, WebP or TIFF files")
    bits = np.frombuffer(b"".join(hashes), np.uint8).reshape(-1, HASH_BYTES)
    return BenchmarkSet(folder.name, tuple(names), bits)


def find_leaks(pairs: Signatures, benchmarks: Sequence[BenchmarkSet]) -> list[Leak]:
    """Return the leaks, at most one per pair and side, sorted by row; the source comes before the edited image."""
    leaks: dict[tuple[int, str], Leak] = {}
    for benchmark in benchmarks:
        for side in ("source", "edited"):
            keys, hashes = getattr(pairs, f"{side}_key"), getattr(pairs, f"{side}_hash")
            for mirrored in (False, True):
                bench = mirror(benchmark.hashes) if mirrored else benchmark.hashes
                for rows, images in _near_rows(keys, hashes, pairs.plain, bench):
                    for row, image in zip(rows.tolist(), images.tolist(), strict=True):
                        leak = Leak(row, side, benchmark.name, benchmark.images[image], mirrored)
                        leaks.setdefault((row, side), leak)
    return sorted(leaks.values(), key=lambda leak: (leak.row, leak.side == "edited"))


def _near_rows(keys: Hashes, hashes: Bits, plain: NDArray[np.bool_], bench: Bits) -> Iterator[tuple[Rows, Rows]]:
    """Yield the rows of the run and of the benchmark whose images are near-duplicates."""
    order = np.argsort(keys, kind="stable")
    ordered, bench_keys = keys[order], search_keys(bench)
    for left, right in find_close_matches(np.unique(ordered), np.unique(bench_keys), MAX_RADIUS):
        begins, ends = np.searchsorted(ordered, left), np.searchsorted(ordered, left, side="right")
        for value, begin, end in zip(right, begins, ends, strict=True):
            rows = order[begin:end]
            rows = rows[~plain[rows]]
            for image in np.flatnonzero(bench_keys == value):
                copies = rows[are_near_duplicates(hashes[rows], np.broadcast_to(bench[image], (len(rows), HASH_BYTES)))]
                yield copies, np.full(len(copies), image)
