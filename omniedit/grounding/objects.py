"""Objects of a photo, each with a name and a mask: from named boxes if there are any, else from saliency."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa

from omniedit.grounding.coco_detector import PERSON, DetectedBox, detect_objects
from omniedit.grounding.instances import are_all_objects, has_rival, name_by_box, shows_person, shows_several
from omniedit.grounding.masks import object_mask
from omniedit.grounding.names import name_object
from omniedit.grounding.nouns import OBJECT
from omniedit.grounding.saliency import saliency
from omniedit.imaging.boxes import FractionBox, box_overlap, fraction_box
from omniedit.imaging.images import Image, Mask, decode_mask, encode_mask
from omniedit.imaging.matting import guided_filter
from omniedit.imaging.morphology import erode, overlap
from omniedit.sources.photo import Photo
from omniedit.storage.parquet import read_rows, write_rows

MIN_AREA, MAX_AREA = 0.0008, 0.7
"""Smallest and largest share of the image at which an object can be edited."""
MIN_SALIENCY = 0.5
"""Saliency above which a pixel belongs to a salient object."""
MIN_OUTLINE_IOU = 0.6
"""Smallest overlap (intersection over union) of a salient region with the outline found in its box."""
SAME_OUTLINE_IOU = 0.85
"""Overlap from which the object is the union of both outlines, so that no foot or tip is left behind. Below it, the
salient region alone is used, because it follows shapes; colour includes cast shadows and omits wings."""
MIN_UNNAMED_IOU, MAX_UNNAMED_AREA = 0.7, 0.4
"""Minimum overlap of an object without a noun, and its maximum share of the photo. A larger region is often two
objects."""
MAX_NECK = 0.3
"""Maximum width of a neck between two parts of a salient piece that may be separate objects, as a share of the square
root of the piece's area."""
SALIENCY_SIDE = 320
"""Side, in pixels, of the saliency network's input."""
MIN_BOX_SCORE, MIN_BOX_IOU = 0.5, 0.75
"""Minimum score of a box in which an object is searched if none is salient, and minimum overlap of this box with the
box of the outline found in it."""
MIN_PIECE_SHARE = 0.25
"""Smallest area of a salient piece that counts, as a share of the largest piece."""


@dataclass(frozen=True)
class FoundObject:
    """Object found in a photo.

    Args:
        name: without an article, such as 'wine bottle'.
        box: bounding box of the mask, as fractions of the image.
        mask: (H, W).
        crowded: whether so many other objects may have its name that no word such as 'left' distinguishes it.
    """

    name: str
    box: FractionBox
    mask: Mask
    crowded: bool = False

    @property
    def area(self) -> float:
        """Share of the image inside the mask."""
        return float(self.mask.mean())

    @property
    def cut_sides(self) -> frozenset[str]:
        """Borders of the image that cut the object off, among 'left', 'top', 'right' and 'bottom'."""
        edges = {"left": self.mask[:, :2], "top": self.mask[:2], "right": self.mask[:, -2:], "bottom": self.mask[-2:]}
        return frozenset(side for side, pixels in edges.items() if pixels.any())


OBJECTS_SCHEMA = pa.schema(
    [
        ("source_id", pa.string()),
        ("sha256", pa.string()),
        ("objects", pa.list_(pa.struct([("name", pa.string()), ("mask", pa.binary()), ("crowded", pa.bool_())]))),
    ]
)


