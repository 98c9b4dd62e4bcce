"""Boxes as fractions of an image: areas, overlaps, the box of a mask."""

from omniedit.imaging.images import Mask
from omniedit.imaging.morphology import bounding_box

FractionBox = tuple[float, float, float, float]
"""(left, top, right, bottom) as fractions of the image's width and height, in [0, 1]."""


def fraction_box(mask: Mask) -> FractionBox:
    """Return the bounding box of a mask that is not empty."""
    left, top, right, bottom = bounding_box(mask)
    height, width = mask.shape
    return left / width, top / height, right / width, bottom / height


def box_area(box: FractionBox) -> float:
    """Return the area of a box as a share of the image, 0 if the box is empty."""
    left, top, right, bottom = box
    return max(0.0, right - left) * max(0.0, bottom - top)


def common_area(first: FractionBox, second: FractionBox) -> float:
    """Return the area of the intersection of two boxes."""
    left, top, right, bottom = zip(first, second, strict=True)
    return box_area((max(left), max(top), min(right), min(bottom)))


def box_overlap(first: FractionBox, second: FractionBox) -> float:
    """Return the intersection over union of two boxes, 0 if both are empty."""
    both = common_area(first, second)
    union = box_area(first) + box_area(second) - both
    return both / union if union > 0 else 0.0


def share_inside(inner: FractionBox, outer: FractionBox) -> float:
    """Return the share of a box that is inside another one, 0 if it is empty."""
    area = box_area(inner)
    return common_area(inner, outer) / area if area > 0 else 0.0
