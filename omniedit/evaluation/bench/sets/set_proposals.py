"""Proposals for a user's own benchmark set: instructions for photos, which a person reviews before they are frozen.

A proposals file has one JSON object per line: photo, task, instruction, proposer, and where known source_caption,
target_caption and objects. A task without a proposal, or a photo that cannot be read, has a line with the reason.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from omniedit.aspect import closest_ratio
from omniedit.errors import UserError
from omniedit.grounding.nouns import OBJECT
from omniedit.grounding.objects import find_objects
from omniedit.imaging.decode import UnreadableImage
from omniedit.imaging.images import resize_to_fit
from omniedit.instructions.edit_proposals.proposer import ProposalDraft, Proposer
from omniedit.instructions.stemming import noun
from omniedit.instructions.templates.suggestions import suggest
from omniedit.sources.listing import find_files
from omniedit.sources.metadata_files import read_captions
from omniedit.sources.metadata_values import Caption
from omniedit.sources.photo import Photo
from omniedit.sources.photo_file import SUFFIXES, EncodedPhoto
from omniedit.storage.atomic import write_text
from omniedit.storage.json_lines import read_json_lines
from omniedit.tasks import OMNIEDIT_TASKS, Task

MAX_SIDE = 1024
"""Longer side in pixels of the photos in which objects are found."""
TEMPLATES = "templates"


@dataclass(frozen=True)
class BenchProposal:
    """Line of a proposals file.

    Args:
        photo: path below the folder of photos.
        task: '' for a photo that cannot be read.
        instruction: '' if there is a reason instead.
        proposer: `templates`, or the version of the model.
    """

    photo: str
    task: str
    instruction: str = ""
    proposer: str = ""
    source_caption: str = ""
    target_caption: str = ""
    objects: int | None = None
    reason: str = ""


def list_photos(folder: Path) -> list[str]:
    """Return the paths of the image files below a folder.

    Raises:
        UserError: there are none.
    """
    names = [name for name in _list_files(folder) if Path(name).suffix.lower() in SUFFIXES]
    if not names:
        raise UserError(f"{folder}: no photo in this folder; give one with {', '.join(sorted(SUFFIXES))} files")
    return names


def _list_files(folder: Path) -> list[str]:
    return sorted(file.relative_to(folder).as_posix() for file in find_files(folder))


def read_photo(folder: Path, name: str, about: Caption) -> Photo:
    """Read a photo, reduced to the size in which objects are found.

    Args:
        about: its caption and objects, if a metadata file gives them.

    Raises:
        UnreadableImage: the file is not an image, or is damaged.
    """
    with EncodedPhoto(folder / name) as encoded:
        image = resize_to_fit(encoded.decode(), MAX_SIDE)
    digest = sha256(name.encode()).hexdigest()
    ratio = closest_ratio(image.shape[1], image.shape[0])
    return Photo(digest[:32], image, ratio, about.caption, tuple(about.objects), sha256=digest)


def propose_by_templates(
    folder: Path, names: Iterable[str], tasks: Sequence[Task], count: int, seed: int
) -> Iterator[BenchProposal]:
    """Yield up to `count` proposals for each photo and task, from templates over the names of its objects.

    Objects come from the photo's metadata file, or else are detected in the photo. A photo's proposals depend only on
    these, its path and the seed.
    """
    captions = read_captions(folder, _list_files(folder))
    for name in names:
        about = captions.find(name)
        try:
            objects = name_objects(read_photo(folder, name, about))
        except UnreadableImage as error:
            yield BenchProposal(name, "", reason=str(error))
            continue
        for task in tasks:
            rng = np.random.default_rng(list(sha256(f"{seed}|{task}|{name}".encode()).digest()))
            suggestions = suggest(task, objects, count, rng)
            yield from (
                BenchProposal(name, task, suggestion.instruction, TEMPLATES, about.caption, objects=suggestion.objects)
                for suggestion in suggestions
            )
            if not suggestions:
                yield BenchProposal(name, task, reason="no object with a clear outline and name was found")


def name_objects(photo: Photo) -> list[str]:
    """Return the unique names of a photo's objects, from its metadata or else from detection."""
    named = [obj.name for obj in photo.objects] or [obj.name for obj in find_objects(photo)]
    return [name for name in dict.fromkeys(named) if noun(name) != OBJECT]


