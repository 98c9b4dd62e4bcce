"""Index of source photos: ratio, crop and shard of the files that are kept, and the reason for each rejected file.

`sources/index.parquet` has a row for each file found. `status` is 'kept', 'refused' (rejected, with the reason) or
'warned': a skipped line of a .jsonl file, with its place in `file`. One decoded photo is in memory at a time.
"""

import hashlib
import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from math import sqrt
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import pyarrow as pa

from omniedit.aspect import Box, crop_box, nearest_ratio
from omniedit.errors import UserError
from omniedit.imaging.boxes import FractionBox
from omniedit.imaging.decode import UnreadableImage
from omniedit.imaging.images import Image, pixels_sha256
from omniedit.plain_text import replace_surrogates
from omniedit.sources.blank_images import find_blank
from omniedit.sources.crop_saliency import salient_centre
from omniedit.sources.listing import SUPPORTED, Listing
from omniedit.sources.metadata_files import list_caption_files, read_captions
from omniedit.sources.metadata_values import Caption
from omniedit.sources.near_duplicates import perceptual_hash
from omniedit.sources.photo import NamedObject
from omniedit.sources.photo_file import SUFFIXES, EncodedPhoto

SAMPLE = Path(__file__).parent / "sample"
"""Folder of the nine photos shipped with the package."""

BENCH = "bench"
"""Name of the shard whose photos only the benchmark edits."""

