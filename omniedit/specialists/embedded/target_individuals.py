"""Objects of a kind as individuals, and a view of the photo in which one of them has a unique name."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from omniedit.grounding.objects import FoundObject
from omniedit.imaging.boxes import FractionBox, box_area, box_overlap
from omniedit.imaging.color_names import colour_word
from omniedit.imaging.images import Image, Mask
from omniedit.instructions.grammar import without_position
from omniedit.instructions.individuals import Individual, describe_individuals, name_colour, to_noun
from omniedit.instructions.stemming import head
from omniedit.sources.photo import NamedObject, Photo

MIN_OVERLAP = 0.5
"""Minimum intersection over union of a listed box and the outline that was found in it."""

MIDDLE = 0.25
"""Half axes of the ellipse in the middle of a box, as shares of the box's sides."""


def match_listed(photo: Photo, objects: Sequence[FoundObject]) -> dict[int, int]:
    """Return the index of the found object for each listed object of the photo that was found."""
    matched: dict[int, int] = {}
    for listed, named in enumerate(photo.objects):
        for index, obj in enumerate(objects):
            same = named.name == obj.name and index not in matched.values()
            if same and named.box and box_overlap(named.box, obj.box) >= MIN_OVERLAP:
                matched[listed] = index
                break
    return matched


def list_individuals(photo: Photo, objects: Sequence[FoundObject]) -> tuple[list[Individual], set[str]]:
    """Return the found objects as individuals, in order, followed by the listed objects without an outline.

    Returns:
        the individuals, and the last words of the names of listed objects without a box, for which no expression is
        certain.
    """
    individuals = describe_individuals(photo, objects)
    unplaced = set[str]()
    matched = match_listed(photo, objects)
    for listed, named in enumerate(photo.objects):
        if listed in matched:
            continue
        if named.box is None:
            unplaced.add(head(named.name))
        else:
            colour, lab = name_colour(photo.image, _middle(named.box, photo.image), colour_word(named.name) or "")
            individuals.append(Individual(to_noun(named.name), named.box, box_area(named.box), colour, lab))
    return individuals, unplaced


def name_uniquely(photo: Photo, objects: Sequence[FoundObject], target: int) -> tuple[Photo, list[FoundObject]]:
    """Return the photo and its objects with names that make the target's noun unique.

    Specialists of single objects need unique names to find an object's box, and the objects that its edit must not
    touch.
    """
    noun = head(objects[target].name)
    others = (index for index, obj in enumerate(objects) if index != target and head(obj.name) == noun)
    labels = {target: without_position(objects[target].name)}
    labels |= {
        index: f"{_ORDER[min(n, len(_ORDER) - 1)]} {to_noun(objects[index].name)}" for n, index in enumerate(others)
    }
    renamed = [replace(obj, name=labels.get(index, obj.name)) for index, obj in enumerate(objects)]
    matched = match_listed(photo, objects)
    listing = [
        NamedObject(renamed[matched[index]].name if index in matched else _unseen(named.name, noun), named.box)
        for index, named in enumerate(photo.objects)
    ]
    return replace(photo, objects=tuple(listing)), renamed


_ORDER = ("other", "third", "fourth", "fifth", "sixth", "next")
"""Words that distinguish the other objects of the kind, in reasons of rejections."""


def _unseen(name: str, noun: str) -> str:
    return f"unseen {name}" if head(name) == noun else name


def _middle(box: FractionBox, image: Image) -> Mask:
    """Return the mask of an ellipse in the middle of a box, where an object without an outline shows its colour."""
    height, width = image.shape[:2]
    left, top, right, bottom = box[0] * width, box[1] * height, box[2] * width, box[3] * height
    rows, columns = np.ogrid[:height, :width]
    across = (columns - (left + right - 1) / 2) / max(MIDDLE * (right - left), 1)
    down = (rows - (top + bottom - 1) / 2) / max(MIDDLE * (bottom - top), 1)
    return across**2 + down**2 <= 1
