"""Readers of COCO-style files: instances and panoptic segments."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from omniedit.errors import UserError
from omniedit.exchange.image_files import BadImage, ImageFiles
from omniedit.exchange.perception.painting import PaintArea
from omniedit.exchange.perception.regions import BadRegion, decode_region
from omniedit.imaging.decode import open_image
from omniedit.pairs import Rejection
from omniedit.sources.archive_items import open_archive
from omniedit.storage.seeded_random import make_rng
from omniedit.tasks import Task

REFERRING, PANOPTIC = Task("referring_segmentation"), Task("panoptic_segmentation")
MIN_AREA, MAX_AREA = 0.002, 0.9
"""Minimum and maximum share of the image that a painted region may cover."""
MAX_SEGMENTS = 3
"""Maximum number of panoptic segments that one instruction names; the largest ones are used."""
_STUFF = ("-merged", "-other", "-stuff")
"""Endings of COCO's names of materials: 'sky-other-merged' is the sky."""


@dataclass(frozen=True)
class PaintingRow:
    """Row whose regions will be painted.

    Args:
        place: place of the row, for messages.
        own_id: the data set's id.
        file_name: name of the image's file.
        folder: folder that image paths are relative to.
        size: height and width of the image as the data set states them; None if it does not.
        read_regions: function that returns the regions of an image of (H, W). It may raise BadRegion or BadImage.
    """

    task: Task
    place: str
    own_id: str
    file_name: str
    folder: str
    size: tuple[int, int] | None
    read_regions: Callable[[int, int], list[PaintArea]]
    licence: str | None = None


@dataclass
class CocoFile:
    """Images, annotations and categories of a COCO-style file.

    Args:
        name: of the file, for places and messages.
    """

    name: str
    folder: str
    images: dict[Any, Mapping[str, Any]]
    annotations: list[Mapping[str, Any]]
    categories: dict[Any, Mapping[str, Any]]
    licences: dict[Any, str] = field(default_factory=dict)

    @property
    def is_panoptic(self) -> bool:
        return bool(self.annotations) and "segments_info" in self.annotations[0]

    def category(self, id: Any) -> str:
        """Return the plain name of a category: 'sky' for 'sky-other-merged'."""
        name = str(self.categories.get(id, {}).get("name") or "")
        for end in _STUFF:
            name = name.removesuffix(end)
        for end in _STUFF:
            name = name.removesuffix(end)
        return name.replace("-", " ").strip()

    def is_countable(self, id: Any) -> bool:
        return bool(self.categories.get(id, {}).get("isthing", 1))


def read_coco_file(path: str) -> CocoFile:
    """Read a COCO-style file as a whole.

    Raises:
        UserError: the file, or an entry of it, has a different format.
    """
    name = Path(path).name
    try:
        with open_archive(path) as file:
            content = json.loads(file.read())
    except ValueError as error:
        raise UserError(f"{name}: not JSON ({error!s:.60})") from None
    if not isinstance(content, dict):
        raise UserError(f"{name}: not a COCO-style file: it needs the lists images, annotations and categories")
    images, categories = (
        {each["id"]: each for each in _entries(name, content, key, ("id",))} for key in ("images", "categories")
    )
    licences = _entries(name, {"licenses": content.get("licenses") or []}, "licenses", ("id",))
    annotations = _entries(name, content, "annotations", ("image_id",))
    names = {each["id"]: str(each.get("name") or "") for each in licences}
    return CocoFile(name, str(Path(path).parent), images, annotations, categories, names)


def _entries(name: str, content: Mapping[str, Any], key: str, required: tuple[str, ...]) -> list[Mapping[str, Any]]:
    """Return a list of a COCO-style file whose entries all have the required ids.

    Raises:
        UserError: the list is missing, an entry is not a mapping, or an id is missing or neither a number nor text.
    """
    entries = content.get(key)
    if not isinstance(entries, list):
        raise UserError(f"{name}: not a COCO-style file: '{key}' is missing or not a list")
    for number, entry in enumerate(entries):
        if not isinstance(entry, dict):
            raise UserError(f"{name}: {key}[{number}] is {entry!r:.40}, not a mapping; correct or remove it")
        for id in {*required, "id", "image_id", "category_id"} & {*required, *entry}:
            if not isinstance(entry.get(id), int | str):
                problem = f"'{id}' is {entry.get(id)!r:.40}, not a number or text; correct it or remove the entry"
                raise UserError(f"{name}: {key}[{number}]: {problem}")
    return entries


