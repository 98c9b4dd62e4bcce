"""Subject fidelity as DreamBooth measures it (Ruiz et al. 2023): similarity to all photographs of the subject."""

from collections.abc import Callable, Sequence
from statistics import fmean

from omniedit.evaluation.metrics.metric import Sample
from omniedit.imaging.images import Image

Compare = Callable[[Sequence[Image], Sequence[Image]], Sequence[float]]


def subject_similarity(samples: Sequence[Sample], compare: Compare) -> list[float]:
    """Return the mean similarity of each edited image to all photographs of its subject.

    Args:
        compare: similarity of each two images.
    """
    edited = [sample.edited for sample in samples for _ in sample.subjects]
    values = iter(compare(edited, [image for sample in samples for image in sample.subjects]))
    return [fmean(next(values) for _ in sample.subjects) for sample in samples]
