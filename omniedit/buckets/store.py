"""Reader of sealed buckets."""

import json
import os
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa

from omniedit.aspect import RATIOS, bucket_size
from omniedit.buckets.array_pool import ArrayPool
from omniedit.buckets.codecs import Codec, find_codec
from omniedit.buckets.pair_rows import PairRows, open_pair_rows
from omniedit.buckets.references import REFERENCES, reference_roles, unpack_files
from omniedit.buckets.scratch import DamagedCopy, is_copy
from omniedit.buckets.seal import read_sealed
from omniedit.buckets.store_layout import ARRAYS, HELD_OUT, TRAIN, bucket_name, shard_file
from omniedit.buckets.zarr_shard import ZarrShard
from omniedit.errors import DamagedFile, UserError, one_line
from omniedit.imaging.images import Image, decode_image, resize_cover, resize_cover_mask
from omniedit.storage.manifest import checksum

Job = TypeVar("Job")
Result = TypeVar("Result")
MAX_THREADS = 8
"""Maximum number of images that are decoded at once."""
OPEN_SHARDS = 256
"""Number of Zarr shards that stay open, each with a file descriptor and 16 bytes per pair."""


@dataclass(frozen=True)
class PairBatch:
    """Pairs of one bucket.

    Args:
        source, edited: (B, H, W, 3) uint8 RGB.
        mask: (B, H, W) uint8, 255 where the edit may have changed pixels, else 0.
        pairs: B rows of `store_layout.PAIRS_SCHEMA`: pair_id, task, instructions, o_score, split, source_id, row.
        references: each pair's reference images, (h, w, 3) of any size; () if the store does not read them.
    """

    ratio: str
    source: np.ndarray
    edited: np.ndarray
    mask: np.ndarray
    pairs: tuple[dict[str, Any], ...]
    references: tuple[tuple[Image, ...], ...] = ()

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, some: slice) -> "PairBatch":
        arrays = self.source[some], self.edited[some], self.mask[some]
        return PairBatch(self.ratio, *arrays, self.pairs[some], self.references[some])


