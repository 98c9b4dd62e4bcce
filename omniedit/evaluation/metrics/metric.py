"""Types of metrics and of the images that they measure.

N  images      D  feature dimensions
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from omniedit.errors import UserError
from omniedit.evaluation.metrics.networks import Networks
from omniedit.imaging.images import Image, Mask

Need = Literal["source", "target", "mask", "source_caption", "target_caption", "foreground", "subjects"]
"""Field of a `Sample` that a metric needs in addition to the edited image."""
Features = NDArray[np.float64]


@dataclass(frozen=True)
class Sample:
    """Edited image and the images and texts to compare it with.

    Args:
        source: image before the edit.
        target: correct result according to the benchmark.
        mask: region that the edit may change, of the source's size.
        source_caption, target_caption: descriptions of the source and of the requested result.
        foreground: words for the object in the mask after the edit.
        subjects: photographs of the subject that the edit shows.
    """

    edited: Image
    source: Image | None = None
    target: Image | None = None
    mask: Mask | None = None
    source_caption: str | None = None
    target_caption: str | None = None
    foreground: str | None = None
    subjects: tuple[Image, ...] = ()

    def checked(self) -> "Sample":
        """Return the sample.

        Raises:
            UserError: the size of the mask differs from that of the source.
        """
        if self.mask is not None and self.source is not None and self.mask.shape != self.source.shape[:2]:
            sizes = [" x ".join(map(str, shape[1::-1])) for shape in (self.mask.shape, self.source.shape)]
            raise UserError(f"the mask has {sizes[0]} pixels, the source {sizes[1]}; give a mask of the source's size")
        return self

    def lacks(self, needs: Sequence[Need]) -> list[Need]:
        """Return the needs that the sample does not meet; an empty text, mask or list does not meet its need."""
        return [need for need in needs if (value := getattr(self, need)) is None or _is_empty(value)]


def _is_empty(value: str | Image | Mask | tuple[Image, ...]) -> bool:
    if isinstance(value, str | tuple):
        return not (value.strip() if isinstance(value, str) else value)
    return not value.any() if value.dtype == np.bool_ else False


@dataclass(frozen=True)
class Metric:
    """Description of a metric.

    Args:
        name: name in `METRICS`, of columns and of options.
        label: name in tables.
        needs: fields of a `Sample` without which an image has no value.
        higher_is_better: whether a higher value is better.
        low, high: limits of its values.
        reference: publication or program that defines it.
        networks: names of the `NETWORKS` used.
    """

    name: str
    label: str
    needs: tuple[Need, ...]
    higher_is_better: bool
    low: float
    high: float
    reference: str
    networks: tuple[str, ...]


@dataclass(frozen=True)
class ImageMetric(Metric):
    """Metric with a value for each image.

    Args:
        measure: values of N samples, which all meet `needs`; NaN where undefined.
    """

    measure: Callable[[Sequence[Sample], Networks], Iterable[float]]


@dataclass(frozen=True)
class SetMetric(Metric):
    """Metric of a set of images.

    Args:
        embed: features of the edited images and of the reference images, each (N, D).
        compare: value for all features of a set; NaN for too few images.
    """

    embed: Callable[[Sequence[Sample], Networks], tuple[Features, Features]]
    compare: Callable[[Features, Features], float]
