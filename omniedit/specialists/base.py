"""What a specialist is: it proposes an edit for a photo, then makes it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np

from omniedit.imaging.images import Image, Mask
from omniedit.sources.photo import Photo
from omniedit.tasks import Task


class NotApplicable(Exception):
    """This photo does not suit this task; the text says why, for the shard's list of refusals."""


class Donors(Protocol):
    """The photos that a specialist may borrow from: a cut-out to paste, a background. Decoded on access."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Photo: ...


@dataclass(frozen=True)
class EditRequest:
    """What is to be done to one photo.

    Args:
        instructions: wordings of one instruction, at least one.
        truth: JSON values that say what the edit must reach, as the reference judge reads them; the keys of each
            task are listed in its specialist's docstring. Two requests with the same truth on the same photo are
            the same edit.
        mask: where pixels may change; None for a global edit, or where `edit` finds it.
        parts: arrays the edit needs (a donor's pixels, a background), never stored.
        again: it was asked for before, with another seed: that it fails too says nothing more of the photo.
    """

    photo: Photo
    task: Task
    instructions: tuple[str, ...]
    truth: Mapping[str, Any]
    mask: Mask | None = None
    parts: Mapping[str, Any] | None = None
    again: bool = False


@dataclass(frozen=True)
class Edited:
    """What an edit ended with.

    Args:
        image: (H, W, 3) RGB, the edited picture.
        mask: where it may differ from the source; None for a global edit.
        models: name of each model used -> its revision.
        source: the pair's source where that is not the photo itself: an addition's source is the photo with the
            object taken away, and the photo is its edited picture.
        truth: what became known on the way (an object's box), beside the request's own.
        generated_under: licence of the model that painted the source, where it is no photo.
    """

    image: Image
    mask: Mask | None
    models: Mapping[str, str]
    source: Image | None = None
    truth: Mapping[str, Any] = field(default_factory=dict)
    generated_under: str | None = None


class Specialist(Protocol):
    """Makes edit pairs of one task."""

    task: Task

    def propose(self, photo: Photo, rng: np.random.Generator) -> EditRequest:
        """An edit that suits the photo; another `rng` may give another one.

        A specialist whose edits of a photo can be counted proposes each of them once.

        Raises:
            Unsuitable: the photo offers nothing, or nothing more, for this task; it is not asked again.
        """
        ...

    def edit(self, requests: Sequence[EditRequest]) -> Sequence[Edited | NotApplicable]:
        """The edits, in order; `NotApplicable` where one did not come off."""
        ...


@runtime_checkable
class Batched(Specialist, Protocol):
    """A specialist that works faster on several photos' requests at once."""

    batch_size: int


@runtime_checkable
class Staged(Batched, Protocol):
    """A specialist whose edits have a first part that another thread does while the batch before is in its last."""

    def prepare(self, requests: Sequence[EditRequest]) -> Any:
        """What `finish` needs beside the requests; a batch's is made while that of the one before is used."""
        ...

    def finish(self, requests: Sequence[EditRequest], prepared: Any) -> Sequence[Edited | NotApplicable]:
        """The edits, as `edit` gives them."""
        ...
