"""Latents of pairs and embeddings of their instructions, encoded once by parallel jobs and read by every step.

    {part}/{ratio}.npy             (pairs, 2, C, h, w), source and edited, in `train.dtype`
    {part}/{ratio}.mirrored.npy    the same for the mirrored images of training pairs
    {part}/{ratio}.texts.npy       (pairs, T) int32, rows in prompt.npy of a pair's instructions, padded with -1
    {part}/{ratio}.references.npy  (references, C, h, w), references of all pairs, one pair after the other
    {part}/{ratio}.references.mirrored.npy    the same for the mirrored images
    {part}/{ratio}.references.first.npy       (pairs, 1) int64, the row of each pair's first reference
    {part}/{ratio}.references.texts.npy       (references, 1) int32, the row in prompt.npy of each caption, 0 for none
    {part}/prompt.npy              (texts, M, D), a vector per token; row 0 is the empty text
    {part}/pooled.npy              (texts, D), a vector per text
    {part}/manifest.json           format, checksums, the rows of each bucket, and the identity of the encoding

The parts are the parts of the buckets. A part whose pairs have references has files for them and format 3, or format 4
if some reference has a caption. A reference is scaled to fit its pair's image size, on a grey background.

bfloat16 is stored as int16 bits. A step reads only the rows of its batch, each at its offset. Encoding a mirrored image
is not the same as mirroring its latents, so both are stored. Format 1 can also be read: it has (pairs, 2, 2, C, h, w)
float32 in {ratio}.npy, each image unmirrored and mirrored, and the texts in texts.json.
"""

import json
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
from torch import Tensor

from omniedit.buckets.array_pool import ArrayPool
from omniedit.buckets.placement import Plan
from omniedit.buckets.references import reference_captions
from omniedit.buckets.store import BucketStore
from omniedit.buckets.store_layout import TRAIN
from omniedit.errors import UserError
from omniedit.models.codec import Vae
from omniedit.models.text import Text
from omniedit.storage.manifest import MANIFEST, checksum, checksums, files_below, write_manifest
from omniedit.training.editor.encoded_part import (
    FORMAT,
    FORMAT_WITH_CAPTIONS,
    FORMAT_WITH_REFERENCES,
    REMEDY,
    EncodedPart,
    open_part,
)
from omniedit.training.editor.npy_writer import NpyWriter, ReferenceWriter, encode_images, from_bits

TEXTS_AT_ONCE = 16


def encoding_identity(store: BucketStore, dtype: str) -> dict[str, Any]:
    """Return all settings and inputs, besides the base, that encoded pairs depend on."""
    return {"buckets": checksum(store.path / MANIFEST)["sha256"], "resolution": store.resolution, "dtype": dtype}


def encode_part(
    store: BucketStore, plan: Plan, part: str, vae: Vae, text: Text, dtype: str, out: Path
) -> Iterator[None]:
    """Write a part's files to the folder `out` and yield after each pair.

    Args:
        store: a store that reads references, if the buckets have them.
    """
    planned = plan.table.filter(pc.equal(plan.table["part"], part))
    rows: dict[str, list[int]] = {}
    for ratio, row in zip(planned["ratio"].to_pylist(), planned["row"].to_pylist(), strict=True):
        rows.setdefault(ratio, []).append(row)
    known = {"": 0}
    for ratio, in_ratio in rows.items():
        instructions: list[list[int]] = []
        captions: list[str] = []
        for pair in _encode_images(store, ratio, in_ratio, vae, dtype, out):
            instructions.append([known.setdefault(text, len(known)) for text in pair["instructions"]])
            captions += [text or "" for text in reference_captions(pair)]
            yield
        if any(captions):
            rows_of_texts = [[known.setdefault(text, len(known))] for text in captions]
            np.save(out / f"{ratio}.references.texts.npy", np.array(rows_of_texts, np.int32))
        count = max(map(len, instructions))
        padded = [text_rows + [-1] * (count - len(text_rows)) for text_rows in instructions]
        np.save(out / f"{ratio}.texts.npy", np.array(padded, np.int32))
    _write_texts(list(known), text, out)
    has_references, has_captions = (any(out.glob(f"*.references{name}.npy")) for name in ("", ".texts"))
    version = FORMAT_WITH_CAPTIONS if has_captions else FORMAT_WITH_REFERENCES if has_references else FORMAT
    manifest = {"format": version, "part": part, "of": encoding_identity(store, dtype)}
    manifest["rows"] = {ratio: [in_ratio[0], len(in_ratio)] for ratio, in_ratio in rows.items()}
    manifest["spans"] = {ratio: find_spans(in_ratio) for ratio, in_ratio in rows.items()}
    write_manifest(out / MANIFEST, manifest | {"files": checksums(out, files_below(out))})


