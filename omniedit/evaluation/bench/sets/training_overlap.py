"""Detection of copies of a set's photos among the source images of a training: equal pixels, or near copies by
perceptual hash."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from omniedit.errors import UserError
from omniedit.imaging.images import Image, pixels_sha256
from omniedit.quality.benchmark_leaks import read_benchmark
from omniedit.quality.hamming import MAX_RADIUS, find_close_matches
from omniedit.quality.hashes import Bits, are_near_duplicates, hash_image, is_plain, mirror, read_hashes, search_keys
from omniedit.sources.near_duplicates import perceptual_hash
from omniedit.sources.photo_index import BENCH
from omniedit.storage.parquet import read_rows

INDEXES = ("sources/index.parquet", "sources/imports.parquet")
"""Indexes of a run's photos and of the source images of its imported pairs."""


@dataclass(frozen=True)
class TrainingSources:
    """Source images of a training.

    Args:
        names: name of each image with a perceptual hash, and its run or folder.
        phashes: perceptual hashes in hexadecimal, in the order of `names`.
        sha256: digests of the upright pixels by name, where known.
    """

    names: tuple[str, ...]
    phashes: tuple[str, ...]
    sha256: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PhotoLeak:
    """Photo of a set that is also a training source.

    Args:
        kind: `exact`, `near` or `mirrored`.
    """

    photo: str
    source: str
    kind: str


def read_training(path: Path) -> TrainingSources:
    """Read the sources of a run (its folder, or one of its indexes), or hash a folder of photos.

    Images that the run holds out for its benchmark are not training sources.

    Raises:
        UserError: the path has neither an index nor an image.
    """
    indexes = [path] if path.suffix == ".parquet" else [index for name in INDEXES if (index := path / name).is_file()]
    if indexes:
        return _to_sources([row for index in indexes for row in _read_index(index)])
    if not path.is_dir():
        raise UserError(f"{path}: no such run or folder; give results/RUN, its {INDEXES[0]}, or a folder of photos")
    benchmark = read_benchmark(path)
    names = tuple(f"{path.name}/{name}" for name in benchmark.images)
    return TrainingSources(names, tuple(bits.tobytes().hex() for bits in benchmark.hashes))


def _read_index(index: Path) -> Iterator[Mapping[str, str | None]]:
    """Yield name, sha256 and phash of each training source."""
    run = index.resolve().parent.parent.name
    for row in read_rows(index, ("source_id", "status", "sha256", "phash", "shard")):
        if row["status"] == "kept" and row["shard"] != BENCH:
            yield {**row, "name": f"{run}/{row['source_id']}"}


def _to_sources(rows: Sequence[Mapping[str, Any]]) -> TrainingSources:
    hashed = [row for row in rows if row["phash"]]
    return TrainingSources(
        tuple(row["name"] for row in hashed),
        tuple(row["phash"] for row in hashed),
        {row["name"]: row["sha256"] for row in rows},
    )


def find_photo_leaks(photos: Mapping[str, Image], training: Sequence[TrainingSources]) -> list[PhotoLeak]:
    """Return the photos of a set that are training sources, each with the first source found.

    Photos with too little contrast are compared by their pixels only.
    """
    exact = {digest: name for sources in training for name, digest in sources.sha256.items()}
    leaks: dict[str, PhotoLeak] = {}
    for photo, image in photos.items():
        if source := exact.get(pixels_sha256(image)):
            leaks[photo] = PhotoLeak(photo, source, "exact")
    vivid = {name: image for name, image in photos.items() if not is_plain(image)}
    for sources in training if vivid else ():
        for leak in _find_near(vivid, sources):
            leaks.setdefault(leak.photo, leak)
    return [leaks[photo] for photo in photos if photo in leaks]


def _find_near(photos: Mapping[str, Image], sources: TrainingSources) -> Iterator[PhotoLeak]:
    if not sources.names:
        return
    names, run_hashes = list(photos), read_hashes(sources.phashes)
    folder_hashes = [hash_image(image).hex() for image in photos.values()]
    index_hashes = [perceptual_hash(image) for image in photos.values()]
    for hashes in (folder_hashes, index_hashes):
        set_hashes = read_hashes(hashes)
        for kind, bits in (("near", set_hashes), ("mirrored", mirror(set_hashes))):
            for photo, source in _match(bits, run_hashes):
                yield PhotoLeak(names[photo], sources.names[source], kind)


def _match(set_hashes: Bits, run_hashes: Bits) -> Iterator[tuple[int, int]]:
    """Yield the positions of near-duplicates: their keys and their whole hashes differ by few bits."""
    our_keys, their_keys = search_keys(set_hashes), search_keys(run_hashes)
    for left, right in find_close_matches(np.unique(our_keys), np.unique(their_keys), MAX_RADIUS):
        for our_key, their_key in zip(left, right, strict=True):
            for photo in np.flatnonzero(our_keys == our_key):
                for source in np.flatnonzero(their_keys == their_key):
                    if are_near_duplicates(set_hashes[photo : photo + 1], run_hashes[source : source + 1])[0]:
                        yield int(photo), int(source)
