"""Photos with masks of their objects, read by ratio at the training resolution, like pairs."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from omniedit.aspect import RATIOS, bucket_size
from omniedit.buckets.placement import held_out_mask
from omniedit.buckets.store_layout import HELD_OUT, TRAIN
from omniedit.errors import UserError
from omniedit.grounding.objects import ObjectIndex
from omniedit.imaging.images import Image, resize_cover, resize_cover_mask
from omniedit.instructions.grammar import without_position
from omniedit.sources.photo_shard import PhotoShards

CACHE_BYTES = 256 * 2**20
"""Memory limit for cached resized photos."""


@dataclass(frozen=True)
class PhotoBatch:
    """Photos of one ratio.

    Args:
        images: (B, H, W, 3) uint8 RGB.
        objects: masks of each photo's objects, (N, H, W) bool.
        pairs: pair_id (the source id), caption and object names of each photo.
    """

    ratio: str
    images: np.ndarray
    objects: tuple[np.ndarray, ...]
    pairs: tuple[dict[str, Any], ...]

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, some: slice) -> "PhotoBatch":
        return PhotoBatch(self.ratio, self.images[some], self.objects[some], self.pairs[some])


class PhotoStore:
    """Photos for training the inpainting specialist.

    Args:
        photos: shards of photos.
        objects: index of their objects; objects of photos outside the index are detected.
        held_out: share of the photos that is never trained on.

    Raises:
        UserError: no photos.
    """

    def __init__(self, photos: PhotoShards, objects: ObjectIndex, resolution: int, held_out: float) -> None:
        if not len(photos):
            raise UserError("no photo to train inpainting on: sources/index.parquet lists rejected photos with reasons")
        self.photos, self.objects, self.resolution = photos, objects, resolution
        self._indices: dict[tuple[str, str], list[int]] = {
            (ratio, split): [] for ratio in RATIOS for split in (TRAIN, HELD_OUT)
        }
        for index, is_held_out in enumerate(held_out_mask(photos.names, held_out)):
            ratio = photos.metadata(index)["ratio"]
            self._indices[ratio, HELD_OUT if is_held_out else TRAIN].append(index)
        self._cache: dict[int, tuple[Image, np.ndarray, tuple[str, ...]]] = {}
        self._room = CACHE_BYTES

    def sizes(self) -> dict[str, int]:
        """Return the number of training photos by ratio; their rows come before the held-out ones."""
        return {ratio: len(self._indices[ratio, TRAIN]) for ratio in RATIOS}

    def rows(self, ratio: str, split: str) -> np.ndarray:
        trained = len(self._indices[ratio, TRAIN])
        return np.arange(trained) if split == TRAIN else trained + np.arange(len(self._indices[ratio, HELD_OUT]))

    def read(self, ratio: str, rows: Any) -> PhotoBatch:
        """Return the photos at `rows` of a ratio, in that order."""
        of_ratio = self._indices[ratio, TRAIN] + self._indices[ratio, HELD_OUT]
        indices = [of_ratio[row] for row in np.asarray(rows).tolist()]
        photos = {index: self._resize_photo(index) for index in dict.fromkeys(indices)}
        images, objects, names = zip(*(photos[index] for index in indices), strict=True)
        rows = tuple(self._row(*each) for each in zip(indices, names, strict=True))
        return PhotoBatch(ratio, np.stack(images), objects, rows)

    def _row(self, index: int, names: tuple[str, ...]) -> dict[str, Any]:
        about = self.photos.metadata(index)
        return {"pair_id": about["source_id"], "caption": about["caption"], "names": names}

    def _resize_photo(self, index: int) -> tuple[Image, np.ndarray, tuple[str, ...]]:
        """Return a photo (H, W, 3) and its objects (N, H, W) at the training resolution, and the objects' names."""
        if index in self._cache:
            return self._cache[index]
        photo = self.photos[index]
        width, height = bucket_size(photo.ratio, self.resolution)
        photo_objects = self.objects.find(photo)
        masks = [resize_cover_mask(obj.mask, width, height) for obj in photo_objects]
        names = tuple(without_position(obj.name) for obj in photo_objects)
        objects = np.array(masks, bool).reshape(-1, height, width)
        image = np.ascontiguousarray(resize_cover(photo.image, width, height))
        size = image.nbytes + objects.nbytes
        if size <= self._room:
            self._cache[index] = image, objects, names
            self._room -= size
        return image, objects, names