def find_spans(rows: Sequence[int]) -> list[list[int]]:
    """Return [first row, count] of each run of successive rows, given in ascending order."""
    starts = np.flatnonzero(np.diff(rows, prepend=-2) != 1)
    counts = np.diff(starts, append=len(rows))
    return [[rows[start], count] for start, count in zip(starts.tolist(), counts.tolist(), strict=True)]


def _encode_images(
    store: BucketStore, ratio: str, rows: Sequence[int], vae: Vae, dtype: str, out: Path
) -> Iterator[dict[str, Any]]:
    """Write the latents of a bucket's rows and yield each pair's row of pairs.parquet."""
    plain, mirrored = (NpyWriter(out / f"{ratio}{name}.npy", len(rows)) for name in ("", ".mirrored"))
    references = ReferenceWriter(store, ratio, rows, vae, dtype, out)
    for row in rows:
        batch = store.read(ratio, [row])
        references.add(batch)
        images, pair = np.concatenate([batch.source, batch.edited]), batch.pairs[0]
        if pair["split"] == TRAIN:
            latents = encode_images(vae, np.concatenate([images, images[:, :, ::-1]]), dtype)
            mirrored.add(latents[2:])
        else:
            latents = encode_images(vae, images, dtype)
            mirrored.skip()
        plain.add(latents[:2])
        yield pair


def _write_texts(texts: Sequence[str], text: Text, out: Path) -> None:
    prompt, pooled = (NpyWriter(out / name, len(texts)) for name in ("prompt.npy", "pooled.npy"))
    for first in range(0, len(texts), TEXTS_AT_ONCE):
        for row in zip(*text.encode(texts[first : first + TEXTS_AT_ONCE]), strict=True):
            prompt.add(row[0])
            pooled.add(row[1])


