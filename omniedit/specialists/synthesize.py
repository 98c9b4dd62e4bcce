"""From photos to edit pairs: which photo is asked next, with which random numbers, and what becomes of the answer."""

import hashlib
import json
from collections.abc import Iterator
from importlib.metadata import version
from itertools import count

import numpy as np

from omniedit import __version__
from omniedit.pairs import EditPair, Refusal, make_pair_id
from omniedit.sources.photo import Photo
from omniedit.specialists.base import Donors, Edited, EditRequest, Specialist, Unsuitable
from omniedit.tasks import Task

STRIKES = 6
"""A photo whose edits fail or repeat so many times running is left alone, as is one that has nothing to propose."""


def synthesize(
    specialist: Specialist, name: str, photos: Donors, pairs: int, seed: int
) -> Iterator[EditPair | Refusal]:
    """At most `pairs` distinct pairs of one task, and every distinct refusal on the way.

    Photos take turns, so that pairs spread evenly over them. What is drawn for a photo's n-th turn depends on
    (seed, task, photo, n) alone: it does not change when other photos come or go.

    Args:
        specialist: makes the edits; `name` is what the config calls it.
        photos: where sources come from, decoded one at a time.
    """
    turns = _turns(specialist.task, photos, seed)
    strikes = dict.fromkeys(range(len(photos)), 0)
    seen: set[tuple[str, str]] = set()
    made = 0
    for attempt in count():
        if all(strike == STRIKES for strike in strikes.values()):
            return
        for index in turns:
            if made == pairs:
                return
            if strikes[index] == STRIKES:
                continue
            photo = photos[index]
            try:
                outcome = _turn(specialist, name, photo, seed, attempt, seen)
                strikes[index] = strikes[index] + 1 if isinstance(outcome, Refusal) else 0
            except Unsuitable as reason:
                outcome, strikes[index] = Refusal(photo.source_id, str(reason)), STRIKES
            if isinstance(outcome, EditPair):
                made += 1
                yield outcome
            elif (outcome.source_id, outcome.reason) not in seen:
                seen.add((outcome.source_id, outcome.reason))
                yield outcome


def _turn(
    specialist: Specialist, name: str, photo: Photo, seed: int, attempt: int, seen: set[tuple[str, str]]
) -> EditPair | Refusal:
    """A photo's next edit.

    Raises:
        Unsuitable: it has nothing to propose.
    """
    rng = np.random.default_rng(_draw(seed, specialist.task, photo.source_id, attempt))
    request = specialist.propose(photo, rng)
    truth = (photo.source_id, json.dumps(request.truth, sort_keys=True))
    if truth in seen:
        return Refusal(photo.source_id, "no further edit to propose")
    seen.add(truth)
    (edited,) = specialist.edit([request])
    if isinstance(edited, Unsuitable):
        return Refusal(photo.source_id, str(edited))
    return _pair(request, edited, name, seed, attempt)


def _pair(request: EditRequest, edited: Edited, name: str, seed: int, attempt: int) -> EditPair:
    photo = request.photo
    source = photo.image if edited.source is None else edited.source
    return EditPair(
        pair_id=make_pair_id(request.task, photo.source_id, seed, attempt),
        task=request.task,
        instructions=request.instructions,
        source=source,
        edited=edited.image,
        mask=edited.mask,
        provenance={
            "source_id": photo.source_id,
            "source_sha256": photo.sha256,
            "ratio": photo.ratio,
            "caption": photo.caption,
            "licence": photo.licence,
            "author": photo.author,
            "origin": photo.origin,
            "specialist": name,
            "models": dict(edited.models),
            "seed": seed,
            "attempt": attempt,
            "truth": dict(request.truth),
        },
    )


def _turns(task: Task, photos: Donors, seed: int) -> list[int]:
    """The order in which photos take turns: another one for each task, so that few pairs still use all photos."""
    return np.random.default_rng(_draw(seed, task, "turns", 0)).permutation(len(photos)).tolist()


def _draw(seed: int, task: Task, what: str, attempt: int) -> int:
    digest = hashlib.sha256(f"{seed}|{task}|{what}|{attempt}".encode()).digest()
    return int.from_bytes(digest[:8], "little")


def versions() -> dict[str, str]:
    """What made a shard, for its file's attributes."""
    packages = ("numpy", "opencv-python-headless", "h5py")
    return {"omniedit": __version__, **{package: version(package) for package in packages}}
