"""Convert an archive to a shard in one pass: each photo is checked, cropped and packed while it is read."""

import tarfile
from collections.abc import Callable, Iterable, Iterator

from omniedit.imaging.decode import UnreadableImage
from omniedit.imaging.images import Image
from omniedit.sources.archive_items import ArchivedPhoto, SkippedPart
from omniedit.sources.parquet import parquet_photos
from omniedit.sources.photo_file import EncodedPhoto
from omniedit.sources.photo_index import IndexRow, PhotoRequirements, judge_photo, make_source_id
from omniedit.sources.photo_shard import add_photo
from omniedit.sources.webdataset import tar_photos

ArchiveReader = Callable[..., Iterator[ArchivedPhoto | SkippedPart]]
"""Function of an archive's file, its name and, for Parquet, the column of the photos."""

READERS: dict[str, ArchiveReader] = {"webdataset": tar_photos, "parquet": parquet_photos}
"""Archive readers by `sources.kind`."""


def stream(
    photos: Iterable[ArchivedPhoto | SkippedPart], shard: str, demands: PhotoRequirements, tar: tarfile.TarFile
) -> Iterator[IndexRow]:
    """Yield an index row for each item of an archive in order, and add the kept photos to a tar of `new_shard`.

    Args:
        shard: five digits; source ids begin with it, because photos in several archives may have the same numbers.
    """
    ids: set[str] = set()
    first_with: dict[str, str] = {}
    for photo in photos:
        if isinstance(photo, SkippedPart):
            yield {"file": photo.place, "status": photo.status, "reason": photo.reason}
            continue
        row, image = _judge(photo, demands)
        if image is not None and row["sha256"] in first_with:
            row |= {"status": "refused", "reason": f"duplicate of {first_with[row['sha256']]}"}
        elif image is not None:
            row |= {"shard": shard, "source_id": make_source_id(photo.place, f"{shard}-{photo.key}", ids)}
            ids.add(row["source_id"])
            first_with[row["sha256"]] = photo.place
            add_photo(tar, row, image)
        yield row


def _judge(photo: ArchivedPhoto, demands: PhotoRequirements) -> tuple[IndexRow, Image | None]:
    """Return the photo's row without shard and source id, and its pixels if it may be kept."""
    try:
        with EncodedPhoto(photo.encoded) as encoded:
            row, image = judge_photo(encoded, photo.caption, demands)
            return {"file": photo.place, **row}, image
    except UnreadableImage as error:
        return {"file": photo.place, "status": "refused", "reason": f"unreadable: {error}"}, None
