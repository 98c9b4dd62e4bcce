"""Names of objects from EfficientNet-Lite0 (Tan and Le 2019), with plain words for ImageNet's classes.

The classifier sees an object alone on grey, with a narrow margin of its surroundings, and with a wide one. If the views
agree well enough on a noun, the noun is the name. Otherwise the name is the kind to which the object surely belongs
("animal"), or else "object". `efficientnet_lite0.onnx` is made by `python -m benchmarks.convert_efficientnet`.
"""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from omniedit.grounding.nouns import CLOTHES, KINDS, OBJECT, PLACES_AND_STUFF, PRINTED_PAGES, plain_nouns
from omniedit.grounding.onnx_network import load_network
from omniedit.imaging.images import Image, Mask
from omniedit.imaging.morphology import bounding_box

MODEL = "efficientnet-lite0"
NETWORK = Path(__file__).with_name("efficientnet_lite0.onnx")
MIN_PROBABILITY = 0.5
"""Smallest probability, averaged over the first two views, at which the classifier's noun is used."""
MIN_MEAN = 0.55
"""Smallest probability of that noun, averaged over the three views."""
MIN_ALONE, MIN_IN_EACH_VIEW = 0.22, 0.07
"""Smallest probability of that noun for the object on grey, and in each other view."""
MIN_KIND = 0.55
"""Smallest probability in each view at which an object is named by its kind."""
MAX_NO_OBJECT = 0.25
"""Maximum probability of places, materials and clothes in either view at which the mask still shows an object."""
MARGIN = 0.1
"""Margin on each side of the object, as a share of its longer side."""
WIDE_MARGIN = 0.5
"""Wide margin, in which the classifier also sees what the object stands on, or of what it is a part."""

_MEAN, _STD = np.array([0.498, 0.498, 0.498]), np.array([0.502, 0.502, 0.502])
_SIDE = 224
_NO_OBJECT = sorted((PLACES_AND_STUFF - PRINTED_PAGES) | CLOTHES)


@dataclass(frozen=True)
class ObjectName:
    """Name of an object, and its probability averaged over the views; 0 for "object"."""

    text: str
    probability: float = 0.0


def name_object(image: Image, mask: Mask) -> ObjectName | None:
    """Return the name of the object inside the mask, or None if the mask holds a place, a material or a person.

    Args:
        image: (H, W, 3) RGB.
        mask: (H, W), not empty.
    """
    around = [_surroundings(image, mask, margin) for margin in (MARGIN, WIDE_MARGIN)]
    return choose_noun(*_probabilities([_cut_out(image, mask), *around]))


def choose_noun(
    alone: NDArray[np.floating], in_place: NDArray[np.floating], from_afar: NDArray[np.floating]
) -> ObjectName | None:
    """Return the noun, the kind or "object", depending on the probabilities; None if the views do not show an object.

    Args:
        alone: (1000,) probabilities of ImageNet's classes for the object on grey.
        in_place: (1000,) probabilities for the object with a narrow margin of its surroundings.
        from_afar: (1000,) probabilities for the object with a wide margin.
    """
    views = [_by_noun(view) for view in (alone, in_place, from_afar)]
    noun = max(views[0], key=lambda name: sum(view[name] for view in views[:2]))
    each = [view[noun] for view in views]
    is_seen = each[0] >= MIN_ALONE and min(each) >= MIN_IN_EACH_VIEW
    if is_seen and sum(each[:2]) / 2 >= MIN_PROBABILITY and sum(each) / 3 >= MIN_MEAN:
        return ObjectName(noun, sum(each) / 3)
    if max(view[_NO_OBJECT].sum() for view in (alone, in_place)) > MAX_NO_OBJECT:
        return None
    for kind, classes in KINDS.items():
        shares = [float(view[sorted(classes)].sum()) for view in (alone, in_place)]
        if min(shares) >= MIN_KIND:
            return ObjectName(kind, sum(shares) / 2)
    return ObjectName(OBJECT)


def classify(images: list[Image]) -> NDArray[np.floating]:
    """Return (N, 1000) probabilities of ImageNet's classes for RGB images of any size, each resized to a square."""
    return _probabilities([_resize(image) for image in images])


def class_logits(images: list[Image]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return (N, 1000) logits of ImageNet's classes and (N, 1280) pooled features, each image resized to a square."""
    return _run([_resize(image) for image in images])


def noun_probability(noun: str, image: Image, mask: Mask) -> float | None:
    """Return the probability of `noun` for the object inside the mask, the larger one of a narrow and a wide view.

    Return None if no class of the classifier has this noun.
    """
    probabilities = noun_probabilities(noun, [_surroundings(image, mask, margin) for margin in (MARGIN, WIDE_MARGIN)])
    return None if probabilities is None else float(probabilities.max())


def noun_probabilities(noun: str, images: list[Image]) -> NDArray[np.floating] | None:
    """Return (N,) probabilities of `noun` for RGB images of any size, or None if no class has this noun."""
    classes = sorted(KINDS.get(noun, ())) or [index for index, name in enumerate(plain_nouns()) if name == noun]
    if not classes:
        return None
    return classify(images)[:, classes].sum(axis=1) if images else np.zeros(0)


def _by_noun(probabilities: NDArray[np.floating]) -> dict[str, float]:
    """Return the probability of each noun that names an object."""
    named: dict[str, float] = {}
    for index, (noun, probability) in enumerate(zip(plain_nouns(), probabilities, strict=True)):
        if index not in PLACES_AND_STUFF:
            named[noun] = named.get(noun, 0.0) + float(probability)
    return named


def _cut_out(image: Image, mask: Mask) -> Image:
    """Return the object on grey, in a square with a margin, at the classifier's size."""
    left, top, right, bottom = bounding_box(mask)
    side = int(1.15 * max(bottom - top, right - left))
    square = np.full((side, side, 3), 128, np.uint8)
    y, x = (side - (bottom - top)) // 2, (side - (right - left)) // 2
    piece = np.where(mask[top:bottom, left:right, None], image[top:bottom, left:right], 128)
    square[y : y + bottom - top, x : x + right - left] = piece
    return _resize(square)


def _surroundings(image: Image, mask: Mask, margin: float = MARGIN) -> Image:
    """Return the square around the object, as far as the image reaches, at the classifier's size."""
    left, top, right, bottom = bounding_box(mask)
    half = (0.5 + margin) * max(bottom - top, right - left)
    y, x = (top + bottom) / 2, (left + right) / 2
    rows = slice(max(0, round(y - half)), round(y + half))
    columns = slice(max(0, round(x - half)), round(x + half))
    return _resize(np.ascontiguousarray(image[rows, columns]))


def _resize(image: Image) -> Image:
    return cv2.resize(image, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def _probabilities(squares: list[Image]) -> NDArray[np.floating]:
    """Return (N, 1000) probabilities of ImageNet's classes, averaged over each image and its mirror image."""
    logits, _ = _run([view for square in squares for view in (square, square[:, ::-1])])
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (shares / shares.sum(axis=1, keepdims=True)).reshape(len(squares), 2, -1).mean(1)


def _run(squares: list[Image]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return (N, 1000) logits and (N, 1280) pooled features of images of the classifier's size."""
    pixels = ((np.stack(squares) / 255.0 - _MEAN) / _STD).transpose(0, 3, 1, 2)
    logits, features = load_network(NETWORK)(np.ascontiguousarray(pixels, np.float32))
    return logits, features
