"""Small head that turns the features of a pair and an instruction into three scores.

Success and restraint are bilinear in features of the instruction and of the images, and linear in those of their
agreement. Quality is linear in features of the images. `benchmarks/student/head.py` trains it.

I  image features     T  text features     A  agreement features
"""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Self
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from omniedit.errors import UserError
from omniedit.scoring.student.matching import ImageEvidence, agreement_features, image_features, text_features
from omniedit.storage.atomic import replace_file

FILE = "head.npz"
"""File of a head in a student's folder."""
QUALITY_ONLY = frozenset(
    (
        *("sharpness_gain", "sharpness_inside_gain", "sharpness_inside", "noise_gain", "noise_inside", "seam_gain"),
        *("noise_outside_gain", "noise_most_gain", "sharpness_outside_gain", "softness", "blocks_outside"),
        *("blocks", "likeness", "likeness_of_crops", "edges_gain", "edges_whole_gain"),
    )
)
"""Image features that success and restraint ignore, because they are about quality."""
NOT_QUALITY = frozenset(("likeness", "likeness_of_crops"))
"""Image features that quality ignores."""
MAX_STANDARDISED = 4.0
"""Largest standardised value of a feature; beyond it the head would extrapolate."""
MAX_UNCHANGED, MIN_CHANGED = 0.0002, 0.002
"""Share of changed pixels up to which the image counts as unedited, and from which an edit can be a full success."""

Vector = NDArray[np.float32]
Scores = tuple[float, float, float]


@dataclass(frozen=True)
class Head:
    """Weights of the head, for standardised features.

    Args:
        names: names of all features, in order: images, text, agreement.
        means, deviations: of the features over training.
        usual_logits, usual_vector: (C,) mean logits and (D,) mean image vector of photos, for `agreement_features`.
        success_agreement, restraint_agreement: weights of agreement (A,).
        success_image, restraint_image, quality: weights of images (I,).
        success_text, restraint_text: weights of the text (T,).
        success_products, restraint_products: weights of products of text and images (T, I).
        success_bias, restraint_bias, quality_bias: (1,).
        farthest: (1,) largest share of features beyond `MAX_STANDARDISED` in training.
    """

    names: NDArray[np.str_]
    means: Vector
    deviations: Vector
    usual_logits: Vector
    usual_vector: Vector
    success_agreement: Vector
    success_image: Vector
    success_text: Vector
    success_products: Vector
    success_bias: Vector
    restraint_agreement: Vector
    restraint_image: Vector
    restraint_text: Vector
    restraint_products: Vector
    restraint_bias: Vector
    quality: Vector
    quality_bias: Vector
    farthest: Vector

    @classmethod
    def load(cls, path: Path) -> Self:
        """Load a head.

        Raises:
            UserError: the file is damaged, or its features differ from those that this version measures.
        """
        try:
            with np.load(path, allow_pickle=False) as arrays:
                head = cls(**{field.name: arrays[field.name] for field in fields(cls)})
        except (OSError, EOFError, ValueError, KeyError, BadZipFile) as error:
            raise UserError(f"{path}: not a head of benchmarks/student/head.py: {error}") from None
        if len(head.names) != len(head.means):
            raise UserError(f"{path}: has {len(head.names)} names for {len(head.means)} features")
        return head

    def save(self, path: Path) -> None:
        with replace_file(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, **{field.name: getattr(self, field.name) for field in fields(self)})

    def score(self, evidence: ImageEvidence, instruction: str) -> tuple[Scores, float]:
        """Return success, restraint and quality from 0 to 10, and the share of features beyond `MAX_STANDARDISED`."""
        features = pair_features(evidence, instruction, self.usual_logits, self.usual_vector)
        standard = (features - self.means) / self.deviations
        image_I, text_T, agreement_A = self._split(np.clip(standard, -MAX_STANDARDISED, MAX_STANDARDISED))
        success, restraint = (
            sigmoid(
                agreement_A @ getattr(self, f"{name}_agreement")
                + image_I @ getattr(self, f"{name}_image")
                + text_T @ getattr(self, f"{name}_text")
                + text_T @ getattr(self, f"{name}_products") @ image_I
                + getattr(self, f"{name}_bias")[0]
            )
            for name in ("success", "restraint")
        )
        quality = sigmoid(image_I @ self.quality + self.quality_bias[0])
        scores = 10 * success * change_gate(evidence.measures["area"]), 10 * restraint, 10 * quality
        return scores, float((np.abs(standard) > MAX_STANDARDISED).mean())

    def _split(self, features: Vector) -> tuple[Vector, Vector, Vector]:
        images, texts = len(self.success_image), len(self.success_text)
        return features[:images], features[images : images + texts], features[images + texts :]


def pair_features(evidence: ImageEvidence, instruction: str, usual_logits: Vector, usual_vector: Vector) -> Vector:
    """Return the features of images, text and agreement in one array, in the order of `feature_names`."""
    named = _named_features(evidence, instruction, usual_logits, usual_vector)
    return np.array([value for part in named for value in part.values()], np.float32)


def feature_names(evidence: ImageEvidence, usual_logits: Vector, usual_vector: Vector) -> tuple[list[str], ...]:
    """Return the names of the features of images, text and agreement."""
    return tuple(list(part) for part in _named_features(evidence, "add a cat", usual_logits, usual_vector))


def change_gate(area: float) -> float:
    """Return 0 if nothing visibly changed, 1 if something did. Without a change, no instruction is fulfilled."""
    return float(np.clip((area - MAX_UNCHANGED) / (MIN_CHANGED - MAX_UNCHANGED), 0, 1))


def sigmoid(logit: float) -> float:
    return float(1 / (1 + np.exp(-logit)))


def _named_features(
    evidence: ImageEvidence, instruction: str, usual_logits: Vector, usual_vector: Vector
) -> tuple[dict[str, float], dict[str, float], dict[str, float]]:
    return (
        image_features(evidence),
        text_features(instruction),
        agreement_features(evidence, instruction, usual_logits, usual_vector),
    )
