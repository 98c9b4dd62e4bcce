"""Embeddings of images that are computed once for several metrics and editors.

N  images      D  embedding dimensions
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from omniedit.imaging.images import Image, pixels_sha256

Vectors = NDArray[np.float32]
MAX_CACHED = 4096
"""Number of embeddings in memory. The source images are needed again for each editor."""


class EmbeddingCache:
    """Memory of the latest embeddings, by the digest of the image.

    Args:
        embed: embeddings (N, D) of N images.
        capacity: number of embeddings to keep.
    """

    def __init__(self, embed: Callable[[Sequence[Image]], Vectors], capacity: int = MAX_CACHED) -> None:
        self._embed = embed
        self._capacity = capacity
        self._vectors: OrderedDict[str, NDArray[np.float32]] = OrderedDict()

    def __call__(self, images: Sequence[Image]) -> Vectors:
        """Return the embeddings (N, D) of images; only missing ones are computed."""
        keys = [pixels_sha256(image) for image in images]
        missing = {key: image for key, image in zip(keys, images, strict=True) if key not in self._vectors}
        if missing:
            self._vectors.update(zip(missing, self._embed(list(missing.values())), strict=True))
        vectors = np.stack([self._vectors[key] for key in keys])
        for key in keys:
            self._vectors.move_to_end(key)
        while len(self._vectors) > self._capacity:
            self._vectors.popitem(last=False)
        return vectors


def cosine(a_ND: Vectors, b_ND: Vectors) -> NDArray[np.float64]:
    """Return the cosine of each two corresponding rows, in [-1, 1]; 0 if either is zero."""
    a_ND, b_ND = a_ND.astype(np.float64), b_ND.astype(np.float64)
    lengths = np.linalg.norm(a_ND, axis=1) * np.linalg.norm(b_ND, axis=1)
    products = (a_ND * b_ND).sum(axis=1)
    return np.clip(np.where(lengths > 0, products / np.where(lengths > 0, lengths, 1), 0), -1, 1)


def unit(vectors_ND: Vectors) -> Vectors:
    """Scale each row to length 1."""
    return vectors_ND / np.linalg.norm(vectors_ND, axis=1, keepdims=True).clip(min=1e-12)
