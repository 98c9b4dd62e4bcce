"""Objects of a photo, each with its name and mask: from named boxes where they are known, else what is salient."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa

from omniedit.grounding.masks import mask_of_object
from omniedit.grounding.nouns import OBJECT
from omniedit.imaging.images import Image, Mask, decode_mask, encode_mask
from omniedit.imaging.matting import guided_filter
from omniedit.imaging.morphology import bounding_box, erode
from omniedit.sources.photo import FractionBox, Photo
from omniedit.storage.parquet import read_rows, write_rows

MIN_AREA, MAX_AREA = 0.0008, 0.7
"""Shares of the picture between which an object is worth an edit."""
SALIENT = 0.5
"""Saliency above which a pixel belongs to a salient object."""
AGREED = 0.6
"""Smallest overlap (intersection over union) of what is salient with the outline found in its box."""
SAME = 0.85
"""The same from which the object is what either outline holds, so that no foot or tip is left behind. Below it, the
salient region alone is used: it knows shapes, while colour takes in cast shadows and leaves out wings."""
CLEAR, MAX_CLEAR_AREA = 0.7, 0.4
"""Smallest overlap for a thing without a noun, and its largest share of the photo: more is often two things."""
NECK = 0.3
"""Salient parts joined over less than this share of the square root of their area may be objects of their own."""
SALIENCY_SIDE = 320
"""Side in pixels at which the saliency network works."""
MINOR = 0.25
"""Smallest share of the largest salient piece's area at which another counts."""


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
        """Return the share of the picture inside the mask."""
        return float(self.mask.mean())

    @property
    def cut_sides(self) -> frozenset[str]:
        """Return the borders of the picture that cut the object off: of 'left', 'top', 'right', 'bottom'."""
        edges = {
            "left": self.mask[:, :2],
            "top": self.mask[:2],
            "right": self.mask[:, -2:],
            "bottom": self.mask[-2:],
        }
        return frozenset(side for side, pixels in edges.items() if pixels.any())


_FOUND: dict[tuple[str, str], tuple[tuple[str, bytes], ...]] = {}
"""Names and encoded masks, a few kilobytes each, of the photos seen: tasks come back to them with other draws."""


def find_objects(photo: Photo) -> tuple[FoundObject, ...]:
    """The photo's objects whose outline and name could be found, in the order of its caption file; () where none."""
    key = (photo.source_id, photo.sha256)
    if key not in _FOUND:
        found = _find_named_objects(photo) if photo.objects else _salient(photo)
        _FOUND[key] = tuple((object_.name, encode_mask(object_.mask)) for object_ in found)
    return tuple(_found_object(name, decode_mask(encoded)) for name, encoded in _FOUND[key])


OBJECTS_SCHEMA = pa.schema(
    [
        ("source_id", pa.string()),
        ("sha256", pa.string()),
        ("objects", pa.list_(pa.struct([("name", pa.string()), ("mask", pa.binary())]))),
    ]
)


def write_objects(path: str | Path, photos: Iterable[Photo]) -> None:
    """Find the objects of photos and write them down, a row a photo: once for all tasks."""
    rows = []
    for photo in photos:
        find_objects(photo)
        objects = [{"name": name, "mask": mask} for name, mask in _FOUND[photo.source_id, photo.sha256]]
        rows.append({"source_id": photo.source_id, "sha256": photo.sha256, "objects": objects})
    write_rows(path, rows, OBJECTS_SCHEMA)


def recall_objects(path: str | Path) -> None:
    """Let `find_objects` answer from a file of `write_objects`.

    Raises:
        UserError: the file is missing or damaged.
    """
    for row in read_rows(path, OBJECTS_SCHEMA.names):
        _FOUND[row["source_id"], row["sha256"]] = tuple((found["name"], found["mask"]) for found in row["objects"])


def _find_named_objects(photo: Photo) -> list[FoundObject]:
    found = []
    for named in photo.objects:
        mask = mask_of_object(photo.image, named.box) if named.box else None
        if mask is not None and MIN_AREA <= mask.mean() <= MAX_AREA:
            found.append(_found_object(named.name, mask))
    return found


def _salient(photo: Photo) -> list[FoundObject]:
    """What stands out; parts that narrow necks join are objects of their own if they all go by one name (two dogs)."""
    from omniedit.grounding.saliency import saliency

    pieces = _pieces(saliency(photo.image) > SALIENT)
    found = [found for piece in pieces for found in _find_pieces(photo.image, piece)]
    if len(found) == len(pieces) <= 2 and all(this.name == OBJECT for this in found):
        return disambiguate_names(found)
    return disambiguate_names([this for this in found if this.name != OBJECT])