def propose_by_model(folder: Path, names: Sequence[str], proposer: Proposer, at_once: int) -> Iterator[BenchProposal]:
    """Yield the usable proposals of a vision-language model for each photo and task.

    A task without a usable proposal has a line with the faults of the model's proposals.
    """
    captions = read_captions(folder, _list_files(folder))
    for first in range(0, len(names), at_once):
        photos: dict[str, Photo] = {}
        for name in names[first : first + at_once]:
            try:
                photos[name] = read_photo(folder, name, captions.find(name))
            except UnreadableImage as error:
                yield BenchProposal(name, "", reason=str(error))
        for name, (drafts, flaws) in zip(photos, proposer.propose(list(photos.values())), strict=True):
            for task in proposer.tasks:
                accepted = [_to_proposal(name, draft) for draft in drafts if draft.edit.task == task]
                yield from accepted
                if not accepted:
                    faults = [row["refused"] for row in flaws if row["task"] in (task, None)]
                    yield BenchProposal(name, task, reason="; ".join(faults)[:500] or "the model proposed no edit")


def _to_proposal(name: str, draft: ProposalDraft) -> BenchProposal:
    fields = draft.edit.proposal.truth
    return BenchProposal(
        name,
        draft.edit.task,
        draft.instructions["plain"],
        draft.model,
        fields.get("source_prompt", ""),
        fields.get("target_prompt", ""),
        1 if draft.edit.thing else None,
    )


def write_proposals(path: Path, proposals: Iterable[BenchProposal]) -> None:
    """Write a proposals file; empty values are left out."""
    rows = (
        {name: value for name, value in asdict(proposal).items() if value not in ("", None)} for proposal in proposals
    )
    write_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def read_proposals(path: Path) -> list[BenchProposal]:
    """Read a proposals file.

    Raises:
        UserError: it is missing, has no line, or a line is not one of `write_proposals`.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file; `omniedit bench-set propose` writes it")
    rows = read_json_lines(path)
    if not rows:
        raise UserError(f"{path}: has no proposal; `omniedit bench-set propose` writes such files")
    return [_parse(path, number, row) for number, row in enumerate(rows, 1)]


def _parse(path: Path, number: int, row: Mapping[str, Any]) -> BenchProposal:
    texts = {name: row.get(name, "") for name in BenchProposal.__dataclass_fields__ if name != "objects"}
    objects, task = row.get("objects"), texts["task"]
    is_known = task in OMNIEDIT_TASKS or (not task and texts["reason"])
    if not all(isinstance(text, str) for text in texts.values()) or not texts["photo"] or not is_known:
        raise UserError(f"{path}: line {number}: needs photo, task (one of the seven) and instruction or reason")
    return BenchProposal(**texts, objects=objects if isinstance(objects, int) else None)


def count_proposals(proposals: Sequence[BenchProposal]) -> list[str]:
    """Return lines with the number of proposals by task, and with the photos that cannot be read."""
    tasks = [task for task in OMNIEDIT_TASKS if any(proposal.task == task for proposal in proposals)]
    counts = {
        task: sum(proposal.task == task and bool(proposal.instruction) for proposal in proposals) for task in tasks
    }
    empty = sum(bool(proposal.task) and not proposal.instruction for proposal in proposals)
    return [
        f"{sum(counts.values())} proposals for {len({each.photo for each in proposals if each.task})} photos",
        "tasks: " + ", ".join(f"{task} {count}" for task, count in counts.items()),
        *([f"{empty} photos and tasks have no proposal; the review page asks you for an instruction"] if empty else []),
        *(f"cannot be read: {proposal.photo}: {proposal.reason}" for proposal in proposals if not proposal.task),
    ]
