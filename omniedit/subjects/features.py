"""Similarity of images to images and to texts, by the networks of config/models.yaml or the embedded classifier.

N  images       D size of an embedding
"""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from omniedit.errors import UserError
from omniedit.evaluation.metrics.clip import Clip, load_clip
from omniedit.evaluation.metrics.dino import load_dino
from omniedit.evaluation.metrics.embeddings import Vectors, cosine, unit
from omniedit.grounding.names import class_logits
from omniedit.imaging.boxes import FractionBox
from omniedit.imaging.images import Image
from omniedit.models.registry import get_model

Embed = Callable[[Sequence[Image]], Vectors]
"""Function from N images to their embeddings (N, D)."""
MARGIN = 0.1
"""Margin around a subject whose place is known, as a share of the sides of its box."""
CLIP_CLASS, DINO_CLASS = "CLIPModel", "ViTModel"


def open_features(role: str | None, device: str) -> Embed:
    """Return the image embedding of a role; without one, that of the classifier that the embedded judge uses.

    Raises:
        UserError: the role has no weights here, or its model is neither a CLIP nor a DINO.
    """
    if role is None:
        return embed_by_classifier
    kind = get_model(role).class_name
    if kind not in (CLIP_CLASS, DINO_CLASS):
        raise UserError(f"subjects.features: the role {role} is a {kind}; give a {CLIP_CLASS} or a {DINO_CLASS}")
    return load_clip(role, device).images if kind == CLIP_CLASS else load_dino(role, device).images


def embed_by_classifier(images: Sequence[Image]) -> Vectors:
    """Return the pooled features of EfficientNet-Lite0, (N, 1280)."""
    return class_logits(list(images))[1]


def open_text_similarity(role: str | None, device: str) -> Callable[[Image, str], float] | None:
    """Return the similarity of an image and a text by a role's CLIP; None without a role.

    Raises:
        UserError: the role has no weights here, or its model is not a CLIP.
    """
    if role is None:
        return None
    if (kind := get_model(role).class_name) != CLIP_CLASS:
        raise UserError(f"subjects.text_features: the role {role} is a {kind}; give a {CLIP_CLASS}")
    return partial(compare_text, load_clip(role, device))


def compare_text(clip: Clip, image: Image, text: str) -> float:
    """Return CLIP's cosine of an image and a text."""
    return float(cosine(clip.images([image]), clip.texts([text]))[0])


def similarities(vectors_ND: Vectors) -> NDArray[np.float64]:
    """Return the cosine of each pair of rows, (N, N)."""
    unit_ND = unit(vectors_ND).astype(np.float64)
    return np.clip(unit_ND @ unit_ND.T, -1, 1)


def crop_to_subject(image: Image, box: FractionBox | None) -> Image:
    """Return the part of an image around a box; the whole image if the place of the subject is unknown."""
    if box is None:
        return image
    height, width = image.shape[:2]
    dx, dy = MARGIN * (box[2] - box[0]), MARGIN * (box[3] - box[1])
    rows = slice(max(0, int((box[1] - dy) * height)), int(np.ceil((box[3] + dy) * height)))
    columns = slice(max(0, int((box[0] - dx) * width)), int(np.ceil((box[2] + dx) * width)))
    return np.ascontiguousarray(image[rows, columns])
