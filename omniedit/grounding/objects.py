"""The objects of a photo, each with its name and mask: from named boxes where they are known, else what is salient."""

from dataclasses import dataclass

import cv2
import numpy as np

from omniedit.grounding.masks import bounding_box, mask_of_object
from omniedit.images import Mask
from omniedit.sources.photo import FractionBox, Photo

MIN_AREA, MAX_AREA = 0.0008, 0.7
"""Shares of the picture between which an object is worth an edit."""
MIN_PROBABILITY = 0.5
"""Smallest probability at which the classifier's name is used."""
SALIENT = 0.5
"""Saliency above which a pixel belongs to the salient object."""


@dataclass(frozen=True)
class FoundObject:
    """An object of a photo.

    Args:
        name: 'wine bottle', without an article.
        box: of the mask, as fractions of the picture.
        mask: (H, W).
    """

    name: str
    box: FractionBox
    mask: Mask

    @property
    def area(self) -> float:
        """Share of the picture that it covers."""
        return float(self.mask.mean())

    @property
    def cut_sides(self) -> frozenset[str]:
        """The picture's borders that cut the object off: of 'left', 'top', 'right', 'bottom'."""
        edges = {
            "left": self.mask[:, :2],
            "top": self.mask[:2],
            "right": self.mask[:, -2:],
            "bottom": self.mask[-2:],
        }
        return frozenset(side for side, pixels in edges.items() if pixels.any())


_FOUND: dict[tuple[str, str], tuple[FoundObject, ...]] = {}


def find_objects(photo: Photo) -> tuple[FoundObject, ...]:
    """The photo's objects whose outline could be found, in the order of its caption file; () where there is none.

    A photo asked for again is answered from memory: tasks come back to it with other random numbers.
    """
    key = (photo.source_id, photo.sha256)
    if key not in _FOUND:
        _FOUND[key] = tuple(_named(photo) if photo.objects else _salient(photo))
    return _FOUND[key]


def _named(photo: Photo) -> list[FoundObject]:
    found = []
    for named in photo.objects:
        mask = mask_of_object(photo.image, named.box) if named.box else None
        if mask is not None and MIN_AREA <= mask.mean() <= MAX_AREA:
            found.append(_found(named.name, mask))
    return found


def _salient(photo: Photo) -> list[FoundObject]:
    from omniedit.grounding.names import name_of
    from omniedit.grounding.saliency import saliency

    heat = _largest_piece(saliency(photo.image) > SALIENT)
    if not MIN_AREA <= heat.mean() <= MAX_AREA:
        return []
    mask = mask_of_object(photo.image, _fractions(heat))
    if mask is None or not MIN_AREA <= mask.mean() <= MAX_AREA or _overlap(mask, heat) < 0.5:
        return []
    name, probability = name_of(photo.image, mask)
    return [_found(name, mask)] if probability >= MIN_PROBABILITY else []


def _largest_piece(mask: Mask) -> Mask:
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    return labels == 1 + np.argmax(stats[1:, cv2.CC_STAT_AREA]) if count > 1 else mask


def _found(name: str, mask: Mask) -> FoundObject:
    return FoundObject(name, _fractions(mask), mask)


def _fractions(mask: Mask) -> FractionBox:
    left, top, right, bottom = bounding_box(mask)
    height, width = mask.shape
    return left / width, top / height, right / width, bottom / height


def _overlap(first: Mask, second: Mask) -> float:
    """Intersection over union."""
    return float(np.logical_and(first, second).sum() / max(np.logical_or(first, second).sum(), 1))
