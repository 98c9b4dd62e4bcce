"""Reader of sealed buckets."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import tensorstore as ts

from omniedit.aspect import RATIOS, bucket_size
from omniedit.buckets.layout import ARRAYS, TRAIN, bucket_name, shard_file
from omniedit.buckets.scratch import DamagedCopy, is_copy
from omniedit.buckets.seal import read_sealed
from omniedit.errors import Damaged, UserError
from omniedit.imaging.images import resize_cover, resize_cover_mask
from omniedit.storage.manifest import checksum
from omniedit.storage.parquet import read_table


@dataclass(frozen=True)
class PairBatch:
    """Pairs of one bucket.

    Args:
        source, edited: (B, H, W, 3) uint8 RGB.
        mask: (B, H, W) uint8, 255 where the edit may have changed pixels, else 0.
        pairs: B rows of `layout.PAIRS_SCHEMA`: pair_id, task, instructions, o_score, split, source_id, row.
    """

    ratio: str
    source: np.ndarray
    edited: np.ndarray
    mask: np.ndarray
    pairs: tuple[dict[str, Any], ...]

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, some: slice) -> "PairBatch":
        return PairBatch(self.ratio, self.source[some], self.edited[some], self.mask[some], self.pairs[some])


@dataclass
class BucketStore:
    """Seven buckets of a folder, read through TensorStore.

    Args:
        path: folder with {ratio}.zarr and manifest.json.
        resolution: images are scaled down to `bucket_size(ratio, resolution)`; None leaves them as stored.
        cache_bytes: memory limit for cached scaled images. Nothing is evicted: an epoch visits each pair once, so any
            other pair is as likely to be read next.

    Raises:
        UserError: the buckets are not sealed or, on reading, a file is missing or temporarily unreadable.
        Damaged: on reading, a file does not match its checksum.
    """

    path: Path
    resolution: int | None = None
    cache_bytes: int = 256 * 2**20

    def __post_init__(self) -> None:
        manifest = read_sealed(self.path)
        self._sealed, self._layout, self._files = manifest["buckets"], manifest["layout"], manifest["files"]
        self._context = ts.Context({"cache_pool": {"total_bytes_limit": 0}})
        self._arrays: dict[tuple[str, str], ts.TensorStore] = {}
        self._pairs: dict[str, pa.Table] = {}
        self._cache: dict[tuple[str, int], list[np.ndarray]] = {}
        self._cached_bytes = 0

    def __len__(self) -> int:
        """Return the number of pairs in all buckets, including held-out ones."""
        return sum(bucket["pairs"] for bucket in self._sealed.values())

    def sizes(self, split: str = TRAIN) -> dict[str, int]:
        """Return the number of pairs of a split by ratio. Training pairs are the first rows of a bucket."""
        return {ratio: self._sealed[ratio][split] for ratio in RATIOS}

    def rows(self, ratio: str, split: str) -> np.ndarray:
        """Return the rows of a split in a bucket, for `read`."""
        trained = self._sealed[ratio][TRAIN]
        return np.arange(trained) if split == TRAIN else np.arange(trained, self._sealed[ratio]["pairs"])

    def image_size(self, ratio: str) -> tuple[int, int]:
        """Return width and height of the images from `read`."""
        if self.resolution is not None:
            return bucket_size(ratio, self.resolution)
        width, height = self._sealed[ratio]["size"]
        return width, height

    def read(self, ratio: str, rows: Sequence[int] | np.ndarray) -> PairBatch:
        """Return the pairs at `rows` of a bucket, in that order; a repeated row is read once."""
        unique, places = np.unique(np.asarray(rows, np.int64), return_inverse=True)
        images = self._images(ratio, unique.tolist())
        width, height = self.image_size(ratio)
        source, edited = (np.empty((len(places), height, width, 3), np.uint8) for _ in range(2))
        mask = np.empty((len(places), height, width), np.uint8)
        for position, place in enumerate(places):
            source[position], edited[position], mask[position] = images[place]
        pairs = self.pairs(ratio).take(pa.array(unique)).to_pylist()
        return PairBatch(ratio, source, edited, mask, tuple(pairs[place] for place in places))

    def pairs(self, ratio: str) -> pa.Table:
        """Return all rows of a bucket's pairs.parquet."""
        if ratio not in self._pairs:
            self._pairs[ratio] = read_table(self.path / bucket_name(ratio) / "pairs.parquet")
        return self._pairs[ratio]

    def _images(self, ratio: str, rows: Sequence[int]) -> list[list[np.ndarray]]:
        """Return source, edited and mask of each row at the store's resolution; all reads run concurrently."""
        missing = [row for row in rows if (ratio, row) not in self._cache]
        reads = {row: [self._array(ratio, name)[row].read() for name in ARRAYS] for row in missing}
        fresh = {row: self._resize(ratio, self._results(ratio, row, futures)) for row, futures in reads.items()}
        images = [fresh[row] if row in fresh else self._cache[ratio, row] for row in rows]
        if self.resolution is not None:
            for row, trio in fresh.items():
                self._keep((ratio, row), trio)
        return images

    def _results(self, ratio: str, row: int, futures: Sequence[ts.Future]) -> list[np.ndarray]:
        results = []
        for name, future in zip(ARRAYS, futures, strict=True):
            try:
                results.append(future.result())
            except (ValueError, OSError) as error:
                raise self._unreadable(ratio, row, name, error) from None
        return results

    def _unreadable(self, ratio: str, row: int, name: str, error: Exception) -> UserError:
        """Return the error for a failed read.

        It is `Damaged`, or `DamagedCopy` for a copy on scratch, only if the checksum is wrong, because a storage
        failure raises errors of the same kinds.
        """
        told = " ".join(str(error).split())[:200]
        name = shard_file(ratio, name, row // self._layout["pairs_per_zarr_shard"])
        file = self.path / name
        try:
            if checksum(file) == self._files[name]:
                return UserError(f"{file}: could not be read ({told}), but its checksum is correct; try again")
        except FileNotFoundError:
            return UserError(f"{file}: missing; run the same snakemake command again to recreate it")
        except OSError as problem:
            return UserError(f"{file}: cannot be read: {problem.strerror}")
        return DamagedCopy(file, told) if is_copy(self.path) else Damaged(file, told)

    def _resize(self, ratio: str, images: Sequence[np.ndarray]) -> list[np.ndarray]:
        if self.resolution is None:
            return list(images)
        source, edited, mask = images
        size = self.image_size(ratio)
        scaled_mask = resize_cover_mask(mask > 0, *size).astype(np.uint8) * 255
        return [resize_cover(source, *size), resize_cover(edited, *size), scaled_mask]

    def _keep(self, key: tuple[str, int], images: list[np.ndarray]) -> None:
        size = sum(image.nbytes for image in images)
        if self._cached_bytes + size <= self.cache_bytes:
            # A crop is a view that would keep the whole scaled image alive.
            self._cache[key] = [np.ascontiguousarray(image) for image in images]
            self._cached_bytes += size

    def _array(self, ratio: str, name: str) -> ts.TensorStore:
        if (ratio, name) not in self._arrays:
            folder = self.path / bucket_name(ratio) / name
            spec = {
                "driver": "zarr3",
                "kvstore": {"driver": "file", "path": f"{folder.resolve()}/"},
                # Without this, a missing Zarr shard reads as black images.
                "fill_missing_data_reads": False,
            }
            try:
                self._arrays[ratio, name] = ts.open(spec, read=True, context=self._context).result()
            except (ValueError, OSError) as error:
                told = " ".join(str(error).split())[:200]
                raise UserError(f"{folder}: not a Zarr array ({told}); run snakemake --forcerun seal_buckets") from None
        return self._arrays[ratio, name]