def _find_pieces(image: Image, piece: Mask) -> list[FoundObject]:
    parts = _parts(piece)
    if len(parts) > 1:
        found = [recognised for part in parts if (recognised := _recognise(image, part)) is not None]
        if len(found) == len(parts) and len({part.name for part in found}) == 1 and found[0].name != OBJECT:
            return found
    whole = _recognise(image, piece)
    return [] if whole is None else [whole]


def _recognise(image: Image, region: Mask) -> FoundObject | None:
    """Return the object in a salient region, None where its outline stays uncertain or it is no object.

    "Object" says which thing is meant only where it is whole and clear and (see `_salient`) no more than two stand out.
    """
    from omniedit.grounding.names import name_object

    mask = mask_of_object(image, _fractions(region)) if MIN_AREA <= region.mean() <= MAX_AREA else None
    if mask is None or (overlap := _overlap(mask, region)) < AGREED:
        return None
    salient = _pull_to_edges(region, image)
    mask = mask | salient if overlap >= SAME else salient
    name = name_object(image, mask)
    if name is None:
        return None
    found = _found_object(name, mask)
    is_clear = overlap >= CLEAR and found.area <= MAX_CLEAR_AREA and not found.cut_sides
    return found if name != OBJECT or is_clear else None


def _pull_to_edges(region: Mask, image: Image) -> Mask:
    """Return a salient region, found at a reduced size, with its outline on the edges of the image nearby."""
    soft = guided_filter(image, region.astype(np.float32), radius=max(2, max(region.shape) // SALIENCY_SIDE), eps=1e-4)
    return soft > 0.5


def _pieces(salient: Mask) -> list[Mask]:
    """The connected pieces of some size, the largest first."""
    count, labels = cv2.connectedComponents(salient.astype(np.uint8))
    pieces = sorted((labels == i for i in range(1, count)), key=lambda piece: -int(piece.sum()))
    return [piece for piece in pieces if piece.sum() >= MINOR * pieces[0].sum()]


def _parts(piece: Mask) -> list[Mask]:
    """What a piece falls into when its narrow necks are cut: every pixel goes to the nearest core."""
    cores = _pieces(erode(piece, max(1, round(NECK / 2 * piece.sum() ** 0.5))))
    if len(cores) < 2:
        return [piece]
    away = [cv2.distanceTransform((~core).astype(np.uint8), cv2.DIST_L2, 3) for core in cores]
    nearest = np.argmin(away, axis=0)
    return [piece & (nearest == i) for i in range(len(cores))]


def disambiguate_names(found: list[FoundObject]) -> list[FoundObject]:
    """The objects under names that mean one each: two dogs are 'upper dog' and 'lower dog', three are left out."""
    named: dict[str, list[FoundObject]] = {}
    for this in found:
        named.setdefault(this.name, []).append(this)
    result = []
    for alike in named.values():
        if len(alike) == 1:
            result += alike
        elif len(alike) == 2:
            words, ordered = _along_an_axis(*alike)
            result += [replace(this, name=f"{word} {this.name}") for word, this in zip(words, ordered, strict=True)]
    return result


def _along_an_axis(first: FoundObject, second: FoundObject) -> tuple[tuple[str, str], list[FoundObject]]:
    """Two objects in the order of the axis on which they are further apart, with the words for that order."""
    apart = [abs(a - b) for a, b in zip(_centre(first), _centre(second), strict=True)]
    axis = int(apart[1] > apart[0])
    words = (("left", "right"), ("upper", "lower"))[axis]
    return words, sorted((first, second), key=lambda this: _centre(this)[axis])


def _centre(found: FoundObject) -> tuple[float, float]:
    left, top, right, bottom = found.box
    return (left + right) / 2, (top + bottom) / 2


def _found_object(name: str, mask: Mask) -> FoundObject:
    return FoundObject(name, _fractions(mask), mask)


def _fractions(mask: Mask) -> FractionBox:
    left, top, right, bottom = bounding_box(mask)
    height, width = mask.shape
    return left / width, top / height, right / width, bottom / height


def _overlap(first: Mask, second: Mask) -> float:
    """Intersection over union."""
    return float(np.logical_and(first, second).sum() / max(np.logical_or(first, second).sum(), 1))
