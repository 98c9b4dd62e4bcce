"""Latents of pairs and embeddings of their instructions, encoded once by parallel jobs and read by every step.

    {part}/{ratio}.npy      (pairs, 2, 2, C, h, w) float32: source and edited, each as it is and mirrored
    {part}/prompt.npy       (texts, M, D), a vector per token; bfloat16 is stored as int16 bits
    {part}/pooled.npy       (texts, D), a vector per text
    {part}/texts.json       the texts, including the empty one
    {part}/manifest.json    checksums, the rows of each bucket, and the identity of the encoding

The parts are those of the buckets. Files are memory-mapped, so only the rows of a batch are read.
"""

import json
import time
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from torch import Tensor

from omniedit.buckets.placement import Plan
from omniedit.buckets.store import BucketStore
from omniedit.errors import UserError
from omniedit.models.codec import Vae, encode
from omniedit.models.text import Text
from omniedit.storage.manifest import MANIFEST, checksum, checksums, files_below, write_manifest

TEXTS_AT_ONCE = 16
AGAIN = "run snakemake --forcerun encode_pairs"


@dataclass(frozen=True)
class EncodedBatch:
    """Pairs of one bucket, as `PairBatch` has them, but with latents instead of images.

    Args:
        source, edited: (B, 2, C, h, w) float32, latents of the image as it is and mirrored.
    """

    ratio: str
    source: np.ndarray
    edited: np.ndarray
    pairs: tuple[dict[str, Any], ...]

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, some: slice) -> "EncodedBatch":
        return EncodedBatch(self.ratio, self.source[some], self.edited[some], self.pairs[some])


def encoding_identity(store: BucketStore, dtype: str) -> dict[str, Any]:
    """Return everything besides the base that encoded pairs depend on."""
    return {"buckets": checksum(store.path / MANIFEST)["sha256"], "resolution": store.resolution, "dtype": dtype}


def encode_part(
    store: BucketStore, plan: Plan, part: str, vae: Vae, text: Text, dtype: str, out: Path
) -> Iterator[None]:
    """Write a part's files to the folder `out` and yield after each pair."""
    planned = plan.table.filter(pc.equal(plan.table["part"], part))
    rows: dict[str, list[int]] = {}
    for ratio, row in zip(planned["ratio"].to_pylist(), planned["row"].to_pylist(), strict=True):
        rows.setdefault(ratio, []).append(row)
    texts = {""}
    for ratio, of_ratio in rows.items():
        file = Stacked(out / f"{ratio}.npy", len(of_ratio))
        for row in of_ratio:
            pair = store.read(ratio, [row])
            file.add(_latents(vae, [pair.source[0], pair.edited[0]]))
            texts |= set(pair.pairs[0]["instructions"])
            yield
    _write_texts(sorted(texts), text, out)
    first_and_count = {ratio: (of_ratio[0], len(of_ratio)) for ratio, of_ratio in rows.items()}
    manifest = {"part": part, "of": encoding_identity(store, dtype), "rows": first_and_count}
    write_manifest(out / MANIFEST, manifest | {"files": checksums(out, files_below(out))})


@torch.no_grad()
def _latents(vae: Vae, images_HW3: Sequence[np.ndarray]) -> Tensor:
    """Return (images, 2, C, h, w): latents of each image as it is and mirrored."""
    both = np.stack([side for image in images_HW3 for side in (image, image[:, ::-1])])
    latents = encode(vae, torch.from_numpy(both).to(vae.device).permute(0, 3, 1, 2) / 127.5 - 1)
    return latents.unflatten(0, (-1, 2))


def _write_texts(texts: Sequence[str], text: Text, out: Path) -> None:
    prompt, pooled = (Stacked(out / name, len(texts)) for name in ("prompt.npy", "pooled.npy"))
    for first in range(0, len(texts), TEXTS_AT_ONCE):
        for row in zip(*text.encode(texts[first : first + TEXTS_AT_ONCE]), strict=True):
            prompt.add(row[0])
            pooled.add(row[1])
    (out / "texts.json").write_text(json.dumps(texts) + "\n")


