"""Photos of a Parquet file whose rows hold encoded images as bytes.

Memory holds a batch of rows and one page of the file. By default, pyarrow writes pages of 1024 rows or a row group.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from omniedit.errors import UserError, one_line
from omniedit.sources.archive_items import MAX_BYTES, ArchivedPhoto, BadFile, SkippedPart
from omniedit.sources.metadata_values import NAMES, MetadataWarning, parse_caption
from omniedit.storage.arrow_values import to_rows

IMAGE_COLUMNS = (
    *("image", "jpg", "jpeg", "png", "webp", "image_bytes", "img"),
    *("source_image", "source_img", "src_img", "original_image", "input_image", "image_file"),
)
"""Names of the source photo's column, in order of preference. The column holds bytes, Hugging Face's struct of `bytes`
and `path`, or a list of either. If no name matches, the only column of that kind is used. The columns of
`omniedit.sources.metadata_values.NAMES` and `objects` hold the metadata. Case does not matter."""

_BATCH = 16
_BUFFER = 1 << 20
"""Read buffer in bytes. With it, and without pre-buffering, a column is read by page instead of by row group."""


def parquet_photos(file: BinaryIO, name: str, column: str | None = None) -> Iterator[ArchivedPhoto | SkippedPart]:
    """Yield the photos of a Parquet file in order. A damaged row group is listed, and the next one is read.

    Args:
        name: the file's name in places: '00012.parquet:7' is row 7.
        column: the column of the photos; None for the one that `IMAGE_COLUMNS` finds.

    Raises:
        UserError: the file is not Parquet, no column holds images, or several columns with unknown names do.
    """
    table = open_parquet(file, name)
    image = _image_column(table.schema_arrow, name, column)
    about = {"objects", *(each for names in NAMES.values() for each in names)}
    columns = [image, *(each for each in table.schema_arrow.names if each.casefold() in about)]
    for item in parquet_rows(table, name, columns, range(table.num_row_groups)):
        if isinstance(item, SkippedPart):
            yield item
        else:
            row, values = item
            yield from _photo(values, image, f"{name}:{row}")


def open_parquet(file: BinaryIO, name: str) -> pq.ParquetFile:
    """Open a Parquet file so that its columns are read by page.

    Raises:
        BadFile: the file is not Parquet; the message has its `name`.
    """
    try:
        return pq.ParquetFile(file, buffer_size=_BUFFER, pre_buffer=False)
    except (pa.ArrowException, OSError) as error:
        problem = f"{name}: not a valid Parquet file ({one_line(error)})"
        raise BadFile(f"{problem}; give a Parquet file, or copy the file again") from None


def parquet_rows(
    table: pq.ParquetFile, name: str, columns: Sequence[str], groups: Iterable[int]
) -> Iterator[tuple[int, dict[str, Any]] | SkippedPart]:
    """Yield the rows of some row groups with their numbers in the file, and a `SkippedPart` for a damaged group."""
    counts = [table.metadata.row_group(group).num_rows for group in range(table.num_row_groups)]
    starts = [0, *accumulate(counts)]
    for group in groups:
        row, end = starts[group], starts[group + 1]
        try:
            for batch in table.iter_batches(_BATCH, row_groups=[group], columns=columns):
                for values in to_rows(batch):
                    yield row, values
                    row += 1
        except (pa.ArrowException, OSError) as error:
            yield SkippedPart(f"{name}:{row}", f"rows {row} to {end - 1} are damaged: {one_line(error)}")


def _image_column(schema: pa.Schema, name: str, column: str | None) -> str:
    holding = {field.name.casefold(): field.name for field in reversed(list(schema)) if _holds_bytes(field.type)}
    names = (column.casefold(),) if column else IMAGE_COLUMNS
    if column_name := next((holding[each] for each in names if each in holding), None):
        return column_name
    if not column and len(holding) == 1:
        return next(iter(holding.values()))
    columns = ", ".join(f"{field.name} ({field.type})" for field in schema)
    if column:
        problem = f"sources.image_column '{column}' is not a column of encoded images"
    elif holding:
        several = ", ".join(sorted(holding.values()))
        problem = f"several columns hold bytes ({several}); name the one with the source photos in sources.image_column"
    else:
        problem = "no column holds encoded images; name one in sources.image_column, or convert the file"
    raise UserError(f"{name}: {problem}; the columns are {columns}")


def _holds_bytes(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        index = kind.get_field_index("bytes")
        return index >= 0 and _holds_bytes(kind.field(index).type)
    outer = (pa.types.is_dictionary, pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    if any(is_outer(kind) for is_outer in outer):
        return _holds_bytes(kind.value_type)
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind)


def _photo(values: Mapping[str, Any], image: str, place: str) -> Iterator[ArchivedPhoto | SkippedPart]:
    encoded = values[image]
    if isinstance(encoded, list):
        encoded = encoded[0] if encoded else None
    if isinstance(encoded, dict):
        encoded = encoded["bytes"]
    if not encoded:
        yield SkippedPart(place, "no image")
    elif len(encoded) > MAX_BYTES:
        yield SkippedPart(place, f"{len(encoded)} bytes, more than the limit of {MAX_BYTES}")
    else:
        warned: list[MetadataWarning] = []
        caption = parse_caption({name: value for name, value in values.items() if name != image}, place, warned)
        yield ArchivedPhoto(place, caption.id or place.rpartition(":")[2], encoded, caption)
        yield from (SkippedPart(each.place, each.reason, "warned") for each in warned)
