"""Features of a pair and an instruction: the change, the request, and whether they agree.

C  ImageNet's classes     V  views of a pair     F  features
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from omniedit.imaging.color_names import ALIASES, COLOURS
from omniedit.imaging.images import Image
from omniedit.scoring.student.change import measure_change
from omniedit.scoring.student.evidence import cosine, embed, image_vectors, knowledge, view_pair, word_evidence
from omniedit.scoring.student.word_roles import Roles, find_roles

OPERATIONS = ("add", "remove", "change", "")
TOPICS = (
    "change the colour of an object",
    "change the background behind the object",
    "turn the picture into a painting or a drawing in another style",
    "make it night or dark",
    "make it bright and sunny",
    "make it snow in winter",
    "make it rain, with fog and grey clouds",
    "make it sunset, warm and golden",
    "turn the season to autumn",
    "replace an object by another object",
    "change the material or the texture",
    "change what a person does or wears",
)
"""Sentences whose similarity to an instruction indicates the requested kind of edit."""
NAMED = {**{name: [name] for name in COLOURS}, **{alias: [name] for alias, name in ALIASES.items()}}
_COLOUR_PLACES = {word: list(COLOURS).index(names[0]) for word, names in NAMED.items()}

Vector = NDArray[np.float32]


@dataclass(frozen=True)
class ImageEvidence:
    """Measurements of a pair's images, without its instruction.

    Args:
        measures: measures by `measure_change`.
        colours: (2, N) shares of the region near each named colour, before and after.
        logits: (V, C), of `view_pair`, standardised for each view.
        likeness: of `view_pair`.
    """

    measures: dict[str, float]
    colours: Vector
    logits: Vector
    likeness: tuple[float, float]


def gather_evidence(source: Image, edited: Image) -> ImageEvidence:
    """Measure a pair of images of equal size, (H, W, 3) RGB."""
    change = measure_change(source, edited)
    views = view_pair(source, edited, change)
    return ImageEvidence(change.measures, change.colours, views.logits, views.likeness)


def image_features(evidence: ImageEvidence) -> dict[str, float]:
    """Return features that depend only on the images."""
    return {**evidence.measures, "likeness": evidence.likeness[0], "likeness_of_crops": evidence.likeness[1]}


def text_features(instruction: str) -> dict[str, float]:
    """Return features that depend only on the instruction."""
    operation = find_roles(instruction).operation
    topics = embed([instruction])[0] @ embed(TOPICS).T
    return {
        **{f"asks_{name or 'else'}": float(name == operation) for name in OPERATIONS},
        **{f"topic_{number}": float(value) for number, value in enumerate(topics)},
    }


def agreement_features(
    evidence: ImageEvidence, instruction: str, usual_logits: Vector, usual_vector: Vector
) -> dict[str, float]:
    """Return features of the agreement between images and instruction.

    Args:
        usual_logits: (C,) mean logits of photos, so that a class that many photos resemble is not evidence.
        usual_vector: (D,) mean of `image_vectors` over photos.
    """
    roles = find_roles(instruction)
    logits_VC = evidence.logits - usual_logits
    return {
        **_object_evidence(roles, logits_VC),
        **_similarity(roles, instruction, image_vectors(evidence.logits) - usual_vector),
        **_colour_evidence(roles, evidence.colours),
    }


def _object_evidence(roles: Roles, logits_VC: Vector) -> dict[str, float]:
    """Return how clearly the classifier sees each role's objects appear, disappear or stay."""
    source, edited, source_crop, edited_crop = range(4)
    new, old, place, every = (
        word_evidence(words, logits_VC) for words in (roles.new, roles.old, roles.place, roles.all)
    )
    return {
        "new_seen": _largest(new[:, edited_crop]),
        "new_gain": _strongest(new[:, edited_crop] - new[:, source_crop]),
        "new_gain_whole": _strongest(new[:, edited] - new[:, source]),
        "new_known": _largest(knowledge(roles.new)) if roles.new else 0.0,
        "old_seen": _largest(old[:, source_crop]),
        "old_loss": _strongest(old[:, source_crop] - old[:, edited_crop]),
        "old_loss_whole": _strongest(old[:, source] - old[:, edited]),
        "old_known": _largest(knowledge(roles.old)) if roles.old else 0.0,
        "old_there": _largest(old[:, source]),
        "place_seen": _largest(place[:, source]),
        "any_seen": _largest(every.max(1)) if len(every) else 0.0,
        "any_in_source": _largest(every[:, [source, source_crop]].max(1)) if len(every) else 0.0,
        "any_change": _largest(np.abs(every[:, edited_crop] - every[:, source_crop])) if len(every) else 0.0,
    }


def _similarity(roles: Roles, instruction: str, images_VD: Vector) -> dict[str, float]:
    """Return cosine similarities of the instruction and its parts to the images and to their change."""
    text = embed([instruction])[0]
    change, whole_change = images_VD[3] - images_VD[2], images_VD[1] - images_VD[0]
    new = embed(roles.new[:1])[0] if roles.new else np.zeros_like(text)
    old = embed(roles.old[:1])[0] if roles.old else np.zeros_like(text)
    return {
        "similar_source": cosine(text, images_VD[0]),
        "similar_edited": cosine(text, images_VD[1]),
        "similar_source_crop": cosine(text, images_VD[2]),
        "similar_edited_crop": cosine(text, images_VD[3]),
        "similar_change": float(text @ change),
        "similar_whole_change": float(text @ whole_change),
        "similar_new_change": float(new @ change),
        "similar_old_change": float(-old @ change),
        "similar_new_edited": cosine(new, images_VD[3]),
        "similar_old_source": cosine(old, images_VD[2]),
    }


def _colour_evidence(roles: Roles, colours_2N: Vector) -> dict[str, float]:
    """Return how clearly the named colours appear or disappear in the changed region."""
    new = [_COLOUR_PLACES[word] for word in roles.new if word in _COLOUR_PLACES]
    old = [_COLOUR_PLACES[word] for word in roles.old if word in _COLOUR_PLACES]
    gain_N = colours_2N[1] - colours_2N[0]
    return {
        "colour_named": float(bool(new)),
        "colour_gain": _strongest(gain_N[new]),
        "colour_after": _largest(colours_2N[1][new]),
        "colour_rank": float(np.mean([(gain_N < gain_N[place]).mean() for place in new])) - 0.5 if new else 0.0,
        "colour_loss": _strongest(-gain_N[old]),
    }


def _largest(values: Vector) -> float:
    return float(values.max(initial=0.0)) if len(values) else 0.0


def _strongest(values: Vector) -> float:
    """Return the value with the largest magnitude; 0 if there are no values."""
    return float(values[np.abs(values).argmax()]) if len(values) else 0.0
