"""Files of one part of encoded pairs, opened for reading, in each format that `encoded_pairs` writes."""

import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from omniedit.errors import UserError
from omniedit.storage.npy_rows import NpyRows

FORMAT = 2
FORMAT_WITH_REFERENCES = 3
"""Format of a part with latents of references; the rest is as in format 2."""
FORMAT_WITH_CAPTIONS = 4
"""Format of a part whose references have captions; the rest is as in format 3."""
REMEDY = "run snakemake --forcerun encode_pairs"


class EncodedPart:
    """Part of format 2, 3 or 4. Several threads may read at once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files: dict[tuple[str, int], NpyRows] = {}

    @cached_property
    def embeddings(self) -> tuple[NpyRows, NpyRows]:
        """Vectors per token, and per text."""
        return self._open("prompt.npy", 2), self._open("pooled.npy", 1)

    def latents_kind(self, ratio: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
        """Return the shape (C, h, w) and the type of an image's latents."""
        file = self._open(f"{ratio}.npy", 3)
        return file.row_shape, file.dtype

    def read_latents(self, ratio: str, row: int, image: int, flip: bool, out: np.ndarray) -> None:
        """Read the latents of source (image 0) or edited (image 1), of the mirrored image if `flip`."""
        self._open(f"{ratio}.mirrored.npy" if flip else f"{ratio}.npy", 3).read(2 * row + image, out)

    def read_reference(self, ratio: str, row: int, number: int, flip: bool) -> np.ndarray:
        """Return the latents, (C, h, w), of a pair's reference by its index, or of its mirror image if `flip`."""
        return self._read_reference_row(ratio, f"references{'.mirrored' if flip else ''}", 3, row, number)

    def caption_row(self, ratio: str, row: int, number: int) -> int:
        """Return the row of a reference's caption in the embeddings."""
        return int(self._read_reference_row(ratio, "references.texts", 1, row, number)[0])

    def _read_reference_row(self, ratio: str, name: str, dims: int, row: int, number: int) -> np.ndarray:
        firsts = self._open(f"{ratio}.references.first.npy", 1)
        first = np.empty(firsts.row_shape, firsts.dtype)
        firsts.read(row, first)
        file = self._open(f"{ratio}.{name}.npy", dims)
        value = np.empty(file.row_shape, file.dtype)
        file.read(int(first[0]) + number, value)
        return value

    def text_row(self, ratio: str, row: int, number: int | None, text: str) -> int:
        """Return the row of an instruction's embeddings by its index; None is the empty text, row 0."""
        if number is None:
            return 0
        file = self._open(f"{ratio}.texts.npy", 1)
        places = np.empty(file.row_shape, file.dtype)
        file.read(row, places)
        return int(places[number])

    def _open(self, name: str, dims: int) -> NpyRows:
        if (name, dims) not in self._files:
            self._files[name, dims] = NpyRows(self.folder / name, dims, REMEDY)
        return self._files[name, dims]


class FirstEncodedPart(EncodedPart):
    """Part of format 1."""

    def read_latents(self, ratio: str, row: int, image: int, flip: bool, out: np.ndarray) -> None:
        self._open(f"{ratio}.npy", 3).read(2 * (2 * row + image) + flip, out)

    def text_row(self, ratio: str, row: int, number: int | None, text: str) -> int:
        return self._texts[text]

    @cached_property
    def _texts(self) -> dict[str, int]:
        return {text: row for row, text in enumerate(json.loads((self.folder / "texts.json").read_text()))}


def open_part(folder: Path, manifest: Mapping[str, Any]) -> EncodedPart:
    """Open a part in the format that its manifest gives.

    Raises:
        UserError: a newer OmniEdit wrote the part.
    """
    version = manifest.get("format", 1)
    if version > FORMAT_WITH_CAPTIONS:
        raise UserError(f"{folder}: format {version} of a newer OmniEdit; update OmniEdit, or {REMEDY}")
    return EncodedPart(folder) if version >= FORMAT else FirstEncodedPart(folder)
