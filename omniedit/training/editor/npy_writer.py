"""Writers of latents to .npy files: stacks of tensors of one shape, and the references of pairs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from omniedit.buckets.references import reference_roles
from omniedit.buckets.store import BucketStore, PairBatch
from omniedit.imaging.images import resize_contain
from omniedit.models.codec import Vae, encode_arrays


class NpyWriter:
    """Writer of a .npy file of `count` tensors of one shape, one at a time. It writes no file if `count` is 0."""

    def __init__(self, path: Path, count: int) -> None:
        self.path, self.count, self.filled = path, count, 0
        self._rows: Any = None

    def add(self, row: Tensor) -> None:
        value = to_bits(row).cpu().numpy()
        if self._rows is None:
            self._rows = np.lib.format.open_memmap(self.path, "w+", value.dtype, (self.count, *value.shape))
        self._rows[self.filled] = value
        self.filled += 1

    def skip(self) -> None:
        """Skip a tensor: the file gets a hole, which takes no disk space."""
        self.filled += 1


def to_bits(tensor: Tensor) -> Tensor:
    return tensor.view(torch.int16) if tensor.dtype == torch.bfloat16 else tensor


def from_bits(value: np.ndarray) -> Tensor:
    """Return the tensor from which `to_bits` made an array, without a copy."""
    tensor = torch.from_numpy(value)
    return tensor.view(torch.bfloat16) if tensor.dtype == torch.int16 else tensor


class ReferenceWriter:
    """Writer of the latents of references of a bucket's rows, pair after pair.

    Args:
        rows: rows of the pairs, in the order in which they are added.
    """

    def __init__(self, store: BucketStore, ratio: str, rows: Sequence[int], vae: Vae, dtype: str, out: Path) -> None:
        counts = [len(reference_roles(pair)) for pair in store.describe(ratio, rows)]
        self.vae, self.dtype, self.size = vae, dtype, store.image_size(ratio)
        names = ("references", "references.mirrored")
        self.plain, self.mirrored = (NpyWriter(out / f"{ratio}.{name}.npy", sum(counts)) for name in names)
        if any(counts):
            np.save(out / f"{ratio}.references.first.npy", (np.cumsum(counts) - counts)[:, None])

    def add(self, batch: PairBatch) -> None:
        """Add the references of one pair."""
        for image in batch.references[0] if batch.references else ():
            fitted = resize_contain(image, *self.size)
            plain, mirrored = encode_images(self.vae, np.stack([fitted, fitted[:, ::-1]]), self.dtype)
            self.plain.add(plain)
            self.mirrored.add(mirrored)


@torch.no_grad()
def encode_images(vae: Vae, images_BHW3: np.ndarray, dtype: str) -> Tensor:
    """Return the latents of images, (B, C, h, w)."""
    return encode_arrays(vae, images_BHW3).to(getattr(torch, dtype))
