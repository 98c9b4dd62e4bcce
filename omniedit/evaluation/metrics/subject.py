"""Metrics of images of a subject: DreamBooth's similarity to all photographs of the subject, and errors against a
known result."""

from collections.abc import Callable, Sequence
from statistics import fmean

from omniedit.evaluation.metrics.metric import Sample
from omniedit.evaluation.subject_fidelity import SubjectCase, copying, subject_error
from omniedit.imaging.images import Image, resize_contain

Compare = Callable[[Sequence[Image], Sequence[Image]], Sequence[float]]


def measure_copying(sample: Sample) -> float:
    """Return `copying` for photographs that are scaled to fit the size of the edit, uncropped, as an editor sees
    them.
    """
    assert sample.target is not None
    height, width = sample.edited.shape[:2]
    photos = [resize_contain(image, width, height) for image in sample.subjects]
    return copying(SubjectCase(sample.target, sample.target, sample.edited[..., 0] >= 0, photos), sample.edited)


def measure_subject_error(sample: Sample) -> float:
    """Return `subject_error` in the mask."""
    assert sample.source is not None and sample.target is not None and sample.mask is not None
    return subject_error(SubjectCase(sample.source, sample.target, sample.mask, ()), sample.edited)


def subject_similarity(samples: Sequence[Sample], compare: Compare) -> list[float]:
    """Return the mean similarity of each edited image to all photographs of its subject.

    Args:
        compare: similarity of each pair of images.
    """
    edited = [sample.edited for sample in samples for _ in sample.subjects]
    values = iter(compare(edited, [image for sample in samples for image in sample.subjects]))
    return [fmean(next(values) for _ in sample.subjects) for sample in samples]
