"""Images that an expert has painted, and their conversion to edit pairs.

H, W  height and width of the images
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from omniedit.aspect import closest_ratio
from omniedit.imaging.boxes import FractionBox
from omniedit.imaging.images import Image, Mask, encode_mask, encode_png
from omniedit.pairs import Captions, EncodedPair, Reference, Rejection, make_pair_id
from omniedit.subjects.subject import Subject
from omniedit.tasks import DEMONSTRATION, Task


@dataclass(frozen=True)
class ExpertImage:
    """Image by an expert.

    Args:
        source: (H, W, 3), the pair's source image.
        image: (H, W, 3), the edited image.
        mask: (H, W), where both may differ; None for everywhere.
        box: of the subject in the image, as fractions; None where it is unknown.
        demonstrations: indices of the demonstrations that the editor sees.
        truth: values with which the reference judge compares the image; None where the truth is unknown.
        models: name of each model used -> its revision.
    """

    task: Task
    instructions: tuple[str, ...]
    caption: str
    source: Image
    image: Image
    mask: Mask | None
    box: FractionBox | None
    demonstrations: tuple[int, ...]
    truth: Mapping[str, Any] | None
    models: Mapping[str, str] = field(default_factory=dict)
    source_caption: str | None = None


class Expert(Protocol):
    """Painter of subjects."""

    name: str

    def paint(self, subject: Subject) -> Iterator[ExpertImage | Rejection]:
        """Yield the images of a subject, or rejections of single prompts.

        Raises:
            RuntimeError, ValueError, UserError: the expert of this subject failed; the text says why.
        """
        ...


def to_pair(subject: Subject, painted: ExpertImage, expert: str, seed: int, attempt: int) -> EncodedPair:
    """Return the edit pair of a painted image. The demonstrations keep their files.

    Pairs of a subject share `source_id` and `source_sha256`, by which the benchmark holds out whole subjects.
    """
    height, width = painted.image.shape[:2]
    demonstrations = [subject.demonstrations[place] for place in painted.demonstrations]
    known = {} if painted.truth is None else {"truth": dict(painted.truth), "known_truth": True}
    about = {key: subject.about.get(key) or "" for key in ("licence", "author", "origin")}
    return EncodedPair(
        pair_id=make_pair_id(painted.task, subject.subject_id, seed, attempt),
        task=painted.task,
        instructions=painted.instructions,
        source=encode_png(painted.source),
        edited=encode_png(painted.image),
        mask=None if painted.mask is None else encode_mask(painted.mask),
        references=tuple(
            Reference(DEMONSTRATION, demonstration.image, demonstration.caption) for demonstration in demonstrations
        ),
        captions=Captions(painted.source_caption, painted.caption),
        provenance={
            "source_id": subject.subject_id,
            "source_sha256": subject.sha256,
            "source_phash": subject.phash,
            "ratio": closest_ratio(width, height),
            "named_objects": [subject.name],
            **about,
            "specialist": expert,
            "models": dict(painted.models),
            "seed": seed,
            "attempt": attempt,
            "subject": {"name": subject.name, "demonstrations": list(painted.demonstrations)},
            **known,
        },
    )


def with_similarity(pair: EncodedPair, similarity: Mapping[str, float]) -> EncodedPair:
    """Return the pair with measured similarities in its provenance."""
    subject = {**pair.provenance["subject"], **similarity}
    return replace(pair, provenance={**pair.provenance, "subject": subject})


def reject_painted(subject: Subject, task: Task, reasons: Sequence[str]) -> Rejection:
    """Return the rejection of a painted image."""
    return Rejection(subject.subject_id, f"{task}: {'; '.join(reasons)}")
