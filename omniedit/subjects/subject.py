"""Subjects, each a name and 3 to 10 demonstrations (images with their texts), and the file of a shard of subjects.

h, w  height and width of a cut-out
"""

import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from omniedit.errors import UserError
from omniedit.imaging.boxes import FractionBox
from omniedit.imaging.images import Image, decode_image
from omniedit.sources.near_duplicates import perceptual_hash
from omniedit.storage.atomic import replace_file
from omniedit.storage.parquet import stream_rows

Rgba = NDArray[np.uint8]
"""Image of shape (h, w, 4), colours not multiplied by alpha."""
FORMAT = {b"subjects": b"1"}
"""Metadata of a file of subjects: its format."""
_GROUP = 8
"""Number of subjects in a row group, which is also the maximum number in memory while the file is read or written."""
_TEXT = pa.string()
SUBJECTS_SCHEMA = pa.schema(
    [
        ("subject_id", _TEXT),
        ("name", _TEXT),
        ("reason", _TEXT),
        ("images", pa.list_(pa.binary())),
        ("captions", pa.list_(_TEXT)),
        ("boxes", _TEXT),
        ("cut_out", pa.binary()),
        ("about", _TEXT),
    ],
    metadata=FORMAT,
)
"""Columns of `subjects/{shard}.parquet`. `reason` is null for a subject, and says why a cluster was rejected. `boxes`
(JSON) and `cut_out` (PNG) are null unless the subject was rendered. `about` is JSON: group, rows, rights."""


@dataclass(frozen=True)
class Demonstration:
    """Image of a subject with its text.

    Args:
        image: image file as bytes.
        box: place of the subject, as fractions; None where it is unknown.
    """

    image: bytes
    caption: str
    box: FractionBox | None = None


@dataclass(frozen=True)
class Subject:
    """Subject of a cluster.

    Args:
        name: noun, such as "brown hen".
        cut_out: PNG of only the subject, for rendered subjects.
        about: origin of the subject, as JSON values.
    """

    subject_id: str
    name: str
    demonstrations: tuple[Demonstration, ...]
    cut_out: bytes | None
    about: Mapping[str, Any]

    @property
    def sha256(self) -> str:
        """Digest of all demonstrations. Pairs of one subject share it, so they are held out together."""
        return hashlib.sha256(
            b"".join(hashlib.sha256(demonstration.image).digest() for demonstration in self.demonstrations)
        ).hexdigest()

    @cached_property
    def phash(self) -> str:
        """Perceptual hash of the cut-out subject, or of its first demonstration."""
        if self.cut_out is None:
            return perceptual_hash(decode_image(self.demonstrations[0].image, self.subject_id))
        return perceptual_hash(on_white(decode_cut_out(self.cut_out)))

    def images(self) -> list[Image]:
        """Decode the demonstrations.

        Raises:
            UserError: a demonstration cannot be decoded.
        """
        return [
            decode_image(each.image, f"{self.subject_id}: demonstration {number}")
            for number, each in enumerate(self.demonstrations, 1)
        ]


@dataclass(frozen=True)
class RejectedCluster:
    """Cluster that does not show one subject, with the reason."""

    subject_id: str
    reason: str
    about: Mapping[str, Any]


def write_subjects(path: Path, clusters: Iterable[Subject | RejectedCluster]) -> tuple[int, int]:
    """Write a shard of subjects and rejected clusters atomically; return the number of each."""
    counts, waiting = [0, 0], list[dict[str, Any]]()
    with replace_file(path) as temporary, pq.ParquetWriter(temporary, SUBJECTS_SCHEMA, write_page_checksum=True) as out:
        for cluster in clusters:
            counts[isinstance(cluster, RejectedCluster)] += 1
            waiting.append(_to_row(cluster))
            if len(waiting) == _GROUP:
                out.write_table(pa.Table.from_pylist(waiting, SUBJECTS_SCHEMA))
                waiting = []
        out.write_table(pa.Table.from_pylist(waiting, SUBJECTS_SCHEMA))
    return counts[0], counts[1]


def _to_row(cluster: Subject | RejectedCluster) -> dict[str, Any]:
    row = {"subject_id": cluster.subject_id, "about": json.dumps(dict(cluster.about), sort_keys=True)}
    if isinstance(cluster, RejectedCluster):
        return row | {"reason": cluster.reason}
    boxes = [demonstration.box for demonstration in cluster.demonstrations]
    return row | {
        "name": cluster.name,
        "images": [demonstration.image for demonstration in cluster.demonstrations],
        "captions": [demonstration.caption for demonstration in cluster.demonstrations],
        "boxes": None if None in boxes else json.dumps(boxes),
        "cut_out": cluster.cut_out,
    }


def read_subjects(path: Path) -> Iterator[Subject]:
    """Yield the subjects of a shard, one row group in memory.

    Raises:
        Damaged, UserError: the file is missing, damaged or of a different format.
    """
    for row in stream_rows(path, SUBJECTS_SCHEMA.names):
        if row["reason"] is None:
            yield _to_subject(row)


def _to_subject(row: Mapping[str, Any]) -> Subject:
    boxes = json.loads(row["boxes"]) if row["boxes"] else [None] * len(row["images"])
    demonstrations = tuple(
        Demonstration(image, caption, None if box is None else tuple(box))
        for image, caption, box in zip(row["images"], row["captions"], boxes, strict=True)
    )
    return Subject(row["subject_id"], row["name"], demonstrations, row["cut_out"], json.loads(row["about"]))


def decode_cut_out(encoded: bytes) -> Rgba:
    """Return the (h, w, 4) pixels of a cut-out.

    Raises:
        UserError: the bytes are not an image.
    """
    try:
        return np.asarray(PIL.Image.open(io.BytesIO(encoded)).convert("RGBA"))
    except (OSError, SyntaxError, ValueError) as error:
        raise UserError(f"cut-out: not an image ({error}); run snakemake --forcerun cluster_subjects") from None


def on_white(rgba: Rgba) -> Image:
    """Return a cut-out on a white background, (h, w, 3)."""
    opacity = rgba[..., 3:] / 255
    return np.rint(255 + opacity * (rgba[..., :3].astype(np.float64) - 255)).astype(np.uint8)