@dataclass(frozen=True)
class EncodedBatch:
    """Pairs of one bucket, in the form of `PairBatch`, whose latents and embeddings are read on demand.

    Args:
        micro_batches: the network's inputs for these pairs, by micro-batch, if they were built in advance.
    """

    ratio: str
    rows: tuple[int, ...]
    pairs: tuple[dict[str, Any], ...]
    encoded: "EncodedPairs" = field(repr=False)
    micro_batches: tuple[Any, ...] = ()

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, some: slice) -> "EncodedBatch":
        return replace(self, rows=self.rows[some], pairs=self.pairs[some], micro_batches=())

    def latents(self, flips: Sequence[bool]) -> tuple[Tensor, Tensor]:
        """Return latents of source and edited, (B, C, h, w) each, of the mirrored images where `flips` is True."""
        locations = self._locations()
        shape, dtype = locations[0][0].latents_kind(self.ratio)
        both = [self.encoded.memory.empty((len(locations), *shape), dtype) for _ in range(2)]
        for index, ((part, row), flip) in enumerate(zip(locations, flips, strict=True)):
            for image, latents in enumerate(both):
                part.read_latents(self.ratio, row, image, flip, latents[index])
        return from_bits(both[0]), from_bits(both[1])

    def reference_latents(self, chosen: Sequence[Sequence[int]], flips: Sequence[bool]) -> list[Tensor]:
        """Return latents of references, (C, h, w) each, pair after pair, of the mirrored ones where `flips` is True.

        Args:
            chosen: indices of each pair's references.
        """
        return [
            from_bits(part.read_reference(self.ratio, row, number, flip))
            for (part, row), numbers, flip in zip(self._locations(), chosen, flips, strict=True)
            for number in numbers
        ]

    def caption_embeddings(
        self, chosen: Sequence[Sequence[int]], captions: Sequence[Sequence[str]]
    ) -> tuple[Tensor, Tensor]:
        """Return embeddings (captions, M, D) and (captions, D) of references' captions, pair after pair.

        Args:
            chosen: indices of each pair's references.
            captions: their captions; '' for a withheld caption.
        """
        text_rows = [
            (part, part.caption_row(self.ratio, row, number) if text else 0)
            for (part, row), numbers, texts in zip(self._locations(), chosen, captions, strict=True)
            for number, text in zip(numbers, texts, strict=True)
        ]
        return self._read_texts(text_rows)

    def embeddings(self, chosen: Sequence[int | None]) -> tuple[Tensor, Tensor]:
        """Return embeddings (B, M, D) and (B, D) of each pair's instruction by its index; None is the empty text."""
        text_rows = [
            (part, part.text_row(self.ratio, row, number, "" if number is None else pair["instructions"][number]))
            for (part, row), number, pair in zip(self._locations(), chosen, self.pairs, strict=True)
        ]
        return self._read_texts(text_rows)

    def _locations(self) -> list[tuple[EncodedPart, int]]:
        return [self.encoded.find(self.ratio, row) for row in self.rows]

    def _read_texts(self, text_rows: Sequence[tuple[EncodedPart, int]]) -> tuple[Tensor, Tensor]:
        """Return the embeddings at some rows of parts."""
        files = text_rows[0][0].embeddings
        both = [self.encoded.memory.empty((len(text_rows), *file.row_shape), file.dtype) for file in files]
        for index, (part, row) in enumerate(text_rows):
            for file, vectors in zip(part.embeddings, both, strict=True):
                file.read(row, vectors[index])
        return from_bits(both[0]), from_bits(both[1])


@dataclass
class EncodedPairs:
    """Encoded pairs of all parts. Opening takes the same time for any number of pairs.

    Args:
        folder: folder of the parts.
        store: buckets that the parts were made from.

    Raises:
        UserError: a part is missing, or was made from other buckets or at another resolution or dtype.
    """

    folder: Path
    store: BucketStore
    dtype: str

    def __post_init__(self) -> None:
        identity, rows = encoding_identity(self.store, self.dtype), 0
        self.memory = ArrayPool()
        self._spans: dict[str, list[tuple[int, int, EncodedPart]]] = {}
        for path in sorted(self.folder.glob(f"*/{MANIFEST}")):
            manifest = json.loads(path.read_text())
            if manifest["of"] != identity:
                raise UserError(f"{path.parent}: made from {manifest['of']}, but {identity} is needed; {REMEDY}")
            self._add(open_part(path.parent, manifest), manifest)
            rows += sum(count for _, count in manifest["rows"].values())
        for spans in self._spans.values():
            spans.sort(key=lambda span: span[0])
        if rows != (pairs := len(self.store)):
            raise UserError(f"{self.folder}: {rows} of the buckets' {pairs} pairs are encoded; {REMEDY}")

    def _add(self, part: EncodedPart, manifest: Mapping[str, Any]) -> None:
        """Add a part's spans of rows, each with its first row in the part's files."""
        first_spans = {ratio: [span] for ratio, span in manifest["rows"].items()}
        for ratio, spans in manifest.get("spans", first_spans).items():
            first_index = 0
            for first, count in spans:
                self._spans.setdefault(ratio, []).append((first, first_index, part))
                first_index += count

    def read(self, ratio: str, rows: Sequence[int] | np.ndarray) -> EncodedBatch:
        """Return the pairs at `rows` of a bucket, in that order."""
        numbers = np.asarray(rows, np.int64).tolist()
        return EncodedBatch(ratio, tuple(numbers), tuple(self.store.describe(ratio, numbers)), self)

    def find(self, ratio: str, row: int) -> tuple[EncodedPart, int]:
        """Return the part that holds a row of a bucket, and the index of the row in its files."""
        spans = self._spans[ratio]
        first, first_index, part = spans[bisect_right(spans, row, key=lambda span: span[0]) - 1]
        return part, first_index + row - first
