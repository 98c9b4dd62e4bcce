"""Background swap: the foreground keeps its pixels, and the background is replaced."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from importlib.metadata import version

import numpy as np

from omniedit.grounding.masks import object_mask
from omniedit.grounding.nouns import find_kind
from omniedit.grounding.objects import FoundObject, ObjectIndex
from omniedit.grounding.outdoors import caption_says_outdoors
from omniedit.imaging.boxes import share_inside
from omniedit.imaging.color import FloatImage, mix, to_bytes, to_float
from omniedit.imaging.images import Image, Mask
from omniedit.imaging.matting import alpha_matte, foreground_colours
from omniedit.imaging.morphology import dilate, erode
from omniedit.imaging.procedural_noise import Field
from omniedit.instructions.grammar import join_names, without_position
from omniedit.instructions.templates.appearance import background_instructions, sky_instructions, surface_instructions
from omniedit.sources.photo import Photo
from omniedit.specialists.base import Donors, EditRequest, EditResult, EmbeddedSpecialist, NotApplicable
from omniedit.specialists.embedded.background_sources import (
    PAPERS,
    SKIES,
    TABLE_TOPS,
    add_contact_shadow,
    crop_donor_photo,
    match_light,
    plainness,
    studio,
    table_top,
)
from omniedit.specialists.embedded.scene_cues import SceneCues, analyse_scene
from omniedit.specialists.photo_cache import PhotoCache
from omniedit.tasks import Task

BAND = 3
"""Half the width in pixels of the soft edge between the preserved part and the new background."""
MIN_PRESERVED_SHARE, MAX_PRESERVED_SHARE = 0.06, 0.75
"""Range of the preserved part's share of the image: large enough for a subject, small enough to leave a background."""
MIN_PLAINNESS = 0.6
"""Minimum plainness of a background to treat it as a surface seen from above."""
DONOR_PHOTO_PROBABILITY = 0.6
"""Probability of trying donor photos before falling back to studio paper."""
MAX_DONORS = 12
"""Maximum number of donor photos to search for one that shows a place without large objects."""


class Placement(Enum):
    """Placement of the preserved part in the photo, which decides what backgrounds suit it."""

    CUT = auto()
    """Cut off by the bottom edge of the photo."""
    STANDING = auto()
    """On the ground, just above the bottom edge."""
    LYING = auto()
    """On a plain surface seen from above."""
    LAND = auto()
    """Land below a sky."""


@dataclass(frozen=True)
class PreservedRegion:
    """Part of a photo that is preserved when the background is replaced.

    Args:
        names: names of its objects, for the instruction.
        opacity: its opacity; None to compute a matte from the mask.
    """

    names: tuple[str, ...]
    mask: Mask
    placement: Placement
    opacity: Field | None = None


class BackgroundSwap(EmbeddedSpecialist):
    """Replacement of the background behind an object, or of the sky over a landscape.

    Truth: object (the preserved part), background (a description with its article), background_source_id ('' unless the
    background is a photo).

    Args:
        donors: photos to borrow backgrounds from; a photo is never its own donor.
    """

    task = Task.BACKGROUND_SWAP

    def __init__(self, donors: Donors, objects: ObjectIndex | None = None) -> None:
        self.donors, self.objects = donors, objects or ObjectIndex()
        self._descriptions: dict[int, str | None] = {}
        self.scenes = PhotoCache(lambda photo: analyse_scene(photo.image))
        self.preserved = PhotoCache(lambda photo: find_preserved_region(photo, self.objects, self.scenes))

    def propose(self, photo: Photo, rng: np.random.Generator) -> EditRequest:
        preserved = self.preserved(photo)
        if preserved.placement is Placement.LAND:
            description, donor = _choose_one(SKIES, rng), None
            instructions = sky_instructions(description, rng)
        elif preserved.placement is Placement.LYING:
            description, donor = _choose_one(TABLE_TOPS, rng), None
            instructions = surface_instructions(preserved.names, description, rng)
        else:
            description, donor = self._choose_background(photo, rng)
            instructions = background_instructions(preserved.names, description, rng)
        return EditRequest(
            photo=photo,
            task=self.task,
            instructions=instructions,
            truth={
                "object": join_names(preserved.names),
                "background": description,
                "background_source_id": donor.source_id if donor else "",
            },
            parts={"preserved": preserved, "donor": donor, "seed": int(rng.integers(2**63))},
        )

    def _choose_background(self, photo: Photo, rng: np.random.Generator) -> tuple[str, Photo | None]:
        """Return a background's description, and its donor photo. Studio paper has no donor."""
        if rng.random() < DONOR_PHOTO_PROBABILITY:
            for index in rng.permutation(len(self.donors))[:MAX_DONORS].tolist():
                donor = self.donors[index]
                if index not in self._descriptions:
                    self._descriptions[index] = caption_of_place(donor, self.objects, self.scenes)
                description = self._descriptions[index]
                if description and donor.source_id != photo.source_id:
                    return description, donor
        return _choose_one(PAPERS, rng), None

    def _edit(self, request: EditRequest) -> EditResult:
        assert request.parts
        preserved, donor = request.parts["preserved"], request.parts["donor"]
        rng = np.random.default_rng(request.parts["seed"])
        background = paint_background(request.photo.image, preserved, request.truth["background"], donor, rng)
        image, mask = composite_over(request.photo.image, preserved, background)
        return EditResult(image, mask, {"opencv": version("opencv-python-headless")})


