"""Recognition of the embedded specialist's styles, by statistics of its own images.

`styles.npz` is made by `python -m benchmarks.style_references`. It holds the mean features of each style and of common
failures (colour blotches, noise, blur, a tint, the plain photo), and the matrix that whitens features within a style.

    K  styles and failures        F  features
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from omniedit.imaging.images import Image
from omniedit.scoring.reference.fields import Field, ramp
from omniedit.scoring.reference.measures import Unmeasurable
from omniedit.scoring.reference.style_features import style_features

STYLES_FILE = Path(__file__).with_name("styles.npz")
MIN_SIDE = 96
"""Images with fewer than MIN_SIDE^2 pixels are too small to recognise a style."""
MAX_DISTANCE, USUAL_DISTANCE = 3.0, 2.0
"""Distance from which an image does not have a style, and distance within which 95 % of the specialist's images are."""
OTHER_RATIO, OWN_RATIO = 0.85, 0.97
"""Ratios of the distance to the nearest other kind to the distance to the style: up to the first ratio, the image shows
the other kind; from the second ratio on, it shows the style."""


@dataclass(frozen=True)
class StyleRecognition:
    """Comparison of an image with the requested style.

    Args:
        degree: in [0, 1]; 1 if the image has the style.
        distance: distance to the style; 0.6 is usual.
        nearest: the nearest other style or failure.
        nearest_distance: distance to `nearest`.
    """

    degree: float
    distance: float
    nearest: str
    nearest_distance: float


@dataclass(frozen=True)
class StyleReferences:
    """Mean features (K, F) of the styles and failures in `names`, and the (F, F) matrix that whitens them."""

    names: tuple[str, ...]
    means: Field
    whitening: Field

    @classmethod
    @cache
    def load(cls) -> "StyleReferences":
        with np.load(STYLES_FILE) as arrays:
            return cls(tuple(map(str, arrays["names"])), arrays["means"], arrays["whitening"])

    def distances(self, features_F: Field) -> Field:
        """Return the (K,) Mahalanobis distances of an image's features, divided by sqrt(F)."""
        return np.linalg.norm((self.means - features_F) @ self.whitening, axis=1) / len(features_F) ** 0.5

    def recognise(self, features_F: Field, style: str) -> StyleRecognition:
        distances, own = self.distances(features_F), self.names.index(style)
        others = np.where(np.arange(len(distances)) == own, np.inf, distances)
        nearest, distance = int(others.argmin()), float(distances[own])
        nearest_distance = float(others[nearest])
        degree = min(
            ramp(distance, MAX_DISTANCE, USUAL_DISTANCE),
            ramp(nearest_distance / max(distance, 1e-6), OTHER_RATIO, OWN_RATIO),
        )
        return StyleRecognition(degree, distance, self.names[nearest], nearest_distance)


def recognise_style(source: Image, edited: Image, style: str) -> StyleRecognition:
    """Compare an edited image with a style, by name.

    Raises:
        Unmeasurable: this style has no statistics, or the image is too small.
    """
    references = StyleReferences.load()
    if style not in references.names:
        raise Unmeasurable(f"there are no statistics of the style '{style[:80]}'")
    height, width = edited.shape[:2]
    if height * width < MIN_SIDE**2:
        raise Unmeasurable(f"{width} x {height} pixels are too few to recognise a style")
    return references.recognise(style_features(source, edited), style)
