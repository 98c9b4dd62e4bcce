"""Interface of a specialist, which proposes an edit for a photo and then makes it."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np

from omniedit.imaging.images import Image, Mask
from omniedit.pairs import Reference
from omniedit.sources.photo import Photo
from omniedit.tasks import Task


class NotApplicable(Exception):
    """Reason why a photo does not suit a task or an edit failed; the text is recorded in the shard."""


class Donors(Protocol):
    """Photos to borrow a cut-out or a background from, decoded on access."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Photo: ...


@dataclass(frozen=True)
class EditRequest:
    """Edit proposed for one photo.

    Args:
        instructions: paraphrases of one instruction, at least one.
        truth: JSON values that state the required result of the edit; the reference judge reads them. Each specialist's
            docstring lists the keys of its task. Two requests with the same truth on the same photo are the same edit.
        mask: where pixels may change; None for a global edit, or if `edit` computes the mask.
        parts: values that the edit needs (a donor's pixels, a background), never stored.
        is_retry: whether the same edit was requested before with another seed. The failure of a retry does not count
            against the photo.
    """

    photo: Photo
    task: Task
    instructions: tuple[str, ...]
    truth: Mapping[str, Any]
    mask: Mask | None = None
    parts: Mapping[str, Any] | None = None
    is_retry: bool = False


@dataclass(frozen=True)
class EditResult:
    """Result of an edit.

    Args:
        image: (H, W, 3) RGB, the edited image.
        mask: where the edited image may differ from the source image; None for a global edit.
        models: name of each model used -> its revision.
        source: source image of the pair, if it is not the photo itself. In an addition, the source image is the photo
            without the object, and the edited image is the photo.
        truth: values found during the edit (an object's box), added to the request's own.
        generated_under: licence of the model that generated the source image; None if the source is a photo.
        references: images that the instruction points to.
    """

    image: Image
    mask: Mask | None
    models: Mapping[str, str]
    source: Image | None = None
    truth: Mapping[str, Any] = field(default_factory=dict)
    generated_under: str | None = None
    references: tuple[Reference[Image], ...] = ()


class Specialist(Protocol):
    """Maker of the edit pairs of one task."""

    task: Task

    def propose(self, photo: Photo, rng: np.random.Generator) -> EditRequest:
        """Return an edit that suits the photo; another `rng` may give another edit.

        A specialist with a countable set of edits per photo proposes each of them once.

        Raises:
            NotApplicable: the photo offers no edit, or no further one, for this task. The photo is not tried again.
        """
        ...

    def edit(self, requests: Sequence[EditRequest]) -> Sequence[EditResult | NotApplicable]:
        """Make the edits and return them in order, with `NotApplicable` for each one that failed."""
        ...


class EmbeddedSpecialist(ABC):
    """Base of specialists that make one edit at a time."""

    def edit(self, requests: Sequence[EditRequest]) -> Sequence[EditResult | NotApplicable]:
        return [self._edit(request) for request in requests]

    @abstractmethod
    def _edit(self, request: EditRequest) -> EditResult | NotApplicable: ...


@runtime_checkable
class BatchedSpecialist(Specialist, Protocol):
    """Specialist that works faster on several requests at once."""

    batch_size: int


@runtime_checkable
class TwoStageSpecialist(BatchedSpecialist, Protocol):
    """Specialist with two stages. Another thread runs the first stage while the previous batch is in the second one."""

    def prepare(self, requests: Sequence[EditRequest]) -> Any:
        """Compute the inputs of `finish`, while the previous batch is being finished."""
        ...

    def finish(self, requests: Sequence[EditRequest], prepared: Any) -> Sequence[EditResult | NotApplicable]:
        """Make the edits from the prepared inputs; return the same as `edit`."""
        ...
