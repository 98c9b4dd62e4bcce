"""Material transfer: an object takes the texture of a region of another photo, the reference image (AnyEdit)."""

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

import cv2
import numpy as np

from omniedit.grounding.objects import FoundObject, ObjectIndex
from omniedit.imaging.color import FloatImage, blur, to_float, to_lab
from omniedit.imaging.images import Image, Mask
from omniedit.imaging.procedural_noise import Field
from omniedit.instructions.templates.references import material_of_reference
from omniedit.pairs import Reference
from omniedit.sources.photo import Photo
from omniedit.specialists.base import Donors, EditRequest, EditResult, NotApplicable
from omniedit.specialists.embedded.attribute import AttributeModification
from omniedit.specialists.embedded.procedural_materials import Surface
from omniedit.specialists.embedded.scene_cues import focus_share
from omniedit.specialists.embedded.swap import CACHED_DONORS, MAX_DONORS
from omniedit.tasks import Task

VALUE = "the reference material"
"""Value of the attribute in a truth and in rationales."""
SIDES = (0.5, 0.36, 0.26)
"""Sides of the regions that are searched for a texture, as shares of the photo's shorter side. The largest region with
a texture is used."""
MIN_SIDE = 120
"""Minimum side of a texture, in pixels."""
CELLS = 5
"""Number of cells per side whose colours and contrasts must match, so that the region is one texture."""
MAX_UNEVENNESS, MAX_SPREAD = 7.0, 1.9
"""Maximum distance in Lab between a cell's mean and the median cell, and maximum ratio of two cells' contrasts."""
MIN_FOCUS = 0.9
"""Minimum share of a texture that is in focus."""
MIN_SHADE, MAX_SHADE = 0.3, 1.1
"""Minimum and maximum factor by which an object's shading changes the lightness of its new texture."""
MIN_CONTRAST = 3.0
"""Minimum standard deviation of the fine lightness, because a plain region shows no material."""
MIN_DISTANCE = 14.0
"""Minimum distance, in Lab and contrast, between a texture and the object that takes it."""


class MaterialTransfer(AttributeModification):
    """Change of an object's surface to the texture in a reference image, a region of another photo.

    Truth: that of an attribute modification with the attribute `texture`; `edit` (attribute_modification) and
    `material_source_id` (the donor photo).
    """

    task = Task("material_transfer")
    material_share = 1.0

    def __init__(self, donors: Donors, objects: ObjectIndex | None = None) -> None:
        super().__init__(objects)
        self._donors = donors
        self._textures = lru_cache(4 * CACHED_DONORS)(self._find)
        self._used: set[tuple[str, str, str]] = set()

    def _has_change(self, obj: FoundObject) -> bool:
        """Return whether the object is not alive and is whole. An object cut by the border is often several objects."""
        return obj.cut_sides <= {"bottom"} and super()._has_change(obj)

    def _resurfacing(self, photo: Photo, obj: FoundObject, region: Mask, rng: np.random.Generator) -> EditRequest:
        own = describe_texture(to_lab(to_float(photo.image)), region)
        for donor, texture in self._borrowable(photo, rng):
            key = (photo.source_id, obj.name, donor)
            other = np.linalg.norm(own - describe_texture(to_lab(to_float(texture)), np.ones(texture.shape[:2], bool)))
            if key in self._used or other < MIN_DISTANCE:
                continue
            self._used.add(key)
            truth = {"object": obj.name, "attribute": "texture", "value": VALUE, "box": list(obj.box)}
            return EditRequest(
                photo=photo,
                task=self.task,
                instructions=material_of_reference(obj.name, rng),
                truth={**truth, "edit": Task.ATTRIBUTE_MODIFICATION.name, "material_source_id": donor},
                parts={"region": region, "seed": int(rng.integers(2**63)), "texture": texture},
            )
        raise NotApplicable(f"no further photo has a material for the {obj.name}")

    def _edit(self, request: EditRequest) -> EditResult | NotApplicable:
        edited = super()._edit(request)
        if isinstance(edited, NotApplicable):
            return edited
        assert request.parts is not None
        return replace(edited, references=(Reference("material", request.parts["texture"]),))

    def get_surface(self, request: EditRequest) -> Surface:
        assert request.parts is not None
        return surface_from(request.parts["texture"])

    def _borrowable(self, photo: Photo, rng: np.random.Generator) -> Iterator[tuple[str, Image]]:
        for index in rng.permutation(len(self._donors))[:MAX_DONORS]:
            source_id, texture = self._textures(int(index))
            if texture is not None and source_id != photo.source_id:
                yield source_id, texture

    def _find(self, index: int) -> tuple[str, Image | None]:
        donor = self._donors[index]
        masks = [obj.mask for obj in self._objects.find(donor)]
        return donor.source_id, find_texture(donor.image, np.logical_or.reduce(masks) if masks else None)


