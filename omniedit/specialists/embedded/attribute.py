"""Attribute modification: one object gets another colour or material, and nothing else changes."""

import re
from collections.abc import Sequence
from importlib.metadata import version

import cv2
import numpy as np

from omniedit.grounding.nouns import OBJECT, find_kind
from omniedit.grounding.objects import FoundObject, ObjectIndex
from omniedit.imaging.boxes import FractionBox, share_inside
from omniedit.imaging.color import FloatImage, blur, from_lab, mix, to_bytes, to_float, to_lab
from omniedit.imaging.color_names import (
    COLOURS,
    HUE_SPREAD,
    colour_word,
    hue_degrees,
    hue_distance,
    nearest_colour,
    region_colour,
)
from omniedit.imaging.images import Image, Mask
from omniedit.imaging.matting import alpha_matte
from omniedit.imaging.morphology import bounding_box, dilate, erode
from omniedit.imaging.procedural_noise import Field
from omniedit.instructions.grammar import without_position
from omniedit.instructions.templates.appearance import colour_instructions, material_instructions
from omniedit.sources.photo import Photo
from omniedit.specialists.base import EditRequest, EditResult, EmbeddedSpecialist, NotApplicable
from omniedit.specialists.embedded.procedural_materials import MATERIALS, Surface, apply_material
from omniedit.specialists.embedded.recolor import can_become, membership, recolor
from omniedit.tasks import Task

TRANSPARENT = re.compile(r"\b(glass|glasses|window|water|fog|smoke|sky)\b", re.IGNORECASE)
"""Names of transparent things, on which neither paint nor marble would look right."""
LIVING_NOUNS = re.compile(
    r"\b(dog|cat|horse|cow|sheep|bird|person|man|woman|child|tree|plant|flower|grass|dandelion|fig|fruit|apple)s?\b",
    re.IGNORECASE,
)
"""Names, besides those known to `find_kind`, of living things: they may change colour, but do not turn into gold or
wood."""
MIN_OBJECT_SHARE, MAX_OBJECT_SHARE = 0.004, 0.62
"""Minimum and maximum share of the image that an object covers; the change of a smaller one would not be visible."""
MATERIAL_SHARE = 0.35
"""Probability that a solid object gets another material instead of another colour."""
BOX_SLACK = 0.02
"""Distance, in image sides, by which an object may extend beyond its hand-drawn box."""
RIM = 3
"""Width in pixels by which the paint may extend beyond the mask, where the colour is still that of the object."""


