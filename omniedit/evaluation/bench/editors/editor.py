"""Interface of an editor under test."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from omniedit.evaluation.bench.editors.native_size import Sizes
from omniedit.evaluation.bench.item import BenchItem
from omniedit.imaging.images import Image


class FailureKind(StrEnum):
    """Reasons for a missing edit: the editor failed, or it declined."""

    FAILURE = "failure"
    REFUSAL = "refusal"


@dataclass(frozen=True)
class EditFailure:
    """Missing edit and its reason."""

    reason: str
    kind: FailureKind = FailureKind.FAILURE


@dataclass(frozen=True, eq=False)
class ItemRequest:
    """Item to edit.

    Args:
        source: image to edit, at the editor's native size; for a later turn, the editor's output of the previous turn.
        seed: seed of the item's noise, the same for all editors.
        references: images that the instruction points to.
    """

    item: BenchItem
    source: Image
    seed: int
    references: tuple[Image, ...] = ()


class BenchEditor(ABC):
    """Editor under test.

    `version` identifies all settings besides the request that decide the outputs. If it changes, all items are edited
    again. `sizes` is the size at which the editor gets an image. `batch_size` is the number of requests it handles best
    at once. An editor that does not take the images that an instruction points to gets no items with such images.
    """

    version: str
    sizes: Sizes = Sizes()
    batch_size: int = 8
    takes_references: bool = False

    @abstractmethod
    def edit(self, requests: Sequence[ItemRequest]) -> list[Image | EditFailure]:
        """Return an image of any size, or a failure, for each request, in order."""

    def item_version(self, item_id: str) -> str:
        """Return a text that identifies inputs of one item's output that `version` does not cover, such as a file that
        a user may replace.
        """
        return ""


def item_seed(seed: int, item_id: str) -> int:
    """Return the seed of an item's noise, 0 to 2^56 - 1; it does not depend on other items."""
    return int.from_bytes(hashlib.sha256(f"{seed}|{item_id}".encode()).digest()[:7])
