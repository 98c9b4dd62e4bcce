"""Metadata of one photo from values that other tools wrote: JSON objects, texts in any encoding, missing values."""

import codecs
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from omniedit.imaging.boxes import FractionBox
from omniedit.plain_text import clean_line
from omniedit.redaction import redact
from omniedit.sources.photo import NamedObject

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_MISSING = ("nan", "none", "null", "<na>")
"""Texts that libraries write for a missing value in a table."""
_MEMBERS = ("en", "text", "value", "name")
"""Members of a JSON object that may hold its text, in order of preference."""
MAX_FIELD_LENGTH = 2000
"""Maximum length of an id, a licence, an author or an address, in characters; longer ones are cut."""
MAX_DEPTH = 50
"""Maximum nesting of lists and mappings in JSON. The limit keeps recursive functions, and readers of Parquet files to
which values are exported, from running out of stack."""
MAX_NAME_LENGTH = 200
"""Maximum length of an object's name, in characters."""


@dataclass(frozen=True)
class Caption:
    """Metadata that a folder or archive gives for one of its photos. The photo's address has no passwords and
    signatures.
    """

    id: str = ""
    caption: str = ""
    objects: tuple[NamedObject, ...] = ()
    licence: str = "unknown"
    author: str = "unknown"
    origin: str = ""

    def __post_init__(self) -> None:
        for name in NAMES:
            longest = None if name == "caption" else MAX_FIELD_LENGTH
            object.__setattr__(self, name, clean_line(getattr(self, name), longest))
        object.__setattr__(self, "origin", redact(self.origin))


NAMES = {
    "id": ("id", "key"),
    "caption": ("caption", "text", "captions", "source_caption", "original_prompt"),
    "licence": ("licence", "license"),
    "author": ("author",),
    "origin": ("origin", "url"),
}
"""Field of a `Caption` -> its names in listings, tar members and Parquet columns. Case does not matter, and the first
name with a value counts."""


@dataclass(frozen=True)
class MetadataWarning:
    """Warning about metadata that could not be used; `place` is for example 'photos.jsonl:3'."""

    place: str
    reason: str


def decode_text(content: bytes, place: str, warned: list[MetadataWarning]) -> str:
    """Decode text by its byte order mark, else as UTF-8. UTF-16 is recognised without a mark too.

    Text in any other encoding is read as Windows-1252, with a warning.
    """
    if encoding := marked_encoding(content):
        return content.decode(encoding, errors="replace").lstrip("\ufeff")  # a second mark, if two tools each wrote one
    try:
        return content.decode()
    except UnicodeDecodeError:
        warned.append(MetadataWarning(place, "is not UTF-8, read as Windows-1252; save it as UTF-8"))
        return content.decode("cp1252", errors="replace")


def marked_encoding(content: bytes) -> str | None:
    """Return the encoding that the first bytes of a text reveal, by a byte order mark or by the zeros of UTF-16."""
    for mark, encoding in _BOMS:
        if content.startswith(mark):
            return encoding
    for first, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        zeros = content[first:200:2]
        if len(zeros) > 1 and zeros.count(0) > len(zeros) / 2:
            return encoding
    return None


def parse_object(text: str, place: str, warned: list[MetadataWarning]) -> dict[str, Any]:
    """Parse a JSON object. If the text is not one, return {} and add a warning."""
    try:
        values = parse_json(text)
    except ValueError as error:
        warned.append(MetadataWarning(place, f"not JSON ({error})"))
        return {}
    if not isinstance(values, dict):
        warned.append(MetadataWarning(place, "not a JSON object"))
        return {}
    return values


def parse_caption(values: Mapping[str, Any], place: str, warned: list[MetadataWarning]) -> Caption:
    """Return a photo's metadata from values named as in `NAMES`. Unusable values are skipped with a warning."""
    folded = {name.casefold(): value for name, value in values.items()}
    texts = {field: _first_text(folded, names, place, warned) for field, names in NAMES.items()}
    texts["caption"] = " ".join(texts["caption"].split())
    objects = _read_objects(folded.get("objects"), place, warned)
    return Caption(objects=objects, **{field: text for field, text in texts.items() if text})