class ObjectIndex:
    """Objects of photos. They are found once per photo, and kept as names and encoded masks of a few kilobytes.

    Args:
        files: files of `write_objects`, whose objects are used instead of being found again.

    Raises:
        UserError: a file is missing or damaged.
    """

    def __init__(self, files: Iterable[str | Path] = ()) -> None:
        self._known: dict[tuple[str, str], tuple[dict[str, Any], ...]] = {}
        for path in files:
            for row in read_rows(path, OBJECTS_SCHEMA.names):
                self._known[row["source_id"], row["sha256"]] = tuple(row["objects"])

    def find(self, photo: Photo, crowds: bool = False) -> tuple[FoundObject, ...]:
        """Return the photo's objects, as `find_objects` does.

        Args:
            crowds: whether to include objects whose name other objects may have.
        """
        return tuple(
            _found_object(known["name"], decode_mask(known["mask"]), bool(known.get("crowded")))
            for known in self.encode(photo)
            if crowds or not known.get("crowded")
        )

    def encode(self, photo: Photo) -> tuple[dict[str, Any], ...]:
        """Return the rows of the photo's objects: name, encoded mask, and whether it is crowded."""
        key = (photo.source_id, photo.sha256)
        if key not in self._known:
            self._known[key] = tuple(
                {"name": obj.name, "mask": encode_mask(obj.mask), "crowded": obj.crowded} for obj in find_objects(photo)
            )
        return self._known[key]


def find_objects(photo: Photo) -> tuple[FoundObject, ...]:
    """Return the photo's objects whose outline and name were found, in the order of its caption file; () if there are
    none.
    """
    return tuple(_find_named_objects(photo) if photo.objects else _salient(photo))


def write_objects(path: str | Path, photos: Iterable[Photo]) -> None:
    """Find the objects of photos, once for all tasks, and write a row per photo."""
    index, rows = ObjectIndex(), []
    for photo in photos:
        objects = list(index.encode(photo))
        rows.append({"source_id": photo.source_id, "sha256": photo.sha256, "objects": objects})
    write_rows(path, rows, OBJECTS_SCHEMA)


def _find_named_objects(photo: Photo) -> list[FoundObject]:
    objects = []
    for named in photo.objects:
        mask = object_mask(photo.image, named.box) if named.box else None
        if mask is not None and MIN_AREA <= mask.mean() <= MAX_AREA:
            objects.append(_found_object(named.name, mask))
    return objects


def _salient(photo: Photo) -> list[FoundObject]:
    """Return the salient objects. Parts joined by narrow necks are separate objects if all have the same name (two
    dogs).
    """
    pieces, detected = _pieces(saliency(photo.image) > MIN_SALIENCY), detect_objects(photo.image)
    objects = [obj for piece in pieces for obj in _find_pieces(photo.image, piece, detected)]
    if not objects:
        objects = list(_find_in_boxes(photo.image, detected))
    if len(objects) == len(pieces) <= 2 and all(obj.name == OBJECT for obj in objects):
        masks = [obj.mask for obj in objects]
        return disambiguate_names(objects) if objects and are_all_objects(masks, detected) else []
    named = [obj for obj in objects if obj.name != OBJECT]
    as_found = {obj.name for obj in named}
    return [
        replace(obj, crowded=True) if obj.name in as_found and has_rival(obj.mask, detected) else obj
        for obj in disambiguate_names(named)
    ]


def _find_pieces(image: Image, piece: Mask, detected: Sequence[DetectedBox]) -> list[FoundObject]:
    parts = _parts(piece)
    if len(parts) > 1:
        pieces = [recognised for part in parts if (recognised := _recognise(image, part, detected)) is not None]
        if len(pieces) == len(parts) and len({part.name for part in pieces}) == 1 and pieces[0].name != OBJECT:
            return pieces
    whole = _recognise(image, piece, detected)
    return [] if whole is None else [whole]


def _recognise(image: Image, region: Mask, detected: Sequence[DetectedBox]) -> FoundObject | None:
    """Return the object in a salient region, or None if its outline is uncertain or it is not one object.

    Several objects, a person, and anything that a person wears or holds do not count. An object without a noun counts
    only if it is whole and distinct, and if at most two objects stand out (see `_salient`).
    """
    mask = object_mask(image, fraction_box(region)) if MIN_AREA <= region.mean() <= MAX_AREA else None
    if mask is None or (fit := overlap(mask, region)) < MIN_OUTLINE_IOU:
        return None
    salient = _pull_to_edges(region, image)
    mask = mask | salient if fit >= SAME_OUTLINE_IOU else salient
    named = None if shows_several(mask, detected) else name_object(image, mask)
    if named is None or shows_person(mask, detected, named.text, named.probability):
        return None
    name = named.text if named.text != OBJECT else name_by_box(mask, detected) or OBJECT
    obj = _found_object(name, mask)
    is_clear = fit >= MIN_UNNAMED_IOU and obj.area <= MAX_UNNAMED_AREA and not obj.cut_sides
    return obj if name != OBJECT or is_clear else None