def read_coco(path: str, shard: int, shards: int, files: ImageFiles) -> Iterator[PaintingRow | Rejection]:
    """Yield a row for each annotated image of a shard: all objects of a category, or the largest panoptic segments."""
    coco = read_coco_file(path)
    by_image: dict[Any, list[Mapping[str, Any]]] = defaultdict(list)
    for annotation in coco.annotations:
        by_image[annotation.get("image_id")].append(annotation)
    for number, (image_id, annotations) in enumerate(by_image.items()):
        if number % shards != shard:
            continue
        place = f"{coco.name}:{image_id}"
        image = coco.images.get(image_id)
        if image is None or not image.get("file_name"):
            yield Rejection(place, "the file lists no image with this id")
        elif coco.is_panoptic:
            yield _panoptic_row(coco, image, annotations[0], place, files)
        else:
            yield _category_row(coco, image, annotations, place)


def _category_row(
    coco: CocoFile, image: Mapping[str, Any], annotations: list[Mapping[str, Any]], place: str
) -> PaintingRow:
    def read_regions(height: int, width: int) -> list[PaintArea]:
        names = sorted({coco.category(annotation.get("category_id")) for annotation in annotations} - {""})
        if not names:
            raise BadRegion("no annotation has a known category")
        name = names[make_rng(place).integers(len(names))]
        chosen = [annotation for annotation in annotations if coco.category(annotation.get("category_id")) == name]
        masks = [decode_region(each.get("segmentation"), height, width) for each in chosen]
        joint = np.logical_or.reduce(masks)
        phrases = (f"every {name}",) if len(chosen) > 1 or chosen[0].get("iscrowd") else (f"the {name}",)
        return [PaintArea(phrases, joint)]

    return make_row(REFERRING, coco, image, str(image["id"]), place, read_regions)


def _panoptic_row(
    coco: CocoFile, image: Mapping[str, Any], annotation: Mapping[str, Any], place: str, files: ImageFiles
) -> PaintingRow:
    def read_regions(height: int, width: int) -> list[PaintArea]:
        segments = _read_segments(annotation, coco, files)
        if segments.shape != (height, width):
            size = f"{segments.shape[1]} x {segments.shape[0]}"
            raise BadRegion(f"its segments have {size} pixels, the image {width} x {height}")
        masks: dict[str, np.ndarray] = {}
        counts: dict[str, int] = defaultdict(int)
        countable: set[str] = set()
        for segment in annotation.get("segments_info") or ():
            name = coco.category(segment.get("category_id"))
            mask = segments == segment.get("id")
            if name and mask.any():
                masks[name] = masks.get(name, np.zeros_like(mask)) | mask
                counts[name] += 2 if segment.get("iscrowd") else 1
                countable |= {name} if coco.is_countable(segment.get("category_id")) else set()
        names = sorted(masks, key=lambda name: -int(masks[name].sum()))
        names = [name for name in names if MIN_AREA <= masks[name].mean() <= MAX_AREA][:MAX_SEGMENTS]
        return [
            PaintArea((f"every {name}" if name in countable and counts[name] > 1 else f"the {name}",), masks[name])
            for name in names
        ]

    return make_row(PANOPTIC, coco, image, str(image["id"]), place, read_regions)


def _read_segments(annotation: Mapping[str, Any], coco: CocoFile, files: ImageFiles) -> np.ndarray:
    """Return the (H, W) ids of the panoptic segments, which a PNG stores as R + 256 G + 65536 B."""
    stem = Path(coco.name).stem
    name = str(annotation.get("file_name") or "")
    content = files.read(f"{stem}/{name}", coco.folder)
    try:
        rgb = np.asarray(open_image(content).convert("RGB"), np.int64)  # ids, so colours must stay unchanged
    except Exception as error:  # whatever Pillow raises for broken data
        raise BadImage(f"segments {name[:80]!a}: {type(error).__name__}") from None
    return rgb @ np.array([1, 256, 65536])


def make_row(
    task: Task,
    coco: CocoFile,
    image: Mapping[str, Any],
    own_id: str,
    place: str,
    read_regions: Callable[[int, int], list[PaintArea]],
) -> PaintingRow:
    """Return the row of an image of a file."""
    height, width = image.get("height"), image.get("width")
    size = (height, width) if isinstance(height, int) and isinstance(width, int) else None
    licence = coco.licences.get(image.get("license")) or None
    return PaintingRow(task, place, own_id, str(image["file_name"]), coco.folder, size, read_regions, licence)