def _first_text(values: Mapping[str, Any], names: Sequence[str], place: str, warned: list[MetadataWarning]) -> str:
    for name in names:
        value = values.get(name)
        if text := to_text(value):
            return text
        if isinstance(value, dict | list) and value:
            warned.append(MetadataWarning(place, f"{name}: not text"))
    return ""


def to_text(value: Any) -> str:
    """Return a value as text, or '' for a missing one (null, NaN, a library's text for it).

    A list, for example of several captions, gives its first text. An object gives its English text, or its name.
    """
    match value:
        case str():
            text = value.strip()
            return "" if text.casefold() in _MISSING else text
        case bytes():
            return to_text(decode_text(value, "", []))
        case bool() | None:
            return ""
        case int():
            return str(value)
        case float():
            return f"{value:.15g}" if math.isfinite(value) else ""  # pandas turns integer ids with gaps into floats
        case list():
            return next(filter(None, map(to_text, value)), "")
        case tuple((name, text)):  # of a map in Parquet, which is a list of names and values
            return to_text({name: text})
        case dict():
            return next(filter(None, (to_text(value.get(name)) for name in _MEMBERS)), "")
    return "" if value != value else to_text(str(value))


def parse_json(text: str | bytes) -> Any:
    """Parse JSON. Half of a surrogate pair becomes '?', because no file can hold it.

    Raises:
        ValueError: the text is not JSON, or is nested deeper than `MAX_DEPTH`.
    """
    try:
        value = json.loads(json.dumps(json.loads(text), ensure_ascii=False).encode(errors="replace"))
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if _is_too_deep(value):
        raise ValueError("nested too deeply")
    return value


def _is_too_deep(value: Any) -> bool:
    """Return whether lists and mappings are nested deeper than `MAX_DEPTH`."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(MAX_DEPTH):
        groups = (each.values() if isinstance(each, dict) else each for each in level)
        level = [each for group in groups for each in group if isinstance(each, dict | list)]
    return bool(level)


def _read_objects(values: Any, place: str, warned: list[MetadataWarning]) -> tuple[NamedObject, ...]:
    if isinstance(values, str):  # a cell of a CSV file
        if not to_text(values):
            return ()
        values = parse_object(f'{{"objects": {values}}}', place, warned).get("objects")
    if values is None or (isinstance(values, float) and math.isnan(values)):
        return ()
    if not isinstance(values, list):
        warned.append(MetadataWarning(place, "objects: not a list"))
        return ()
    objects = []
    for number, value in enumerate(values):
        name = value.get("name") if isinstance(value, dict) else None
        name = clean_line(name, MAX_NAME_LENGTH) if isinstance(name, str) else ""
        if not name:
            warned.append(MetadataWarning(place, f"objects[{number}]: has no name"))
        elif value.get("box") is None:
            objects.append(NamedObject(name))
        elif (box := _valid_box(value["box"])) is not None:
            objects.append(NamedObject(name, box))
        else:
            expected = "[left, top, right, bottom] as fractions of the photo"
            box_text = clean_line(json.dumps(value["box"], default=str), MAX_NAME_LENGTH)
            warned.append(MetadataWarning(place, f"objects[{number}]: box {box_text} is not {expected}"))
    return tuple(objects)


def _valid_box(value: Any) -> FractionBox | None:
    """Return a box of four numbers with 0 <= left < right <= 1 and 0 <= top < bottom <= 1, else None."""
    if not isinstance(value, list) or len(value) != 4:
        return None
    if not all(isinstance(side, int | float) and math.isfinite(side) for side in value):
        return None
    left, top, right, bottom = (float(side) for side in value)
    return (left, top, right, bottom) if 0 <= left < right <= 1 and 0 <= top < bottom <= 1 else None
