"""Object swap: an object is replaced by a cut-out from another photo (SmartEdit's production pipeline)."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np

from omniedit.grounding.nouns import KINDS, OBJECT, find_kind
from omniedit.grounding.objects import FoundObject, ObjectIndex
from omniedit.imaging.harmonize import add_grain, contact_shadow, edge_blur, estimate_grain, relight, soften_edges
from omniedit.imaging.images import Image, Mask
from omniedit.imaging.inpaint import MODELS
from omniedit.imaging.morphology import bounding_box, dilate
from omniedit.instructions.grammar import without_position
from omniedit.instructions.templates.objects import swap_instructions
from omniedit.sources.photo import Photo, round_box
from omniedit.specialists.base import Donors, EditRequest, EditResult, EmbeddedSpecialist, NotApplicable
from omniedit.specialists.embedded.cut_out_placement import CutOutPlacement, box_size, place_object
from omniedit.specialists.embedded.fill_cache import FillCache
from omniedit.specialists.embedded.object_sizes import relative_size
from omniedit.specialists.embedded.removal_mask import inpaint_mask, is_plain_around, share_on
from omniedit.tasks import Task

MAX_AREA = 0.35
"""Maximum share of the image that a replaceable object covers."""
MIN_SIDE = 48
"""Minimum shorter side, in pixels, of an object that is replaced or borrowed."""
MAX_BARE_SHARE, MAX_PLAIN_BARE_SHARE = 0.07, 0.2
"""Maximum share of the image that the old object covers and the new one does not. The second value applies if one
colour or gradient surrounds the old object."""
MAX_DONORS = 24
"""Maximum number of photos to search for an object that fits, before a proposal is abandoned."""
CACHED_DONORS = 16
"""Number of decoded donors that are cached for the next proposals: all photos of a small shard, about 50 MB."""


class ObjectSwap(EmbeddedSpecialist):
    """Replacement of an object by another one.

    Truth: `object` and `new_object` (names), `new_object_source_id` (the donor photo), `box` and `new_box` (fractions
    of the image).
    """

    task = Task.OBJECT_SWAP

    def __init__(self, donors: Donors, objects: ObjectIndex | None = None, fills: FillCache | None = None) -> None:
        self._donors, self._objects, self._fills = donors, objects or ObjectIndex(), fills or FillCache()
        self._donor = lru_cache(CACHED_DONORS)(donors.__getitem__)
        self._used: set[tuple[str, ...]] = set()

    def propose(self, photo: Photo, rng: np.random.Generator) -> EditRequest:
        objects = self._objects.find(photo)
        if not objects:
            raise NotApplicable("no object stands out")
        replaceable = [obj for obj in objects if is_replaceable(obj, objects)]
        if not replaceable:
            raise NotApplicable("every object is cut off, too large, too small, unnamed, or partly hidden by another")
        for chosen in rng.permutation(len(replaceable)):
            old = replaceable[chosen]
            if (request := self.replace_object(photo, old, objects, rng)) is not None:
                return request
        names = ", ".join(obj.name for obj in replaceable)
        raise NotApplicable(f"no further object fits in place of the {names}")

    def replace_object(
        self, photo: Photo, old: FoundObject, objects: Sequence[FoundObject], rng: np.random.Generator
    ) -> EditRequest | None:
        """Return a request to replace one of a photo's objects, or None if no further object fits."""
        hole = inpaint_mask(old, objects, photo)
        max_bare = MAX_PLAIN_BARE_SHARE if is_plain_around(photo.image, hole) else MAX_BARE_SHARE
        for donor, new in self._borrowable(rng):
            swap = (photo.source_id, old.name, donor.source_id, new.name)
            if swap in self._used or may_be_same_kind(old, new):
                continue
            placement = place_object(photo, old, donor, new)
            if placement is not None and placement.uncovered_hole(hole).mean() <= max_bare:
                self._used.add(swap)
                return replace(_request(photo, old, donor, new, placement, hole, rng), task=self.task)
        return None

    def _edit(self, request: EditRequest) -> EditResult:
        assert request.mask is not None and request.parts is not None
        emptied, source = request.parts["hole"], request.photo.image
        background = self._fills.fill(request.photo, emptied)
        rng = np.random.default_rng(request.parts["seed"])
        image, touched = compose_swap(background, source, request.mask, request.parts["placement"], rng)
        return EditResult(image, emptied | touched, MODELS)

    def _borrowable(self, rng: np.random.Generator) -> Iterator[tuple[Photo, FoundObject]]:
        for index in rng.permutation(len(self._donors))[:MAX_DONORS]:
            donor = self._donor(int(index))
            objects = self._objects.find(donor)
            for chosen in rng.permutation(len(objects)):
                if is_borrowable(objects[chosen], objects):
                    yield donor, objects[chosen]


