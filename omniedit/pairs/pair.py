"""Types of an edit pair: with decoded images (`EditPair`) and with image files as bytes (`EncodedPair`)."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, Generic, TypeVar

from omniedit.imaging.images import Image, Mask, decode_image, decode_mask, encode_mask, encode_png
from omniedit.tasks import Task

ImageT = TypeVar("ImageT", Image, bytes)
MaskT = TypeVar("MaskT", Mask, bytes)
Score = float | int | str


@dataclass(frozen=True)
class Captions:
    """Descriptions of the source and of the edited image; None where unknown."""

    source: str | None = None
    edited: str | None = None


@dataclass(frozen=True)
class Reference(Generic[ImageT]):
    """Image that the instruction points to. Its size may differ from the pair's.

    Args:
        role: subject, layout, depth, mask, demonstration or another word for its part in the edit.
        caption: sentence that describes the image, such as the text of a demonstration; None where unknown.
    """

    role: str
    image: ImageT
    caption: str | None = None


@dataclass(frozen=True)
class _Pair(Generic[ImageT, MaskT]):
    pair_id: str
    task: Task
    instructions: tuple[str, ...]
    source: ImageT
    edited: ImageT
    mask: MaskT | None
    provenance: dict[str, Any]
    references: tuple[Reference[ImageT], ...] = ()
    captions: Captions = Captions()
    session: str | None = None
    turn: int | None = None
    imported_scores: dict[str, Score] = field(default_factory=dict)

    @property
    def instruction(self) -> str:
        return self.instructions[0]

    @property
    def is_local(self) -> bool:
        """True if the edit is local. If the task does not decide it, a pair with a mask is local."""
        return self.mask is not None if self.task.is_local is None else self.task.is_local

    def _fields(self) -> dict[str, Any]:
        return {each.name: getattr(self, each.name) for each in fields(self)}


@dataclass(frozen=True)
class EditPair(_Pair[Image, Mask]):
    """Edit pair: source image, instruction and edited image.

    Args:
        pair_id: unique in a run, the same for the same seed (see `make_pair_id`).
        instructions: an instruction and its paraphrases; the first is the main one.
        source, edited: (H, W, 3) RGB of equal size.
        mask: (H, W), True where the edit may change pixels; None for a global edit.
        provenance: JSON values by the keys of `omniedit.pairs.provenance`; only `source_id` is required.
        references: images that the instruction points to.
        session: name of the editing session of which the pair is a turn; unique in a run.
        turn: number of the turn, from 1.
        imported_scores: scores that came with an imported pair, by the data set's names for them.
    """

    def __post_init__(self) -> None:
        assert self.source.shape == self.edited.shape, (self.source.shape, self.edited.shape)
        assert self.mask is None or self.mask.shape == self.source.shape[:2]
        assert self.instructions

    def encode(self, encode: Callable[[Image], bytes] = encode_png) -> "EncodedPair":
        """Encode the images as PNG, lossless; the same pair gives the same bytes.

        Args:
            encode: encodes source and edited image.
        """
        encoded = {
            "source": encode(self.source),
            "edited": encode(self.edited),
            "mask": None if self.mask is None else encode_mask(self.mask),
            "references": tuple(
                Reference(reference.role, encode_png(reference.image), reference.caption)
                for reference in self.references
            ),
        }
        return EncodedPair(**self._fields() | encoded)


@dataclass(frozen=True)
class EncodedPair(_Pair[bytes, bytes]):
    """Edit pair whose images are JPEG, PNG, WebP or TIFF files as bytes. A shard stores these bytes unchanged.

    The fields are those of `EditPair`. `omniedit.imaging.decode` decodes the images, upright and to sRGB.
    """

    def decode(self, label: str = "", source: Image | None = None) -> EditPair:
        """Decode the images.

        Args:
            label: name of the pair in errors; its id if empty.
            source: the source image, if it is already decoded.

        Raises:
            UserError: an image cannot be decoded.
        """
        place = f"{label or self.pair_id}: "
        decoded = {
            "source": decode_image(self.source, f"{place}source") if source is None else source,
            "edited": decode_image(self.edited, f"{place}edited"),
            "mask": None if self.mask is None else decode_mask(self.mask, f"{place}mask"),
            "references": tuple(
                Reference(each.role, decode_image(each.image, f"{place}reference {number}"), each.caption)
                for number, each in enumerate(self.references, 1)
            ),
        }
        return EditPair(**self._fields() | decoded)


@dataclass(frozen=True)
class Rejection:
    """Rejected photo or row of an imported data set, with the reason."""

    source_id: str
    reason: str


def make_pair_id(task: Task, source_id: str, seed: int, attempt: int) -> str:
    """Return `{task}-{source}-{attempt}-{8 hex digits}`: stable for a seed, readable, safe as a file name."""
    digest = hashlib.sha256(f"{task}|{source_id}|{seed}|{attempt}".encode()).hexdigest()[:8]
    return f"{_safe(task)}-{_safe(source_id)[:40]}-{attempt:02d}-{digest}"


def _safe(text: str) -> str:
    return "".join(c if c.isascii() and (c.isalnum() or c == "_") else "_" for c in text)