class AttributeModification(EmbeddedSpecialist):
    """Recolouring or resurfacing of one object.

    Truth: object, attribute ('colour' | 'texture'), value (a key of COLOURS or MATERIALS), box (fractions). For a
    colour also lab_ab, its chroma (a, b), which is (0, 0) for white, grey and black.
    """

    task = Task.ATTRIBUTE_MODIFICATION
    material_share = MATERIAL_SHARE

    def __init__(self, objects: ObjectIndex | None = None) -> None:
        self._objects = objects or ObjectIndex()

    def propose(self, photo: Photo, rng: np.random.Generator) -> EditRequest:
        objects = self._objects.find(photo)
        paintable = [obj for obj in objects if is_paintable(obj) and self._has_change(obj)]
        if not paintable:
            names = ", ".join(obj.name for obj in objects) or "none found"
            raise NotApplicable(f"no object that could change its colour or material (objects: {names})")
        obj = paintable[rng.integers(len(paintable))]
        region = visible_part(obj, objects, photo)
        if not is_alive(obj.name) and rng.random() < self.material_share:
            return self._resurfacing(photo, obj, region, rng)
        return self._recolouring(photo, obj, region, rng)

    def recolour(
        self, photo: Photo, obj: FoundObject, objects: Sequence[FoundObject], rng: np.random.Generator
    ) -> EditRequest:
        """Return a request for another colour of one of a photo's objects.

        Raises:
            NotApplicable: the object cannot be painted, or no other colour suits it.
        """
        if not is_paintable(obj):
            raise NotApplicable(f"the {obj.name} is too small, too large or transparent for another colour")
        return self._recolouring(photo, obj, visible_part(obj, objects, photo), rng)

    def _has_change(self, obj: FoundObject) -> bool:
        """Return whether this class may change the object. A living object keeps its material."""
        return self.material_share < 1 or not is_alive(obj.name)

    def _recolouring(self, photo: Photo, obj: FoundObject, region: Mask, rng: np.random.Generator) -> EditRequest:
        lab = to_lab(to_float(photo.image))
        own = region_colour(lab, region, colour_word(obj.name) or "")
        options = [c for c in COLOURS if can_become(own, c) and c != colour_word(obj.name)]
        if not options:
            raise NotApplicable(f"no other colour suits the {obj.name}")
        colour = options[rng.integers(len(options))]
        return EditRequest(
            photo=photo,
            task=self.task,
            instructions=colour_instructions(obj.name, colour, rng),
            truth={
                "object": obj.name,
                "attribute": "colour",
                "value": colour,
                "lab_ab": list(COLOURS[colour][1:]),
                "box": list(obj.box),
            },
            parts={"region": region, "own": own},
        )

    def _resurfacing(self, photo: Photo, obj: FoundObject, region: Mask, rng: np.random.Generator) -> EditRequest:
        words = set(obj.name.lower().split())
        options = [m for m in MATERIALS if words.isdisjoint(m.split())]
        material = options[rng.integers(len(options))]
        return EditRequest(
            photo=photo,
            task=self.task,
            instructions=material_instructions(obj.name, material, rng),
            truth={"object": obj.name, "attribute": "texture", "value": material, "box": list(obj.box)},
            parts={"region": region, "seed": int(rng.integers(2**63))},
        )

    def _edit(self, request: EditRequest) -> EditResult | NotApplicable:
        assert request.parts
        source, region, value = request.photo.image, request.parts["region"], request.truth["value"]
        window = window_around(region, margin=4 * RIM)
        if request.truth["attribute"] == "colour":
            patch, opacity = recolor_region(source[window], region[window], request.parts["own"], value)
            reached = nearest_colour(np.median(to_lab(to_float(patch))[opacity > 0.9], axis=0))
            if reached != value:
                return NotApplicable(f"the {request.truth['object']} became {reached}, not {value}")
        else:
            rng = np.random.default_rng(request.parts["seed"])
            patch, opacity = resurface_region(source[window], region[window], self.get_surface(request), rng)
        image, mask = source.copy(), np.zeros(region.shape, bool)
        mask[window] = opacity > 0
        image[mask] = patch[opacity > 0]
        return EditResult(image, mask, {"opencv": version("opencv-python-headless")})

    def get_surface(self, request: EditRequest) -> Surface:
        """Return the surface of the request's material."""
        return MATERIALS[request.truth["value"]]


class ColorAlter(AttributeModification):
    """Attribute modification with a new colour: AnyEdit's type `color_alter`."""

    task = Task("color_alter")
    material_share = 0.0


def is_paintable(obj: FoundObject) -> bool:
    return MIN_OBJECT_SHARE <= obj.area <= MAX_OBJECT_SHARE and not TRANSPARENT.search(obj.name)


def is_alive(name: str) -> bool:
    """Return whether an object of this name is a plant or may be an animal; such an object changes colour but not
    material.
    """
    noun = without_position(name)
    return noun == OBJECT or bool(LIVING_NOUNS.search(name)) or find_kind(noun) in ("animal", "fruit")


def visible_part(obj: FoundObject, objects: Sequence[FoundObject], photo: Photo) -> Mask:
    """Return the object's mask without smaller objects that are mostly in its box, such as a fig in a bowl."""
    hidden = np.zeros_like(obj.mask)
    for other in objects:
        if other is not obj and share_inside(other.box, obj.box) > 0.4 and other.area < obj.area:
            hidden |= dilate(other.mask, 2)
    return add_coloured_pieces(obj.name, obj.mask & ~hidden, hidden, photo)


