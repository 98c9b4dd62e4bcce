"""Photos of a Parquet file whose rows hold picture files as bytes.

In memory are a batch of rows and what the file's writer made one page: pyarrow, by default, 1024 rows or a row group.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from omniedit.errors import UserError
from omniedit.sources.archived import MAX_BYTES, ArchivedPhoto, LeftOut
from omniedit.sources.captions import NAMES, Warned, parse_caption

PICTURE_COLUMNS = ("image", "jpg", "jpeg", "png", "webp", "image_bytes")
"""The first of these that holds bytes, or Hugging Face's struct of `bytes` and `path`, is the picture; the columns of
`omniedit.sources.captions.NAMES` and `objects` say what is known of it. Capitals count as small letters."""

_BATCH = 16
_BUFFER = 1 << 20
"""With it, and without pre-buffering, a column is read page by page, not all at once that a row group has of it."""


def parquet_photos(file: BinaryIO, name: str) -> Iterator[ArchivedPhoto | LeftOut]:
    """The photos of a Parquet file in order; `name` is what it is called in places: '00012.parquet:7' is row 7.

    A row group that is damaged is listed, and the next one read.

    Raises:
        UserError: it is no Parquet file, or no column holds pictures.
    """
    try:
        table = pq.ParquetFile(file, buffer_size=_BUFFER, pre_buffer=False)
    except (pa.ArrowException, OSError) as error:
        told = f"{name}: not a whole Parquet file ({_one_line(error)})"
        raise UserError(f"{told}; correct sources.path or bring the archive anew") from None
    picture = _picture_column(table.schema_arrow, name)
    columns = [picture, *_caption_columns(table.schema_arrow)]
    row = 0
    for group in range(table.num_row_groups):
        end = row + table.metadata.row_group(group).num_rows
        try:
            for batch in table.iter_batches(_BATCH, row_groups=[group], columns=columns):
                for values in _rows(batch):
                    yield from _photo(values, picture, f"{name}:{row}")
                    row += 1
        except (pa.ArrowException, OSError) as error:
            yield LeftOut(f"{name}:{row}", f"rows {row} to {end - 1} are damaged: {_one_line(error)}")
        row = end


def _picture_column(schema: pa.Schema, name: str) -> str:
    of_name = {field.name.casefold(): field for field in reversed(list(schema))}
    for wanted in PICTURE_COLUMNS:
        if wanted in of_name and _holds_bytes(of_name[wanted].type):
            return of_name[wanted].name
    found = ", ".join(f"{field.name} ({field.type})" for field in schema)
    raise UserError(
        f"{name}: none of its columns holds pictures as bytes under a name of {PICTURE_COLUMNS}; it has {found}"
    )


def _holds_bytes(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        index = kind.get_field_index("bytes")
        return index >= 0 and _holds_bytes(kind.field(index).type)
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind)


def _caption_columns(schema: pa.Schema) -> list[str]:
    wanted = {"objects", *(name for names in NAMES.values() for name in names)}
    return [field.name for field in schema if field.name.casefold() in wanted]


def _rows(batch: pa.RecordBatch) -> Iterator[dict[str, Any]]:
    """As `to_pylist`, but text that is not UTF-8 has '?' there instead of ending the file."""
    columns = [_values(column) for column in batch.columns]
    return (dict(zip(batch.schema.names, values, strict=True)) for values in zip(*columns, strict=True))


def _values(column: pa.Array) -> Sequence[Any]:
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return column.to_pylist()
    encoded = column.cast(pa.large_binary()).to_pylist()
    return [text if text is None else text.decode(errors="replace") for text in encoded]


def _photo(values: Mapping[str, Any], picture: str, place: str) -> Iterator[ArchivedPhoto | LeftOut]:
    encoded = values[picture]
    if isinstance(encoded, dict):
        encoded = encoded["bytes"]
    if not encoded:
        yield LeftOut(place, "no picture")
    elif len(encoded) > MAX_BYTES:
        yield LeftOut(place, f"{len(encoded)} bytes, more than the {MAX_BYTES} that are read")
    else:
        warned: list[Warned] = []
        caption = parse_caption({name: value for name, value in values.items() if name != picture}, place, warned)
        yield ArchivedPhoto(place, caption.id or place.rpartition(":")[2], encoded, caption)
        yield from (LeftOut(each.place, each.reason, "warned") for each in warned)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
