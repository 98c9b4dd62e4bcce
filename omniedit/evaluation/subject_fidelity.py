"""Subject and text fidelity of images of a subject, and copying of its demonstrations, for scenes whose truth is
rendered.

In SuTI, people judge subject, text, photorealism and the whole (Chen et al. 2023). If a scene is rendered, subject and
text fidelity can be computed from the pixels, and so can the copying of a demonstration in place of the requested
scene.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from omniedit.imaging.images import Image, Mask

MEASURES = ("subject_error", "subject_matched", "text_matched", "request_matched", "copying")
"""Names of the measures, in the order of tables."""


@dataclass(frozen=True)
class SubjectCase:
    """Request for an image of a subject, with its rendered answer.

    Args:
        source: image to edit.
        truth: the requested scene with the subject.
        mask: pixels of the subject in the truth.
        demonstrations: images of the subject that the editor sees.
        other_subjects: the requested scene with other subjects.
        other_requests: scenes with this subject that other instructions would request.
    """

    source: Image
    truth: Image
    mask: Mask
    demonstrations: Sequence[Image]
    other_subjects: Sequence[Image] = ()
    other_requests: Sequence[Image] = ()


def measure_subject(case: SubjectCase, output: Image) -> dict[str, float]:
    """Return all measures of an output by name."""
    return {
        "subject_error": subject_error(case, output),
        "subject_matched": float(matches_subject(case, output)),
        "text_matched": float(matches_text(case, output)),
        "request_matched": float(matches_request(case, output)),
        "copying": copying(case, output),
    }


def subject_error(case: SubjectCase, output: Image) -> float:
    """Return the squared error on the subject as a share of the source's: 0 for the truth, 1 for no edit."""
    return squared_error(output, case.truth, case.mask) / max(squared_error(case.source, case.truth, case.mask), 1e-9)


def matches_subject(case: SubjectCase, output: Image) -> bool:
    """Return whether, inside the subject's outline, the truth is nearer to the output than any other subject."""
    own = squared_error(output, case.truth, case.mask)
    return all(own < squared_error(output, other, case.mask) for other in case.other_subjects)


def matches_text(case: SubjectCase, output: Image) -> bool:
    """Return whether the truth is nearer to the output than the source and any other scene of this subject."""
    return squared_error(output, case.truth) < squared_error(output, case.source) and matches_request(case, output)


def matches_request(case: SubjectCase, output: Image) -> bool:
    """Return whether the truth is nearer to the output than any other scene of this subject.

    A faint edit counts if its place and colour are right, even if the output is still nearer to the source.
    """
    own = squared_error(output, case.truth)
    return all(own < squared_error(output, other) for other in case.other_requests)


def copying(case: SubjectCase, output: Image) -> float:
    """Return how near the output is to its nearest demonstration: 0 for the truth, 1 for a copy of a demonstration."""
    own = squared_error(output, case.truth)
    copied = min(squared_error(output, demonstration) for demonstration in case.demonstrations)
    return own / (own + copied) if own + copied else 0.0


def squared_error(image: Image, other: Image, mask: Mask | None = None) -> float:
    """Return the mean squared difference of two images, 0-255, over some pixels or all."""
    squares = np.square(image.astype(np.float32) - other).mean(axis=-1)
    return float(squares.mean() if mask is None else squares[mask].mean())
