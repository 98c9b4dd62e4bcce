"""Object swap: an object is replaced by a cut-out from another photo (SmartEdit's production pipeline)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from omniedit.grounding.nouns import KINDS, OBJECT, find_kind
from omniedit.grounding.objects import FoundObject, ObjectIndex
from omniedit.imaging.color import image_to_lab
from omniedit.imaging.harmonize import (
    CutOut,
    Field,
    add_grain,
    contact_shadow,
    cut_out,
    edge_blur,
    estimate_grain,
    relit,
    resize_cutout,
    soften_edges,
)
from omniedit.imaging.images import Image, Mask
from omniedit.imaging.inpaint import MODELS, inpaint
from omniedit.imaging.morphology import bounding_box, dilate
from omniedit.instructions.objects import swap_instructions, without_position
from omniedit.sources.photo import FractionBox, Photo
from omniedit.specialists.base import Donors, Edited, EditRequest, NotApplicable
from omniedit.specialists.embedded.holes import inpaint_mask, is_plain_around, known_box, share_on
from omniedit.specialists.embedded.sizes import relative_size
from omniedit.tasks import Task

MAX_AREA = 0.35
"""Largest share of the image that a replaceable object covers."""
MIN_SIDE = 48
"""Shorter side in pixels of the smallest object that is replaced or borrowed."""
MAX_UPSCALE = 1.3
"""Largest factor by which a cut-out may be enlarged."""
UNLIKELY = 3.5
"""Largest factor by which an object may be too large or too small for its place; a fig as large as a drum is absurd."""
MAX_BARE, MAX_PLAIN_BARE = 0.07, 0.2
"""Largest share of the image that the old object hid and the new one leaves uncovered, and the same if one colour or
gradient surrounds the old object."""
WIDER, TALLER = 1.5, 1.3
"""Largest ratio of the new object's width and height to those of the old object's box."""
OTHER_COLOUR = 22.0
"""Distance in Lab from which the surface below an object differs from the background behind it."""
DONORS_TRIED = 24
"""Number of photos searched for an object that fits, before a proposal gives up."""
DONORS_KEPT = 16
"""Number of decoded donors that are cached for the next proposal: all of a small shard, about 50 MB."""


@dataclass(frozen=True)
class Placement:
    """Place of a cut-out in a photo.

    Args:
        piece: the cut-out at its final size, with its opacity.
        left, top: position of the cut-out in the image, in pixels.
        standing: on the old object's ground line; otherwise at the old object's middle.
    """

    piece: CutOut
    left: int
    top: int
    standing: bool

    def on_canvas(self, values: Field, shape: tuple[int, ...]) -> Field:
        """Return (h, w, ...) values of the cut-out on a black (H, W, ...) canvas; what is out of view is cropped."""
        (height, width), (rows, columns) = values.shape[:2], shape[:2]
        top, left = max(0, self.top), max(0, self.left)
        bottom, right = min(rows, self.top + height), min(columns, self.left + width)
        canvas = np.zeros((rows, columns, *values.shape[2:]), np.float32)
        canvas[top:bottom, left:right] = values[
            top - self.top : bottom - self.top, left - self.left : right - self.left
        ]
        return canvas

    def left_bare(self, hole: Mask) -> Mask:
        """Return the (H, W) part of a hole that the cut-out does not cover."""
        return hole & (self.on_canvas(self.piece.alpha, hole.shape) < 0.5)


class ObjectSwap:
    """Replacement of an object by another one.

    Truth: `object` and `new_object` (names), `new_object_source_id` (the donor photo), `box` and `new_box` (fractions
    of the image).
    """

    task = Task.OBJECT_SWAP

    def __init__(self, donors: Donors, objects: ObjectIndex | None = None) -> None:
        self._donors, self._objects = donors, objects or ObjectIndex()
        self._donor = lru_cache(DONORS_KEPT)(donors.__getitem__)
        self._offered: set[tuple[str, ...]] = set()

    def propose(self, photo: Photo, rng: np.random.Generator) -> EditRequest:
        objects = self._objects.find(photo)
        if not objects:
            raise NotApplicable("no object stands out")
        replaceable = [found for found in objects if is_replaceable(found, objects)]
        if not replaceable:
            raise NotApplicable("every object is cut off, too large, too small, unnamed, or partly hidden by another")
        for chosen in rng.permutation(len(replaceable)):
            old = replaceable[chosen]
            hole = inpaint_mask(old, objects, photo)
            max_bare = MAX_PLAIN_BARE if is_plain_around(photo.image, hole) else MAX_BARE
            for donor, new in self._borrowable(rng):
                swap = (photo.source_id, old.name, donor.source_id, new.name)
                if swap in self._offered or same_kind(old, new):
                    continue
                placement = place_object(photo, old, donor, new)
                if placement is not None and placement.left_bare(hole).mean() <= max_bare:
                    self._offered.add(swap)
                    return _request(photo, old, donor, new, placement, hole, rng)
        names = ", ".join(found.name for found in replaceable)
        raise NotApplicable(f"no further object fits in place of the {names}")

    def edit(self, requests: Sequence[EditRequest]) -> Sequence[Edited | NotApplicable]:
        return [_try_edit(request) for request in requests]

    def _borrowable(self, rng: np.random.Generator) -> Iterator[tuple[Photo, FoundObject]]:
        for index in rng.permutation(len(self._donors))[:DONORS_TRIED]:
            donor = self._donor(int(index))
            objects = self._objects.find(donor)
            for chosen in rng.permutation(len(objects)):
                if is_borrowable(objects[chosen], objects):
                    yield donor, objects[chosen]


def is_replaceable(found: FoundObject, objects: Sequence[FoundObject]) -> bool:
    """Return whether the object can be removed whole and has a name from which a replacement can be chosen.

    The lower border may cut it; the new object is then cut as well.
    """
    whole = found.area <= MAX_AREA and found.cut_sides <= {"bottom"}
    return whole and found.name != OBJECT and _is_clear(found, objects)


def is_borrowable(found: FoundObject, objects: Sequence[FoundObject]) -> bool:
    """Return whether the object looks whole in another photo and has a specific name."""
    return not found.cut_sides and found.name != OBJECT and _is_clear(found, objects)


def same_kind(first: FoundObject, second: FoundObject) -> bool:
    """Return whether two names end in one noun ('upper dog', 'lower dog') or one may include the other ('animal')."""
    nouns = [without_position(this.name) for this in (first, second)]
    if nouns[0].split()[-1] == nouns[1].split()[-1]:
        return True
    return any(noun in KINDS for noun in nouns) and find_kind(nouns[0]) == find_kind(nouns[1])


def place_object(photo: Photo, old: FoundObject, donor: Photo, new: FoundObject) -> Placement | None:
    """Place the new object where the old one is, at about its size, or return None if it does not fit."""
    scale = scale_between(old, new)
    if donor.source_id == photo.source_id:
        if not 0.4 < scale < 1.6:
            return None
        scale = 1.0
    if (
        scale > MAX_UPSCALE
        or _is_of_unknown_size(old, new)
        or not 1 / UNLIKELY <= enlargement(old, new, scale) <= UNLIKELY
    ):
        return None
    piece = resize_cutout(cut_out(donor.image, new.mask), scale)
    standing = stands(photo.image, old.mask)
    left, top = _corner(piece, photo, old, standing)
    placement = Placement(piece, left, top, standing)
    in_view = placement.on_canvas(piece.alpha, old.mask.shape).sum() > 0.99 * piece.alpha.sum()
    return placement if in_view and not _hides_another(placement, photo, old) else None


def scale_between(old: FoundObject, new: FoundObject) -> float:
    """Return the scale that gives the new object the old one's area without going far beyond its box."""
    (old_width, old_height), (new_width, new_height) = _size(old.mask), _size(new.mask)
    area = float(old.mask.sum() / new.mask.sum()) ** 0.5
    return min(area, WIDER * old_width / new_width, TALLER * old_height / new_height)