@dataclass
class BucketStore:
    """Seven buckets of a folder. Opening takes the same time for any number of pairs; several threads may read.

    Args:
        path: folder with {ratio}.zarr and manifest.json.
        resolution: images are scaled down to `bucket_size(ratio, resolution)`; None leaves them as stored.
        cache_bytes: memory limit for cached scaled images. Nothing is evicted, because an epoch visits each pair
            once, so that all other pairs are equally likely to be read next.
        reads_references: read the pairs' reference images as well, where they have some. They are not cached.

    Raises:
        UserError: the buckets are not sealed or, on reading, a file is missing or temporarily unreadable.
        DamagedFile: on reading, a file does not match its checksum.
    """

    path: Path
    resolution: int | None = None
    cache_bytes: int = 256 * 2**20
    reads_references: bool = False

    def __post_init__(self) -> None:
        manifest = read_sealed(self.path)
        self._sealed, self._layout, self._files = manifest["buckets"], manifest["layout"], manifest["files"]
        self._shards: OrderedDict[str, ZarrShard] = OrderedDict()
        self._codecs: dict[tuple[str, str], Codec] = {}
        self._rows: dict[str, PairRows] = {}
        self._cache: dict[tuple[str, int], list[np.ndarray]] = {}
        self._cached_bytes = 0
        self._memory = ArrayPool()

    def __len__(self) -> int:
        """Return the number of pairs in all buckets, including held-out ones."""
        return sum(bucket["pairs"] for bucket in self._sealed.values())

    def sizes(self, split: str = TRAIN) -> dict[str, int]:
        """Return the number of pairs of a split by ratio."""
        return {ratio: self._sealed[ratio][split] for ratio in RATIOS}

    def rows(self, ratio: str, split: str) -> np.ndarray:
        """Return the rows of a split in a bucket, ascending, for `read`."""
        bucket = self._sealed[ratio]
        first_split = {TRAIN: [[0, bucket[TRAIN]]], HELD_OUT: [[bucket[TRAIN], bucket["pairs"]]]}
        runs = bucket.get("runs", first_split)[split]
        return np.concatenate([np.empty(0, np.int64), *(np.arange(first, end) for first, end in runs)])

    def image_size(self, ratio: str) -> tuple[int, int]:
        """Return width and height of the images from `read`."""
        if self.resolution is not None:
            return bucket_size(ratio, self.resolution)
        width, height = self._sealed[ratio]["size"]
        return width, height

    def read(self, ratio: str, rows: Sequence[int] | np.ndarray) -> PairBatch:
        """Return the pairs at `rows` of a bucket, in that order; a repeated row is read once."""
        numbers = np.asarray(rows, np.int64).tolist()
        width, height = self.image_size(ratio)
        shapes = [(len(numbers), height, width, *([channels] if channels else [])) for channels in ARRAYS.values()]
        batch = [self._memory.empty(shape) for shape in shapes]
        indices = {row: index for index, row in reversed(list(enumerate(numbers)))}
        self._fill(ratio, indices, batch)
        for index, row in enumerate(numbers):
            if indices[row] != index:
                for images in batch:
                    images[index] = images[indices[row]]
        pairs = tuple(self.describe(ratio, numbers))
        references: tuple[tuple[Image, ...], ...] = ()
        if self.reads_references:
            references = tuple(run_in_threads(lambda pair: self._read_references(ratio, pair), pairs))
        return PairBatch(ratio, batch[0], batch[1], batch[2], pairs, references)

    def describe(self, ratio: str, rows: Sequence[int]) -> list[dict[str, Any]]:
        """Return some rows of a bucket's pairs.parquet, without reading the others."""
        return self._pair_rows(ratio).read(rows)

    def pairs(self, ratio: str) -> pa.Table:
        """Return all rows of a bucket's pairs.parquet."""
        return self._pair_rows(ratio).table()

    def _pair_rows(self, ratio: str) -> PairRows:
        if ratio not in self._rows:
            self._rows[ratio] = open_pair_rows(self.path / bucket_name(ratio))
        return self._rows[ratio]

    def _fill(self, ratio: str, indices: dict[int, int], batch: Sequence[np.ndarray]) -> None:
        """Read the images of some rows into the batch at `indices`. Rows of one Zarr shard are read one after the
        other.
        """
        rows = sorted(indices)
        if self.resolution is None:
            jobs = [
                (row, name, images[indices[row]]) for row in rows for name, images in zip(ARRAYS, batch, strict=True)
            ]
            run_in_threads(lambda job: self._read_image(ratio, *job), jobs)
            return
        missing = [row for row in rows if (ratio, row) not in self._cache]
        scaled = dict(zip(missing, run_in_threads(lambda row: self._read_scaled(ratio, row), missing), strict=True))
        for row in rows:
            trio = scaled[row] if row in scaled else self._cache[ratio, row]
            for images, image in zip(batch, trio, strict=True):
                images[indices[row]] = image
        for row, trio in scaled.items():
            self._keep((ratio, row), trio)

    def _read_scaled(self, ratio: str, row: int) -> list[np.ndarray]:
        """Return source, edited and mask of a row at the store's resolution."""
        width, height = self._sealed[ratio]["size"]
        source, edited = (self._memory.empty((height, width, 3)) for _ in range(2))
        mask, size = self._memory.empty((height, width)), self.image_size(ratio)
        for name, image in zip(ARRAYS, (source, edited, mask), strict=True):
            self._read_image(ratio, row, name, image)
        scaled_mask = resize_cover_mask(mask > 0, *size).astype(np.uint8) * 255
        return [resize_cover(source, *size), resize_cover(edited, *size), scaled_mask]

    def _read_image(self, ratio: str, row: int, name: str, out: np.ndarray) -> None:
        """Read an image into an array of its size."""
        shard, index = divmod(row, self._layout["pairs_per_zarr_shard"])
        codec, file = self._codec(ratio, name), shard_file(ratio, name, shard)
        try:
            codec.decode(self._open_shard(file).read(index), out)
        except (ValueError, OSError) as error:  # pyarrow raises OSError for damaged zstd
            raise self._unreadable(file, error) from None

    def _read_references(self, ratio: str, pair: dict[str, Any]) -> tuple[Image, ...]:
        """Return the reference images of a pair, given its row."""
        if not reference_roles(pair):
            return ()
        shard, index = divmod(pair["row"], self._layout["pairs_per_zarr_shard"])
        file = shard_file(ratio, REFERENCES, shard)
        try:
            files = unpack_files(self._open_shard(file).read(index))
        except (ValueError, OSError) as error:
            raise self._unreadable(file, error) from None
        return tuple(decode_image(image, f"{self.path / file}: {pair['pair_id']}: reference") for image in files)

    def _open_shard(self, file: str) -> ZarrShard:
        """Return an open Zarr shard. If it is evicted meanwhile, it stays open until its last reader is done."""
        shard = self._shards.pop(file, None) or ZarrShard(self.path / file, self._layout["pairs_per_zarr_shard"])
        self._shards[file] = shard
        if len(self._shards) > OPEN_SHARDS:
            self._shards.popitem(last=False)
        return shard

    def _codec(self, ratio: str, name: str) -> Codec:
        """Return the codec of an array, as its zarr.json says."""
        if (ratio, name) not in self._codecs:
            self._codecs[ratio, name] = read_codec(self.path / bucket_name(ratio) / name / "zarr.json")
        return self._codecs[ratio, name]

    def _unreadable(self, name: str, error: Exception) -> UserError:
        """Return the error for a failed read.

        Only if the checksum is wrong, it is `DamagedFile`, or `DamagedCopy` for a copy on scratch. A storage failure
        raises the same exceptions as damage.
        """
        message = one_line(error, 200)
        file = self.path / name
        try:
            if checksum(file) == self._files[name]:
                return UserError(f"{file}: could not be read ({message}), but its checksum is correct; try again")
        except FileNotFoundError:
            return UserError(f"{file}: missing; run the same snakemake command again to recreate it")
        except OSError as problem:
            return UserError(f"{file}: cannot be read: {problem.strerror}")
        return DamagedCopy(file, message) if is_copy(self.path) else DamagedFile(file, message)

    def _keep(self, key: tuple[str, int], images: list[np.ndarray]) -> None:
        size = sum(image.nbytes for image in images)
        if self._cached_bytes + size <= self.cache_bytes:
            # A crop is a view that would keep the whole scaled image alive.
            self._cache[key] = [np.ascontiguousarray(image) for image in images]
            self._cached_bytes += size


def read_codec(path: Path) -> Codec:
    """Return the codec that an array's zarr.json names.

    Raises:
        UserError: the file is missing or unreadable, or names another codec.
    """
    try:
        metadata = json.loads(path.read_text())["codecs"][0]["configuration"]["codecs"]
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}; run snakemake --forcerun seal_buckets") from None
    except (ValueError, LookupError, TypeError) as error:
        raise UserError(f"{path}: not a Zarr array ({error}); run snakemake --forcerun seal_buckets") from None
    if codec := find_codec(metadata):
        return codec
    names = ", ".join(entry["name"] for entry in metadata)
    raise UserError(f"{path}: unknown codecs {names}; update OmniEdit")


def run_in_threads(work: Callable[[Job], Result], jobs: Sequence[Job]) -> list[Result]:
    """Return the result of each job, in order; several jobs share this process's cores."""
    return [work(job) for job in jobs] if len(jobs) < 2 else list(_threads().map(work, jobs))


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(min(MAX_THREADS, len(os.sched_getaffinity(0))), "bucket reader")
