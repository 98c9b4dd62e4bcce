"""Values of written rows: types of columns, image files, JSON as text."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from omniedit.exchange.fields import ImageCell, OutColumn
from omniedit.exchange.survey import is_json_text
from omniedit.imaging.formats import image_suffix

IMAGE_TYPE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
"""Type of an image, as Hugging Face `datasets` stores it."""
_ARROW = {
    "image": IMAGE_TYPE,
    "binary": pa.binary(),
    "list": pa.list_(pa.string()),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "float64": pa.float64(),
}
IMAGE_FOLDER = "images"


def arrow_type(column: OutColumn) -> pa.DataType:
    """Return the type of a column in Parquet; texts, paths and JSON are strings."""
    if column.arrow is not None:
        return pa.string() if is_json_text(column.arrow) or pa.types.is_null(column.arrow) else column.arrow
    return _ARROW.get(column.type, pa.string())


def plain_value(value: Any, column: OutColumn) -> Any:
    """Return a value other than an image as its column's type; None if it does not fit.

    JSON is written as text, because `datasets` expects the same keys in each row of a mapping.
    """
    if value is None:
        return None
    if column.type == "json" or is_json_text(column.arrow):
        return json.dumps(value, ensure_ascii=False)
    try:
        if column.type in ("int32", "int64"):
            number, limit = int(value), 2 ** (int(column.type[3:]) - 1)
            return number if -limit <= number < limit else None
        if column.type == "float64":
            return float(value)
    except (ValueError, OverflowError):
        return None
    return str(value) if column.type == "string" else value


@dataclass
class ImageFolder:
    """Folder of image files, which rows name by path: images/{column}/{key}.png."""

    root: Path

    def put(self, cell: ImageCell, column: str, name: str) -> str:
        """Write an image file and return its path relative to the root."""
        relative = f"{IMAGE_FOLDER}/{column}/{name}{image_suffix(cell.content)}"
        path = self.root / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(cell.content)
        return relative

    def replace(self, value: Any, column: str, key: str) -> Any:
        """Write the images in a value, and return the value with paths in place of the images."""
        column = column.removesuffix("_file_name")
        if isinstance(value, ImageCell):
            return self.put(value, column, key)
        if isinstance(value, list) and any(isinstance(each, ImageCell | dict) for each in value):
            names = [key, *(f"{key}_{number}" for number in range(1, len(value)))]
            return [self.replace(each, column, name) for each, name in zip(value, names, strict=True)]
        if isinstance(value, Mapping):
            return {
                name: self.put(each, column, key) if isinstance(each, ImageCell) else each
                for name, each in value.items()
            }
        return value


def describe_feature(kind: pa.DataType) -> Any:
    """Return a type as Hugging Face `datasets` describes it."""
    if kind == IMAGE_TYPE:
        return {"_type": "Image"}
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return {"feature": describe_feature(kind.value_type), "_type": "List"}
    if pa.types.is_struct(kind):
        return {each.name: describe_feature(each.type) for each in kind}
    return {"dtype": dtype_name(kind), "_type": "Value"}


def dtype_name(kind: pa.DataType) -> str:
    """Return a plain type's name in `datasets`."""
    names = {"double": "float64", "float": "float32", "halffloat": "float16"}
    return names.get(str(kind), str(kind))
