"""Synthesis of edit pairs from photos: the order of photos, the random numbers and the outcome of each request."""

import json
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from itertools import count
from typing import Any

from omniedit import __version__
from omniedit.pairs import EditPair, Rejection, make_pair_id
from omniedit.sources.photo import Photo
from omniedit.specialists.base import (
    BatchedSpecialist,
    Donors,
    EditRequest,
    EditResult,
    NotApplicable,
    Specialist,
    TwoStageSpecialist,
)
from omniedit.specialists.journal import Journal
from omniedit.storage.seeded_random import make_rng
from omniedit.tasks import Task

MAX_FAILED_EDITS = 6
"""Number of consecutive failed or repeated edits after which a photo is not tried again. A photo with nothing to
propose is not tried again either."""


def synthesize(
    specialist: Specialist, name: str, photos: Donors, pairs: int, seed: int, journal: Journal | None = None
) -> Iterator[EditPair | Rejection]:
    """Yield up to `pairs` distinct pairs of one task, and each distinct rejection on the way.

    Photos take turns, so that pairs are spread evenly over them. The random numbers of a photo's n-th turn depend only
    on (seed, task, photo, n), so they do not change when other photos are added or removed. Requests are edited in
    batches of the specialist's size, while a thread decodes, proposes and prepares the next batch. The pairs do not
    depend on the batch size.

    Args:
        specialist: makes the edits; `name` is its name in the config.
        photos: source photos, decoded one batch at a time.
        journal: records the outcomes of each batch and returns those of batches that a killed job finished.
    """
    work = _Synthesis(specialist, name, photos, seed, journal)
    strikes = dict.fromkeys(_turns(specialist.task, photos, seed), 0)
    size, made = work.batch_size, 0
    with ThreadPoolExecutor(1, "next batch") as thread:
        for attempt in count():
            if made == pairs or all(strike == MAX_FAILED_EDITS for strike in strikes.values()):
                return
            waiting = deque(index for index, strike in strikes.items() if strike < MAX_FAILED_EDITS)
            soon = partial(_submit, thread, specialist, partial(work.start_batch, attempt, waiting))
            coming: Callable[[], _Batch] | None = soon(min(size, pairs - made))
            while coming is not None:
                batch = coming()
                room = pairs - made - len(batch.requests)
                coming = soon(min(size, room)) if waiting and room else None
                for index, turn, outcome in work.outcomes(batch, attempt):
                    if isinstance(outcome, EditPair):
                        made, strikes[index] = made + 1, 0
                        yield outcome
                        continue
                    strikes[index] = _count_strikes(strikes[index], turn)
                    if outcome not in work.rejected:
                        work.rejected.add(outcome)
                        yield outcome
                if coming is None and waiting and made < pairs:
                    coming = soon(min(size, pairs - made))


@dataclass(frozen=True)
class _Skipped:
    """Turn in which a photo gave no edit.

    Args:
        more: whether the photo may offer an edit at its next turn.
    """

    rejection: Rejection
    more: bool


@dataclass(frozen=True)
class _Batch:
    """Turns of several photos, to be edited together.

    Args:
        turns: by the index of the photo.
        number: number of the batch in the journal.
        loaded: outcomes from a killed job, if it finished the batch.
        prepared: result of `prepare`, for a specialist in stages.
    """

    turns: dict[int, EditRequest | _Skipped]
    number: int
    loaded: list[EditPair | Rejection] | None = None
    prepared: Any = None

    @property
    def requests(self) -> list[EditRequest]:
        return [turn for turn in self.turns.values() if isinstance(turn, EditRequest)]


def _submit(
    thread: ThreadPoolExecutor, specialist: Specialist, begin: Callable[[int], _Batch], size: int
) -> Callable[[], _Batch]:
    """Return a function that returns the batch that `begin` makes.

    The batch of a batched specialist starts at once, in the thread. Any other batch is made when the function is
    called.
    """
    return thread.submit(begin, size).result if isinstance(specialist, BatchedSpecialist) else partial(begin, size)


def _count_strikes(strikes: int, turn: EditRequest | _Skipped) -> int:
    """Return a photo's number of failures after a turn without a pair."""
    if isinstance(turn, _Skipped):
        return strikes + 1 if turn.more else MAX_FAILED_EDITS
    return strikes if turn.is_retry else strikes + 1