class BackgroundChange(BackgroundSwap):
    """Background swap that puts no animal on a table top: AnyEdit's type `background_change`."""

    task = Task("background_change")

    def propose(self, photo: Photo, rng: np.random.Generator) -> EditRequest:
        preserved = self.preserved(photo)
        animals = [name for name in preserved.names if find_kind(without_position(name)) == "animal"]
        if preserved.placement is Placement.LYING and animals:
            raise NotApplicable(f"no table top suits the {join_names(animals)}")
        return super().propose(photo, rng)


def paint_background(
    image: Image, preserved: PreservedRegion, description: str, donor: Photo | None, rng: np.random.Generator
) -> FloatImage:
    """Return the (H, W, 3) background: the donor's photo if there is one, otherwise painted from the description."""
    height, width = preserved.mask.shape
    if preserved.placement is Placement.LAND:
        horizon = float(np.flatnonzero((~preserved.mask).any(axis=1))[-1] + 1) / height
        return SKIES[description](height, width, horizon, rng)
    if preserved.placement is Placement.LYING:
        return table_top(image, preserved.mask, description, rng)
    if donor is None:
        background = studio(height, width, description, rng)
    else:
        softness = 0.012 if preserved.placement is Placement.CUT else 0.003
        background = match_light(crop_donor_photo(donor.image, height, width, softness), image, ~preserved.mask, 0.45)
    return add_contact_shadow(background, preserved.mask) if preserved.placement is Placement.STANDING else background


def find_preserved_region(
    photo: Photo, objects: ObjectIndex, analyse_photo: Callable[[Photo], SceneCues]
) -> PreservedRegion:
    """Return the part to preserve: an object, or the land below a sky.

    Raises:
        NotApplicable: the photo has neither.
    """
    preserved = find_preserved_object(photo, objects.find(photo)) or find_land(analyse_photo(photo))
    if preserved is None:
        raise NotApplicable("no object that can stand in front of another background, and no sky to replace")
    return preserved


def composite_over(source: Image, preserved: PreservedRegion, background: FloatImage) -> tuple[Image, Mask]:
    """Composite the preserved part over a background; return the image and the mask of changed pixels.

    Every pixel may change except the opaque core of the preserved part.
    """
    opacity = alpha_matte(source, preserved.mask, BAND) if preserved.opacity is None else preserved.opacity
    colours = to_float(foreground_colours(source, preserved.mask, BAND))
    mask = ~erode(opacity >= 1, 1)
    image = source.copy()
    image[mask] = to_bytes(mix(background, colours, opacity))[mask]
    return image, mask


def find_preserved_object(photo: Photo, objects: Sequence[FoundObject]) -> PreservedRegion | None:
    """Return the largest object with its stem and the objects on it; None if its size or position is unsuitable."""
    if not objects:
        return None
    largest = max(objects, key=lambda obj: obj.area)
    group = [obj for obj in objects if obj is largest or share_inside(obj.box, largest.box) > 0.4]
    mask = close_gaps(np.logical_or.reduce([obj.mask for obj in group] + [find_stem_mask(photo, largest)]))
    if not MIN_PRESERVED_SHARE <= mask.mean() <= MAX_PRESERVED_SHARE:
        return None
    names = tuple(obj.name for obj in sorted(group, key=lambda obj: obj.box[1]))
    if plainness(photo.image, mask) > MIN_PLAINNESS:
        return PreservedRegion(names, mask, Placement.LYING)
    if mask[-2:].any() and "bottom" not in largest.cut_sides:
        return PreservedRegion(names, mask, Placement.CUT)
    bottom = np.flatnonzero(mask.any(axis=1))[-1] / len(mask)
    return PreservedRegion(names, mask, Placement.STANDING) if 0.9 < bottom < 1 and not largest.cut_sides else None


def close_gaps(mask: Mask) -> Mask:
    """Close the narrow gaps in a mask where two objects meet."""
    radius = max(3, round(0.02 * float(np.sqrt(mask.sum()))))
    return erode(dilate(mask, radius), radius)


def find_stem_mask(photo: Photo, obj: FoundObject) -> Mask:
    """Return the mask of the stem or foot from the object to the bottom edge of the photo; empty if none is found."""
    left, _, right, bottom = obj.box
    nothing = np.zeros_like(obj.mask)
    if bottom > 0.9:
        return nothing
    middle, reach = (left + right) / 2, 0.16 * (right - left)
    below = object_mask(photo.image, (middle - reach, bottom - 0.04, middle + reach, 1.0))
    if below is None or not below[-2:].any() or not (below & dilate(obj.mask, 6)).any():
        return nothing
    return below


def find_land(scene: SceneCues) -> PreservedRegion | None:
    """Return the land below an open sky; None if there is no sky, if a part of it may be missing, or if
    the sun's glare would remain on the land.
    """
    if scene.sun or scene.sky_doubt or not 0.1 <= scene.sky_share <= 0.6:
        return None
    opacity = np.clip(1 - scene.sky, 0, 1)
    return PreservedRegion(("landscape",), opacity > 0.5, Placement.LAND, opacity=opacity)


def caption_of_place(photo: Photo, objects: ObjectIndex, analyse_photo: Callable[[Photo], SceneCues]) -> str | None:
    """Return the photo's caption in lower case ('a stream in a forest') if it shows a place without large objects,
    otherwise None.
    """
    scene = analyse_photo(photo)
    article, _, rest = photo.caption.partition(" ")
    largest = max((obj.area for obj in objects.find(photo)), default=0.0) if photo.objects else 0.0
    is_outdoors = caption_says_outdoors(photo.caption) or scene.sky_share > 0
    is_place = is_outdoors and scene.sharp > 0.5 and not scene.sun
    return f"{article.lower()} {rest}" if article in ("A", "An", "The") and is_place and largest <= 0.08 else None


def _choose_one(named: Mapping[str, object], rng: np.random.Generator) -> str:
    return list(named)[rng.integers(len(named))]