def add_coloured_pieces(name: str, region: Mask, hidden: Mask, photo: Photo) -> Mask:
    """Add the pieces that the outline missed: they touch the region and have the colour in its name.

    Args:
        hidden: other objects in its box. A piece that makes up much of them (a fig's red flesh in a red bowl) belongs
            to them; a small piece (the bowl under the fig's stem) does not.
    """
    colour = colour_word(name)
    box = next((named.box for named in photo.objects if named.name == name), None)
    if colour is None or box is None:
        return region
    window = widen_box(box, BOX_SLACK, region.shape)
    lab = to_lab(blur(to_float(photo.image[window]), 1.5))
    own = region_colour(lab, region[window], colour)
    vivid = np.hypot(lab[..., 1], lab[..., 2]) > 0.5 * np.hypot(own[1], own[2])
    similar = (hue_distance(lab, hue_degrees(own)) < HUE_SPREAD / 2) & vivid & ~region[window]
    _, labels = cv2.connectedComponents(erode(similar, RIM).astype(np.uint8), connectivity=4)
    pieces = np.arange(1, int(labels.max()) + 1)
    touching = np.isin(pieces, labels[dilate(region, 2 * RIM)[window]])
    in_hidden = np.bincount(labels[hidden[window]], minlength=len(pieces) + 1)[1:]
    added = np.isin(labels, pieces[touching & (in_hidden <= 0.3 * hidden.sum())])
    joined = region.copy()
    joined[window] |= dilate(added, RIM + 1) & (similar | region[window])
    return joined


def widen_box(box: FractionBox, slack: float, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Convert a box of fractions to rows and columns, widened by `slack` of the image on every side."""
    (left, right), (top, bottom) = (
        (max(0, round((low - slack) * size)), round((high + slack) * size))
        for low, high, size in ((box[0], box[2], shape[1]), (box[1], box[3], shape[0]))
    )
    return slice(top, bottom), slice(left, right)


def recolor_region(image: Image, region: Mask, own: np.ndarray, colour: str) -> tuple[Image, Field]:
    """Return the recoloured region and the opacity of the paint, which covers the object's own colour and has a soft
    rim.
    """
    rgb = to_float(image)
    lab = to_lab(rgb)
    opacity = membership(lab, own) * soft_rim(image, region, own)
    return composite(rgb, from_lab(recolor(lab, own, colour)), opacity), opacity


def resurface_region(image: Image, region: Mask, surface: Surface, rng: np.random.Generator) -> tuple[Image, Field]:
    """Return the region with another surface, and its opacity."""
    rgb = to_float(image)
    lab = to_lab(rgb)
    own = region_colour(lab, region)
    opacity = np.maximum(alpha_matte(image, region, RIM), membership(lab, own) * soft_rim(image, region, own))
    return composite(rgb, from_lab(apply_material(lab, region, surface, rng)), opacity), opacity


def composite(below: FloatImage, above: FloatImage, opacity: Field) -> Image:
    return to_bytes(mix(below, above, opacity))


def soft_rim(image: Image, region: Mask, own: np.ndarray) -> Field:
    """Return the opacity of the region's outline.

    A grey object gets a matte. A coloured object gets a ramp outside the outline, because there the colour itself shows
    which share of a pixel belongs to the object.
    """
    if np.hypot(own[1], own[2]) < 20:
        return alpha_matte(image, region, RIM)
    outside = cv2.distanceTransform((~region).astype(np.uint8), cv2.DIST_L2, 3)
    return np.clip(1.5 - outside / RIM, 0, 1).astype(np.float32)


def window_around(region: Mask, margin: int) -> tuple[slice, slice]:
    """Return the rows and columns of the region's bounding box, widened by `margin` pixels within the image."""
    left, top, right, bottom = bounding_box(region)
    return slice(max(0, top - margin), bottom + margin), slice(max(0, left - margin), right + margin)