class PlausibleSwap(ObjectSwap):
    """Replacement of an animal by an animal or of an inanimate object by another, of known relative size.

    AnyEdit's type `replace`. It avoids, for example, a cup that swims in place of a duck, or a bollard as small as a
    ball.
    """

    def propose(self, photo: Photo, rng: np.random.Generator) -> EditRequest:
        while True:
            swap = super().propose(photo, rng)
            old, new = without_position(swap.truth["object"]), swap.truth["new_object"]
            same_kind = (find_kind(old) == "animal") == (find_kind(new) == "animal")
            if same_kind and relative_size(new, old) is not None:
                return swap


def is_replaceable(obj: FoundObject, objects: Sequence[FoundObject]) -> bool:
    """Return whether the object can be removed completely and has a name from which a replacement can be chosen.

    The lower border may cut it; the new object is then cut as well.
    """
    is_whole = obj.area <= MAX_AREA and obj.cut_sides <= {"bottom"}
    return is_whole and obj.name != OBJECT and _is_clear(obj, objects)


def is_borrowable(obj: FoundObject, objects: Sequence[FoundObject]) -> bool:
    """Return whether the object looks whole in another photo and has a specific name."""
    return not obj.cut_sides and obj.name != OBJECT and _is_clear(obj, objects)


def may_be_same_kind(first: FoundObject, second: FoundObject) -> bool:
    """Return whether two names end in the same noun ('upper dog', 'lower dog'), or one noun may include the other
    ('animal').
    """
    nouns = [without_position(this.name) for this in (first, second)]
    if nouns[0].split()[-1] == nouns[1].split()[-1]:
        return True
    return any(noun in KINDS for noun in nouns) and find_kind(nouns[0]) == find_kind(nouns[1])


def compose_swap(
    background: Image, source: Image, old: Mask, place: CutOutPlacement, rng: np.random.Generator
) -> tuple[Image, Mask]:
    """Return the image with the harmonised cut-out, and the mask of covered or shaded pixels.

    Args:
        background: (H, W, 3) RGB, the image without the old object.
        source: the image with the old object, from which local sharpness and grain are estimated.
    """
    size = float(old.sum()) ** 0.5
    around = dilate(old, round(0.5 * size))
    piece = relight(place.piece, source[around].astype(np.float32))
    piece = soften_edges(piece, edge_blur(source, dilate(old, 4)))
    piece = add_grain(piece, estimate_grain(source, around), rng)
    return paste(background, replace(place, piece=piece))


def paste(background: Image, place: CutOutPlacement) -> tuple[Image, Mask]:
    """Return the image with the cut-out and its contact shadow, and the mask of covered or shaded pixels."""
    shape = background.shape[:2]
    alpha, colours = place.paste_on_canvas(place.piece.alpha, shape), place.paste_on_canvas(place.piece.colours, shape)
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
    place: CutOutPlacement,
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
            "box": round_box(old.box),
            "new_box": round_box(new_box),
        },
        mask=old.mask,
        parts={"placement": place, "hole": hole, "seed": int(rng.integers(2**32))},
    )


def _is_clear(obj: FoundObject, objects: Sequence[FoundObject]) -> bool:
    """Return whether the object is large enough, alone of its kind, and not partly hidden by a smaller one.

    An object with a position in its name ('upper dog') is next to others of its kind, which may hide parts of each
    other.
    """
    alone = without_position(obj.name) == obj.name
    smaller = (other for other in objects if other.area < obj.area)
    return alone and min(box_size(obj.mask)) >= MIN_SIDE and all(share_on(other, obj) < 0.05 for other in smaller)