def enlargement(old: FoundObject, new: FoundObject, scale: float) -> float:
    """Return the factor by which the new object looks too large if the old one has its usual size; 1 if unknown."""
    relative = relative_size(new.name, old.name)
    return 1.0 if relative is None else scale * max(_size(new.mask)) / max(_size(old.mask)) / relative


def stands(image: Image, mask: Mask) -> bool:
    """Return whether an object stands, seen from the side: the colour below it differs from the colour behind it."""
    left, top, right, bottom = bounding_box(mask)
    aside, reach = (right - left) // 2, (bottom - top) // 3
    behind = (
        image[top : (top + bottom) // 2, side] for side in np.s_[max(0, left - aside) : left, right : right + aside]
    )
    below = image[bottom : bottom + reach, left:right]
    if not below.size:
        return True
    upper, lower = _typical_lab(np.concatenate([strip.reshape(-1, 3) for strip in behind])), _typical_lab(below)
    return float(np.linalg.norm(upper - lower)) > OTHER_COLOUR


def compose_swap(
    background: Image, source: Image, old: Mask, place: Placement, rng: np.random.Generator
) -> tuple[Image, Mask]:
    """Return the image with the harmonised cut-out, and the mask of covered or shaded pixels.

    Args:
        background: (H, W, 3) RGB, the image without the old object.
        source: the image with the old object, from which local sharpness and grain are estimated.
    """
    size = float(old.sum()) ** 0.5
    around = dilate(old, round(0.5 * size))
    piece = relit(place.piece, source[around].astype(np.float32))
    piece = soften_edges(piece, edge_blur(source, dilate(old, 4)))
    piece = add_grain(piece, estimate_grain(source, around), rng)
    alpha, colours = place.on_canvas(piece.alpha, old.shape), place.on_canvas(piece.colours, old.shape)
    shadow = contact_shadow(alpha, standing=place.standing)
    shaded = background * (1 - shadow[..., None])
    image = shaded + alpha[..., None] * (colours - shaded)
    touched = (alpha > 1 / 255) | (shadow > 1 / 255)
    return np.where(touched[..., None], np.rint(image), background).astype(np.uint8), touched


def _request(
    photo: Photo,
    old: FoundObject,
    donor: Photo,
    new: FoundObject,
    place: Placement,
    hole: Mask,
    rng: np.random.Generator,
) -> EditRequest:
    height, width = old.mask.shape
    left, top, right, bottom = bounding_box(place.piece.solid)
    new_box = (
        (place.left + left) / width,
        (place.top + top) / height,
        (place.left + right) / width,
        (place.top + bottom) / height,
    )
    name = without_position(new.name)
    return EditRequest(
        photo,
        Task.OBJECT_SWAP,
        swap_instructions(old.name, name, rng),
        {
            "object": old.name,
            "new_object": name,
            "new_object_source_id": donor.source_id,
            "box": _round_box(old.box),
            "new_box": _round_box(new_box),
        },
        mask=old.mask,
        parts={"placement": place, "hole": hole, "seed": int(rng.integers(2**32))},
    )


def _try_edit(request: EditRequest) -> Edited | NotApplicable:
    assert request.mask is not None and request.parts is not None
    emptied, source = request.parts["hole"], request.photo.image
    background = inpaint(source, emptied)
    rng = np.random.default_rng(request.parts["seed"])
    image, touched = compose_swap(background, source, request.mask, request.parts["placement"], rng)
    return Edited(image, emptied | touched, MODELS)


def _round_box(box: FractionBox) -> list[float]:
    return [round(edge, 4) for edge in box]


def _is_of_unknown_size(old: FoundObject, new: FoundObject) -> bool:
    """Return whether two sizes cannot be compared although one object has a kind: an animal may be a bee or a bear."""
    known = relative_size(new.name, old.name) is not None
    return not known and any(find_kind(without_position(this.name)) for this in (old, new))


def _size(mask: Mask) -> tuple[int, int]:
    left, top, right, bottom = bounding_box(mask)
    return right - left, bottom - top


def _is_clear(found: FoundObject, objects: Sequence[FoundObject]) -> bool:
    """Return whether the object is large enough, alone of its kind, and not partly hidden by a smaller one.

    An object with a position in its name ('upper dog') is among others of its kind, and they hide parts of each other.
    """
    alone = without_position(found.name) == found.name
    smaller = (other for other in objects if other.area < found.area)
    return alone and min(_size(found.mask)) >= MIN_SIDE and all(share_on(other, found) < 0.05 for other in smaller)


def _typical_lab(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    lab = image_to_lab(pixels.reshape(1, -1, 3))
    return np.median(lab[0], axis=0)


def _corner(piece: CutOut, photo: Photo, old: FoundObject, standing: bool) -> tuple[int, int]:
    """Return the cut-out's left and top: centred on the old object, or on its ground line if the object stands."""
    left, top, right, bottom = bounding_box(piece.solid)
    old_left, old_top, old_right, old_bottom = bounding_box(old.mask)
    ground = round(max(old.box[3], known_box(old, photo)[3]) * old.mask.shape[0])
    x = (old_left + old_right - left - right) // 2
    return x, (ground - bottom if standing else (old_top + old_bottom - top - bottom) // 2)


def _hides_another(place: Placement, photo: Photo, old: FoundObject) -> bool:
    """Return whether the new object would cover more than a tenth of another one's box, outside the old object."""
    covered = (place.on_canvas(place.piece.alpha, old.mask.shape) > 0.5) & ~old.mask
    rows, columns = old.mask.shape
    for named in photo.objects:
        if named.name == old.name or named.box is None or _within(old.box, named.box):
            continue
        x0, y0, x1, y1 = (round(edge * side) for edge, side in zip(named.box, (columns, rows) * 2, strict=True))
        if covered[y0:y1, x0:x1].mean() > 0.1:
            return True
    return False


def _within(inner: FractionBox, outer: FractionBox) -> bool:
    return inner[0] >= outer[0] and inner[1] >= outer[1] and inner[2] <= outer[2] and inner[3] <= outer[3]
