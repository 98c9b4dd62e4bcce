"""Python values of Arrow data from outside, which may hold text that is not UTF-8 or times beyond Python's range."""

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
from pyarrow import types


def to_rows(batch: pa.RecordBatch) -> Iterator[dict[str, Any]]:
    """Yield rows as `to_pylist` does, but with U+FFFD for bytes that are not UTF-8 and text for impossible times."""
    columns = [to_values(column) for column in batch.columns]
    return (dict(zip(batch.schema.names, values, strict=True)) for values in zip(*columns, strict=True))


def to_values(column: pa.Array) -> Sequence[Any]:
    """Return the values of a column, at any depth as in `to_rows`."""
    try:
        return column.to_pylist()
    except (ValueError, OverflowError, LookupError):  # not UTF-8, out of range, an unknown time zone
        values = column.cast(_plain_type(column.type)).to_pylist()
        return [_decode(value, column.type) for value in values]


def _plain_type(kind: pa.DataType) -> pa.DataType:
    """Return a type that holds the same data and that Python can always read: bytes for text, text for times."""
    if types.is_dictionary(kind):
        return _plain_type(kind.value_type)
    if types.is_struct(kind):
        return pa.struct([pa.field(field.name, _plain_type(field.type)) for field in kind])
    if types.is_map(kind):
        return pa.map_(_plain_type(kind.key_type), _plain_type(kind.item_type))
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return pa.large_list(_plain_type(kind.value_type))
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        return pa.large_binary()
    if types.is_timestamp(kind) and kind.tz:
        return pa.int64()
    return pa.string() if types.is_temporal(kind) else kind


def _decode(value: Any, kind: pa.DataType) -> Any:
    """Return a value of the plain type of `kind` with its text decoded."""
    if value is None:
        return None
    if types.is_dictionary(kind):
        return _decode(value, kind.value_type)
    if types.is_struct(kind):
        return {field.name: _decode(value[field.name], field.type) for field in kind}
    if types.is_map(kind):
        return [(_decode(key, kind.key_type), _decode(item, kind.item_type)) for key, item in value]
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return [_decode(item, kind.value_type) for item in value]
    is_text = types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)
    return value.decode(errors="replace") if is_text else value