INDEX_SCHEMA = pa.schema(
    [
        ("source_id", pa.string()),
        ("file", pa.string()),
        ("status", pa.string()),
        ("reason", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("ratio", pa.string()),
        ("left", pa.int32()),
        ("top", pa.int32()),
        ("right", pa.int32()),
        ("bottom", pa.int32()),
        ("packed_width", pa.int32()),
        ("packed_height", pa.int32()),
        ("caption", pa.string()),
        ("objects", pa.string()),
        ("author", pa.string()),
        ("licence", pa.string()),
        ("origin", pa.string()),
        ("sha256", pa.string()),
        ("phash", pa.string()),
        ("shard", pa.string()),
    ]
)
"""Columns of `sources/index.parquet`. width and height are those of the upright photo before the crop, packed_width and
packed_height those after the crop and scaling. objects is JSON with boxes as fractions of the cropped image. sha256 and
phash (the perceptual hash) are of the upright RGB pixels before the crop. Columns that do not apply to a row are null.
"""

BENCH_SCHEMA = pa.schema([INDEX_SCHEMA.field(name) for name in ("source_id", "sha256", "phash")])
"""Columns of `sources/bench.parquet`, the benchmark's photos: the part of the index that the filter needs."""

_HALF = 0.5
"""Minimum share of an object that a crop must leave in view; other objects are dropped."""


@dataclass(frozen=True)
class PhotoRequirements:
    """Requirements that a photo must meet, and how it is cropped and scaled (`sources` in the config)."""

    min_pixels: int
    max_pixels: int
    ratio_tolerance: float
    crop: Literal["centre", "saliency"]


Demands = PhotoRequirements
"""Earlier name of `PhotoRequirements`."""


IndexRow = dict[str, Any]
"""Row of INDEX_SCHEMA; a missing key is null."""


def photo_files(files: Sequence[str]) -> list[str]:
    """Return the files that should be photos: all except the ones that describe photos."""
    photos = [file for file in files if PurePosixPath(file).suffix.lower() in SUFFIXES]
    captions = list_caption_files(files, photos)
    return [file for file in files if file not in captions]


def index_rows(root: Path, listing: Listing, demands: PhotoRequirements) -> Iterator[IndexRow]:
    """Yield a row for each of `photo_files` in order, then for skipped folders and caption lines; sets no shards."""
    captions = read_captions(root, listing.files)
    ids: set[str] = set()
    first_with: dict[str, str] = {}
    for file in photo_files(listing.files):
        if any("\ud800" <= character <= "\udfff" for character in file):
            yield {"file": replace_surrogates(file), "status": "refused", "reason": "its name is not UTF-8; rename it"}
            continue
        caption = captions.find(file)
        row = {"file": file, **_examine(root / file, caption, demands)}
        original = first_with.setdefault(row["sha256"], file) if row["status"] == "kept" else file
        if original != file:
            row |= {"status": "refused", "reason": f"duplicate of {original}"}
        if row["status"] == "kept":
            row["source_id"] = make_source_id(file, caption.id, ids)
            ids.add(row["source_id"])
        yield row
    yield from (
        {"file": replace_surrogates(folder), "status": "refused", "reason": why}
        for folder, why in listing.unread.items()
    )
    yield from ({"file": w.place, "status": "warned", "reason": w.reason} for w in captions.warned)


def make_source_id(file: str, id: str, ids: Collection[str] = ()) -> str:
    """Return an id of ASCII letters, digits, '_' and '-': the caption's `id`, else the path without its suffix.

    If characters were lost, or the id is in `ids`, six or more hex digits of the path's hash are appended, until the id
    is unique.
    """
    candidate = id or file.rpartition(".")[0] or file
    safe = "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "-" for c in candidate)[:60]
    if safe == candidate and safe not in ids:
        return safe
    digest = hashlib.sha256(file.encode()).hexdigest()
    return next(made for digits in range(6, 65) if (made := f"{safe}-{digest[:digits]}") not in ids)


def check_some_kept(root: Path, rows: Sequence[IndexRow]) -> None:
    """Raise a UserError that quotes the first rejection if no photo is kept."""
    photos = [row for row in rows if row["status"] != "warned"]
    if any(row["status"] == "kept" for row in photos):
        return
    first = photos[0] if photos else {"file": "no photo", "reason": "captions only"}
    counted = f"0 of {len(photos)} files; first: {first['file']}: {first['reason']}"
    unusable = "has no usable image" if any(row.get("width") for row in photos) else "has no readable image"
    raise UserError(f"sources.path '{root}' {unusable} ({counted}). Supported: {SUPPORTED}.")


def crop(image: Image, box: Box) -> Image:
    left, top, right, bottom = box
    return image[top:bottom, left:right]


def packed_size(box: Box, max_pixels: int) -> tuple[int, int]:
    """Return the width and height of a crop after scaling it down to at most `max_pixels`."""
    width, height = box[2] - box[0], box[3] - box[1]
    scale = min(1.0, sqrt(max_pixels / (width * height)))
    return max(1, int(width * scale)), max(1, int(height * scale))


def crop_objects(objects: Sequence[NamedObject], size: tuple[int, int], box: Box) -> list[NamedObject]:
    """Return objects at least half inside a crop, with boxes as fractions of it; objects without a box are kept."""
    inside = ((obj, _box_in_crop(obj.box, size, box)) for obj in objects)
    return [NamedObject(each.name, new) for each, new in inside if each.box is None or new is not None]


def _box_in_crop(box: FractionBox | None, size: tuple[int, int], crop: Box) -> FractionBox | None:
    if box is None:
        return None
    (left, right), (width, height) = (crop[0], crop[2]), size
    top, bottom = crop[1], crop[3]
    x0, x1 = (min(max((x * width - left) / (right - left), 0.0), 1.0) for x in (box[0], box[2]))
    y0, y1 = (min(max((y * height - top) / (bottom - top), 0.0), 1.0) for y in (box[1], box[3]))
    in_view = (x1 - x0) * (right - left) * (y1 - y0) * (bottom - top)
    whole = (box[2] - box[0]) * width * (box[3] - box[1]) * height
    new = (round(x0, 6), round(y0, 6), round(x1, 6), round(y1, 6))
    return new if in_view >= _HALF * whole else None


def _examine(path: Path, caption: Caption, demands: PhotoRequirements) -> IndexRow:
    """Return a file's row without file, source_id and shard."""
    if path.suffix.lower() not in SUFFIXES:
        return {"status": "refused", "reason": f"unsupported format {path.suffix}" if path.suffix else "no suffix"}
    try:
        with EncodedPhoto(path) as encoded:
            return judge_photo(encoded, caption, demands)[0]
    except UnreadableImage as error:
        return {"status": "refused", "reason": f"unreadable: {error}"}


def judge_photo(encoded: EncodedPhoto, caption: Caption, demands: PhotoRequirements) -> tuple[IndexRow, Image | None]:
    """Return a row without file, source_id and shard, and the decoded image if the photo is kept.

    The header is checked first; only photos that pass are decoded.
    """
    width, height = encoded.size
    row: IndexRow = {"width": width, "height": height, "status": "refused"}
    ratio = nearest_ratio(width, height, demands.ratio_tolerance)
    if ratio is None:
        reason = f"a crop to any of the seven removes more than {demands.ratio_tolerance:.0%}"
        return row | {"reason": f"no ratio within tolerance: {width}x{height}, {reason}"}, None
    left, top, right, bottom = crop_box(width, height, ratio)
    pixels = (right - left) * (bottom - top)
    if pixels < demands.min_pixels:
        return row | {"ratio": ratio, "reason": f"too small: {pixels} of {demands.min_pixels} pixels"}, None
    try:
        image = encoded.decode()
    except UnreadableImage as error:
        return row | {"ratio": ratio, "reason": f"unreadable: {error}"}, None
    if blank := find_blank(image):
        return row | {"ratio": ratio, "reason": f"not a photo: {blank}"}, None
    boxes = [obj.box for obj in caption.objects if obj.box is not None]
    centre = salient_centre(image, ratio, boxes) if demands.crop == "saliency" else (0.5, 0.5)
    box = crop_box(width, height, ratio, centre)
    accepted = {
        "status": "kept",
        "reason": "",
        "ratio": ratio,
        **dict(zip(("left", "top", "right", "bottom"), box, strict=True)),
        **dict(zip(("packed_width", "packed_height"), packed_size(box, demands.max_pixels), strict=True)),
        "caption": caption.caption,
        "objects": json.dumps([asdict(obj) for obj in crop_objects(caption.objects, (width, height), box)]),
        "author": caption.author,
        "licence": caption.licence,
        "origin": caption.origin,
        "sha256": pixels_sha256(image),
        "phash": perceptual_hash(image),
    }
    return row | accepted, image
