"""Segmentation data as pairs of a run: the source image, and the same image with the named region painted."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from omniedit.errors import UserError
from omniedit.exchange.convert import measure_source
from omniedit.exchange.image_files import BadImage, ImageFiles
from omniedit.exchange.pair_images import check_image
from omniedit.exchange.perception.coco import MAX_AREA, MIN_AREA, PaintingRow, read_coco
from omniedit.exchange.perception.painting import choose_paints, describe_paints, paint_instructions, paint_regions
from omniedit.exchange.perception.refcoco import list_expression_files, read_refcoco
from omniedit.exchange.perception.regions import BadRegion
from omniedit.exchange.rows import reject
from omniedit.imaging.images import encode_mask, encode_png
from omniedit.pairs import EncodedPair, Rejection
from omniedit.pairs.provenance import IMPORTED
from omniedit.sources.photo_index import make_source_id
from omniedit.storage.seeded_random import make_rng

FORMATS = ("coco", "refcoco")
"""Formats of segmentation data, for `omniedit import` and `imports`."""


def data_files(format: str, path: str) -> list[str]:
    """Return the files that hold the rows.

    Raises:
        UserError: there is none.
    """
    return [path] if format == "coco" else [file.address for file in list_expression_files(path)]


@dataclass
class PairPainter:
    """Maker of pairs from rows with regions.

    Args:
        data_set: name of the data set in the run; ids of pairs begin with it.
        format: a word of FORMATS.
        files: reader of the images.
        licence: licence of all pairs; None for that of the row.
        ids: ids in use, without the data set's name; each pair adds its own.
    """

    data_set: str
    format: str
    files: ImageFiles
    licence: str | None = None
    ids: set[str] = field(default_factory=set)

    def read(self, path: str, shard: int, shards: int) -> Iterator[PaintingRow | Rejection]:
        """Yield the rows of a shard."""
        if self.format == "coco":
            return read_coco(path, shard, shards, self.files)
        return read_refcoco(path, shard, shards)

    def make(self, row: PaintingRow | Rejection) -> EncodedPair | Rejection:
        """Return the pair of a row, or the reason why there is none."""
        if isinstance(row, Rejection):
            return reject(row.source_id, row.reason)
        try:
            return self._paint(row)
        except (BadImage, BadRegion, UserError) as error:
            return reject(row.place, str(error))

    def _paint(self, row: PaintingRow) -> EncodedPair:
        changes: dict[str, str] = {}
        encoded, image = check_image(self.files.read(row.file_name, row.folder), "source", changes)
        height, width = image.shape[:2]
        if row.size is not None and row.size != (height, width):
            stated = f"{row.size[1]} x {row.size[0]}"
            raise BadImage(f"source: {width} x {height} pixels, but the file of regions says {stated}")
        regions = row.read_regions(height, width)
        if not regions:
            raise BadRegion("every region is too small or too large to paint")
        rng = make_rng(row.place)
        colours = choose_paints(image, regions, rng)
        edited, mask = paint_regions(image, regions, colours)
        if not MIN_AREA <= mask.mean() <= MAX_AREA:
            raise BadRegion(f"the region covers {mask.mean():.1%} of the image; from {MIN_AREA:.1%} to {MAX_AREA:.0%}")
        own = make_source_id(row.place, row.own_id, self.ids)
        self.ids.add(own)
        imported = {"dataset": self.format, "place": row.place, "id": row.own_id, "files": {"source": row.file_name}}
        about = {
            **measure_source(image),
            "source_id": row.file_name,
            "truth": describe_paints(regions, colours),
            "known_truth": True,
            IMPORTED: imported | ({"changes": changes} if changes else {}),
        }
        licence = self.licence or row.licence
        return EncodedPair(
            pair_id=f"{self.data_set}-{own}",
            task=row.task,
            instructions=paint_instructions(regions, colours, rng),
            source=encoded,
            edited=encode_png(edited),
            mask=encode_mask(mask),
            provenance=about | ({"licence": licence} if licence else {}),
        )