@dataclass
class _Synthesis:
    """Batches of one synthesis: their requests, which never repeat an edit, and their outcomes.

    Args:
        name: name of the specialist in the config.
    """

    specialist: Specialist
    name: str
    photos: Donors
    seed: int
    journal: Journal | None

    def __post_init__(self) -> None:
        self.batch_size = self.specialist.batch_size if isinstance(self.specialist, BatchedSpecialist) else 1
        self.rejected: set[Rejection] = set()
        self._requested: set[tuple[str, str]] = set()
        self._numbers = count()

    def start_batch(self, attempt: int, waiting: deque[int], size: int) -> _Batch:
        """Take turns of waiting photos until `size` of them have a request; recall or prepare the batch."""
        turns: dict[int, EditRequest | _Skipped] = {}
        while waiting and sum(isinstance(turn, EditRequest) for turn in turns.values()) < size:
            index = waiting.popleft()
            turns[index] = self._next_request(self.photos[index], attempt)
        batch = _Batch(turns, next(self._numbers))
        requests = batch.requests
        if not requests:
            return replace(batch, loaded=[])
        ids = {make_pair_id(r.task, r.photo.source_id, self.seed, attempt): r.photo.source_id for r in requests}
        if self.journal is not None and (recalled := self.journal.recall(batch.number, ids)) is not None:
            return replace(batch, loaded=recalled)
        if isinstance(self.specialist, TwoStageSpecialist):
            return replace(batch, prepared=self.specialist.prepare(requests))
        return batch

    def outcomes(
        self, batch: _Batch, attempt: int
    ) -> Iterator[tuple[int, EditRequest | _Skipped, EditPair | Rejection]]:
        """Yield the index of each photo of a batch, its turn and the outcome."""
        edited = iter(self.edit_batch(batch, attempt))
        for index, turn in batch.turns.items():
            yield index, turn, next(edited) if isinstance(turn, EditRequest) else turn.rejection

    def edit_batch(self, batch: _Batch, attempt: int) -> list[EditPair | Rejection]:
        """Return the outcomes of a batch's requests, in order."""
        if batch.loaded is not None:
            return batch.loaded
        requests, specialist = batch.requests, self.specialist
        if isinstance(specialist, TwoStageSpecialist):
            edits = specialist.finish(requests, batch.prepared)
        else:
            edits = specialist.edit(requests)
        outcomes: list[EditPair | Rejection] = [
            Rejection(request.photo.source_id, str(edited))
            if isinstance(edited, NotApplicable)
            else self._pair(request, edited, attempt)
            for request, edited in zip(requests, edits, strict=True)
        ]
        if self.journal is not None:
            self.journal.keep(batch.number, outcomes)
        return outcomes

    def _next_request(self, photo: Photo, attempt: int) -> EditRequest | _Skipped:
        """Return the photo's next edit, or the reason why there is none."""
        rng = make_rng(self.seed, self.specialist.task, photo.source_id, attempt)
        try:
            request = self.specialist.propose(photo, rng)
        except NotApplicable as reason:
            return _Skipped(Rejection(photo.source_id, str(reason)), more=False)
        truth = (photo.source_id, json.dumps(request.truth, sort_keys=True))
        if truth in self._requested:
            return _Skipped(Rejection(photo.source_id, "no further edit to propose"), more=True)
        self._requested.add(truth)
        return request

    def _pair(self, request: EditRequest, edited: EditResult, attempt: int) -> EditPair:
        photo = request.photo
        source = photo.image if edited.source is None else edited.source
        return EditPair(
            pair_id=make_pair_id(request.task, photo.source_id, self.seed, attempt),
            task=request.task,
            instructions=request.instructions,
            source=source,
            edited=edited.image,
            mask=edited.mask,
            references=edited.references,
            provenance={
                "source_id": photo.source_id,
                "source_sha256": photo.sha256,
                "source_phash": photo.phash,
                "ratio": photo.ratio,
                "caption": photo.caption,
                "named_objects": [named.name for named in photo.objects],
                **_rights(photo, edited),
                "specialist": self.name,
                "models": dict(edited.models),
                "seed": self.seed,
                "attempt": attempt,
                "truth": {**request.truth, **edited.truth},
            },
        )


def _rights(photo: Photo, edited: EditResult) -> dict[str, Any]:
    """Return the rights to the pair's source image: the photo's, or the model's if the image is generated."""
    if edited.generated_under is None:
        generated = {"generated": True} if photo.is_generated else {}
        return {"licence": photo.licence, "author": photo.author, "origin": photo.origin, **generated}
    return {"licence": edited.generated_under, "author": "", "origin": "", "generated": True}


def _turns(task: Task, photos: Donors, seed: int) -> list[int]:
    """Return the order in which photos take turns; it differs by task, so that few pairs still use all photos."""
    return make_rng(seed, task, "turns", 0).permutation(len(photos)).tolist()


def versions(learned: bool = False) -> dict[str, str]:
    """Return the versions of the software that made a shard, for the file's attributes.

    Args:
        learned: whether the specialist uses pretrained models.
    """
    packages = ["numpy", "opencv-python-headless", "h5py", *(["torch", "diffusers", "transformers"] if learned else [])]
    return {"omniedit": __version__, **{package: version(package) for package in packages}}