def find_texture(image: Image, excluded: Mask | None = None) -> Image | None:
    """Return the largest, most even square region with a visible texture, or None.

    Args:
        excluded: (H, W) mask of the photo's objects, which the region must not contain.
    """
    lab = to_lab(to_float(image))
    for share in SIDES:
        side = round(share * min(image.shape[:2]))
        if side < MIN_SIDE:
            break
        places = (
            (top, left)
            for top in range(0, image.shape[0] - side + 1, max(1, side // 3))
            for left in range(0, image.shape[1] - side + 1, max(1, side // 3))
            if excluded is None or not excluded[top : top + side, left : left + side].any()
        )
        scored = [(_unevenness(lab[top : top + side, left : left + side]), top, left) for top, left in places]
        unevenness, top, left = min(scored, default=(float("inf"), 0, 0))
        if unevenness <= 1:
            texture = np.ascontiguousarray(image[top : top + side, left : left + side])
            return texture if focus_share(to_float(texture), np.ones((side, side), np.float32)) >= MIN_FOCUS else None
    return None


def _unevenness(lab: FloatImage) -> float:
    """Return how uneven the texture of a square is: up to 1 it counts as one texture; infinite if no texture is
    visible.
    """
    side = lab.shape[0] // CELLS * CELLS
    fine = lab[:side, :side, 0] - blur(np.ascontiguousarray(lab[..., 0]), side / 24)[:side, :side]
    cells = lab[:side, :side].reshape(CELLS, side // CELLS, CELLS, side // CELLS, 3)
    means = cells.mean(axis=(1, 3)).reshape(-1, 3)
    contrasts = fine.reshape(CELLS, side // CELLS, CELLS, side // CELLS).std(axis=(1, 3)).ravel()
    if contrasts.min() < MIN_CONTRAST:
        return float("inf")
    apart = float(np.linalg.norm(means - np.median(means, axis=0), axis=1).max())
    return max(apart / MAX_UNEVENNESS, float(contrasts.max() / contrasts.min()) / MAX_SPREAD)


def describe_texture(lab: FloatImage, region: Mask) -> np.ndarray:
    """Return a region's (4,) mean Lab colour and twice the contrast of its fine lightness."""
    fine = lab[..., 0] - blur(np.ascontiguousarray(lab[..., 0]), 6.0)
    return np.append(lab[region].mean(axis=0), 2 * fine[region].std())


def surface_from(texture: Image) -> Surface:
    """Return a surface that repeats a texture, mirrored at its edges, under the object's own shading."""
    lab_texture = to_lab(to_float(texture))

    def paint(relief: Field, detail: Field, rng: np.random.Generator) -> FloatImage:
        height, width = relief.shape
        side = lab_texture.shape[0]
        scale = max(1.0, min(1.5, max(height, width) / side))
        tile = cv2.resize(lab_texture, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        tile = np.concatenate([tile, tile[::-1]])
        tile = np.concatenate([tile, tile[:, ::-1]], axis=1)
        repeats = -(-height // tile.shape[0]), -(-width // tile.shape[1]), 1
        lab = np.tile(tile, repeats)[:height, :width].copy()
        shade = np.clip(0.9 + relief / 50, MIN_SHADE, MAX_SHADE)
        lab[..., 0] = np.clip(lab[..., 0] * shade + 0.5 * detail, 0, 100)
        lab[..., 1:] *= np.minimum(shade, 1)[..., None]
        return lab.astype(np.float32)

    return paint