class Stacked:
    """Writer of a .npy file of `count` tensors of one shape, one at a time."""

    def __init__(self, path: Path, count: int) -> None:
        self.path, self.count, self.filled = path, count, 0
        self._rows: Any = None

    def add(self, row: Tensor) -> None:
        value = _bits(row).cpu().numpy()
        if self._rows is None:
            self._rows = np.lib.format.open_memmap(self.path, "w+", value.dtype, (self.count, *value.shape))
        self._rows[self.filled] = value
        self.filled += 1


def _bits(tensor: Tensor) -> Tensor:
    return tensor.view(torch.int16) if tensor.dtype == torch.bfloat16 else tensor


def _tensor(value: np.ndarray) -> Tensor:
    """Return the tensor from which `_bits` made an array."""
    tensor = torch.from_numpy(np.array(value))
    return tensor.view(torch.bfloat16) if tensor.dtype == torch.int16 else tensor


@dataclass
class EncodedPairs:
    """Encoded pairs of all parts, opened for reading.

    Args:
        folder: holds the parts.
        store: buckets from which the parts were made.

    `waited_s` is the time that steps have spent reading embeddings; pairs are prefetched.

    Raises:
        UserError: a part is missing, or was made from other buckets or at another resolution or dtype.
    """

    folder: Path
    store: BucketStore
    dtype: str
    waited_s: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        identity, found = encoding_identity(self.store, self.dtype), 0
        for part, manifest in self._parts.items():
            if manifest["of"] != identity:
                raise UserError(f"{part}: made from {manifest['of']}, but {identity} is needed; {AGAIN}")
            found += sum(count for _, count in manifest["rows"].values())
        if found != (pairs := len(self.store)):
            raise UserError(f"{self.folder}: {found} of the buckets' {pairs} pairs are encoded; {AGAIN}")

    def read(self, ratio: str, rows: Sequence[int] | np.ndarray) -> EncodedBatch:
        """Return the pairs at `rows` of a bucket, in that order."""
        latents = np.stack([self._latents(ratio, row) for row in np.asarray(rows).tolist()])
        pairs = self.store.pairs(ratio).take(pa.array(rows)).to_pylist()
        return EncodedBatch(ratio, latents[:, 0], latents[:, 1], tuple(pairs))

    def embeddings(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Return embeddings (B, M, D) and (B, D), as `Text.encode` does."""
        start = time.monotonic()
        places = [self._texts[text] for text in texts]
        prompt, pooled = (
            torch.stack([_tensor(_open_array(part / name)[row]) for part, row in places])
            for name in ("prompt.npy", "pooled.npy")
        )
        self.waited_s += time.monotonic() - start
        return prompt, pooled

    def _latents(self, ratio: str, row: int) -> np.ndarray:
        firsts, parts = self._starts[ratio]
        place = bisect_right(firsts, row) - 1
        return _open_array(parts[place] / f"{ratio}.npy")[row - firsts[place]]

    @cached_property
    def _parts(self) -> Mapping[Path, Mapping[str, Any]]:
        """Manifest of each part, by folder."""
        found = sorted(self.folder.glob(f"*/{MANIFEST}"))
        return {path.parent: json.loads(path.read_text()) for path in found}

    @cached_property
    def _starts(self) -> dict[str, tuple[list[int], list[Path]]]:
        """First rows of each ratio's parts, ascending, and the parts' folders."""
        starts: dict[str, list[tuple[int, Path]]] = {}
        for part, manifest in self._parts.items():
            for ratio, (first, _) in manifest["rows"].items():
                starts.setdefault(ratio, []).append((first, part))
        return {
            ratio: ([first for first, _ in of_ratio], [part for _, part in of_ratio])
            for ratio, of_ratio in ((ratio, sorted(some)) for ratio, some in starts.items())
        }

    @cached_property
    def _texts(self) -> dict[str, tuple[Path, int]]:
        """Part and row of each text."""
        return {
            text: (part, row)
            for part in self._parts
            for row, text in enumerate(json.loads((part / "texts.json").read_text()))
        }


@cache
def _open_array(path: Path) -> np.ndarray:
    try:
        return np.load(path, mmap_mode="r")
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({error}); {AGAIN}") from None