def _find_in_boxes(image: Image, detected: Sequence[DetectedBox]) -> Iterator[FoundObject]:
    """Yield the objects in boxes with a high score, if the outline fills the box and the classifier also names the
    object.
    """
    for box in [each.box for each in detected if each.score >= MIN_BOX_SCORE and each.name != PERSON]:
        mask = object_mask(image, box)
        if mask is None or not MIN_AREA <= mask.mean() <= MAX_AREA:
            continue
        fills = box_overlap(fraction_box(mask), box) >= MIN_BOX_IOU
        if not fills or shows_several(mask, detected) or shows_person(mask, detected):
            continue
        if (named := name_object(image, mask)) is not None and named.text != OBJECT:
            yield _found_object(named.text, mask)


def _pull_to_edges(region: Mask, image: Image) -> Mask:
    """Return a salient region, found at reduced size, with its outline aligned to nearby edges of the image."""
    soft = guided_filter(image, region.astype(np.float32), radius=max(2, max(region.shape) // SALIENCY_SIDE), eps=1e-4)
    return soft > 0.5


def _pieces(salient: Mask) -> list[Mask]:
    """Return the connected pieces that are large enough, the largest first."""
    count, labels = cv2.connectedComponents(salient.astype(np.uint8))
    pieces = sorted((labels == i for i in range(1, count)), key=lambda piece: -int(piece.sum()))
    return [piece for piece in pieces if piece.sum() >= MIN_PIECE_SHARE * pieces[0].sum()]


def _parts(piece: Mask) -> list[Mask]:
    """Split a piece at its narrow necks. Every pixel is assigned to the nearest core."""
    cores = _pieces(erode(piece, max(1, round(MAX_NECK / 2 * piece.sum() ** 0.5))))
    if len(cores) < 2:
        return [piece]
    away = [cv2.distanceTransform((~core).astype(np.uint8), cv2.DIST_L2, 3) for core in cores]
    nearest = np.argmin(away, axis=0)
    return [piece & (nearest == i) for i in range(len(cores))]


def disambiguate_names(objects: list[FoundObject]) -> list[FoundObject]:
    """Return the objects with unique names: two dogs become 'upper dog' and 'lower dog', three or more are crowded."""
    named: dict[str, list[FoundObject]] = {}
    for obj in objects:
        named.setdefault(obj.name, []).append(obj)
    result = []
    for namesakes in named.values():
        if len(namesakes) == 1:
            result += namesakes
        elif len(namesakes) == 2:
            words, ordered = _along_an_axis(*namesakes)
            result += [replace(obj, name=f"{word} {obj.name}") for word, obj in zip(words, ordered, strict=True)]
        else:
            result += [replace(obj, crowded=True) for obj in namesakes]
    return result


def _along_an_axis(first: FoundObject, second: FoundObject) -> tuple[tuple[str, str], list[FoundObject]]:
    """Order two objects along the axis on which they are further apart; return words for the order and the objects."""
    apart = [abs(a - b) for a, b in zip(_centre(first), _centre(second), strict=True)]
    axis = int(apart[1] > apart[0])
    words = (("left", "right"), ("upper", "lower"))[axis]
    return words, sorted((first, second), key=lambda obj: _centre(obj)[axis])


def _centre(obj: FoundObject) -> tuple[float, float]:
    left, top, right, bottom = obj.box
    return (left + right) / 2, (top + bottom) / 2


def _found_object(name: str, mask: Mask, crowded: bool = False) -> FoundObject:
    return FoundObject(name, fraction_box(mask), mask, crowded)
