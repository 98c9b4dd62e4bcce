"""Metadata of photos: sidecar files, and listings with an entry per photo.

Sidecars of `x.jpg` are `x.json`, `x.txt` and `x.caption`. Listings are .jsonl files and Hugging Face imagefolder's
`metadata.csv` and `metadata.parquet`.
"""

import codecs
import csv
import io
import json
import math
import posixpath
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from omniedit.plain_text import clean_line, split_lines
from omniedit.sources.photo import FractionBox, NamedObject
from omniedit.storage.atomic import LFS_POINTER, LFS_REMEDY

CAPTION_SUFFIXES = (".json", ".txt", ".caption")
"""Suffixes of the sidecar files that describe a photo."""
LISTINGS = ("metadata.csv", "metadata.parquet")
"""Names of listings, besides all *.jsonl files."""
_FILE_KEYS = ("file", "file_name", "image_path", "image")
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
LONGEST_NAME = 200
"""Maximum length of an object's name, in characters."""


@dataclass(frozen=True)
class Caption:
    """Metadata that a folder or archive gives for one of its photos."""

    id: str = ""
    caption: str = ""
    objects: tuple[NamedObject, ...] = ()
    licence: str = "unknown"
    author: str = "unknown"
    origin: str = ""

    def __post_init__(self) -> None:
        for name in NAMES:
            object.__setattr__(self, name, clean_line(getattr(self, name)))


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
class Warned:
    """Warning about metadata that could not be used; `place` is for example 'photos.jsonl:3'."""

    place: str
    reason: str


@dataclass
class Captions:
    """Captions of a folder's photos.

    Args:
        root: the folder; `files` and the keys of `by_file` are paths relative to it.
        spelled: files by their normalized path.
        by_file: entries of all listings, by photo.
        warned: warnings about entries that could not be used.
    """

    root: Path
    files: frozenset[str]
    spelled: Mapping[str, str] = field(default_factory=dict)
    by_file: dict[str, Caption] = field(default_factory=dict)
    warned: list[Warned] = field(default_factory=list)

    def find(self, file: str) -> Caption:
        """Return a photo's listing entry, else its `x.json`. If that has no caption, a text sidecar gives one."""
        beside = [f"{stem}{suffix}" for suffix in CAPTION_SUFFIXES for stem in _stems(file)]
        present = [each for each in beside if each in self.files]
        known = self.by_file.get(file)
        if known is None:
            known = Caption()
            for about in [each for each in present if each.endswith(".json")][:1]:
                values = parse_object(_read_text(self.root, about, self.warned), about, self.warned)
                known = parse_caption(values, about, self.warned)
        for text in (each for each in present if not each.endswith(".json")):
            if not known.caption:
                known = replace(known, caption=" ".join(_read_text(self.root, text, self.warned).split()))
        return known


def _stems(photo: str) -> tuple[str, str]:
    """Return the possible stems of a photo's sidecars: `x` for `x.jpg`, or `x.jpg` as gallery-dl names them."""
    return photo.rpartition(".")[0], photo


def list_caption_files(files: Sequence[str], photos: Sequence[str]) -> set[str]:
    """Return the files that describe photos and therefore are not photos.

    They include img2dataset's `00000.parquet` and `00000_stats.json`, which describe the folder `00000` next to them.
    """
    stems = {stem for photo in photos for stem in _stems(photo)}
    folders = {PurePosixPath(photo).parent.as_posix() for photo in photos}
    tables = {f"{folder}{ending}" for folder in folders for ending in (".parquet", "_stats.json")}
    beside = {f"{stem}{suffix}" for stem in stems for suffix in CAPTION_SUFFIXES}
    return {file for file in files if file in beside or file in tables or _is_listing(file)}


def read_captions(root: Path, files: Sequence[str]) -> Captions:
    """Read all listings among `files` (paths relative to `root`). A bad entry becomes a warning."""
    captions = Captions(root, frozenset(files), {_spell(file): file for file in files})
    for listing in filter(_is_listing, files):
        for place, values in _entries(root, listing, captions.warned):
            _add_entry(values, place, PurePosixPath(listing).parent, captions)
    return captions


def _spell(file: str) -> str:
    """Return a path without '..' and with each accented letter as one character; macOS writes two."""
    return unicodedata.normalize("NFC", posixpath.normpath(file))


def _is_listing(file: str) -> bool:
    return file.endswith(".jsonl") or PurePosixPath(file).name in LISTINGS


def _entries(root: Path, listing: str, warned: list[Warned]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each entry of a listing with its place."""
    if listing.endswith(".parquet"):
        try:
            rows = pq.read_table(root / listing).to_pylist()
        except (pa.ArrowException, OSError) as error:
            warned.append(Warned(listing, f"cannot be read: {' '.join(str(error).split())}"))
            return
        yield from ((f"{listing}:{number}", row) for number, row in enumerate(rows))
        return
    text = _read_text(root, listing, warned)
    if listing.endswith(".csv"):
        csv.field_size_limit(max(csv.field_size_limit(), len(text)))
        reader = csv.DictReader(io.StringIO(text, newline=""))
        try:
            for row in reader:
                yield f"{listing}:{reader.line_num}", {name or "": value for name, value in row.items()}
        except csv.Error as error:
            warned.append(Warned(f"{listing}:{reader.line_num}", f"not CSV from this line on ({error})"))
        return
    for number, line in enumerate(split_lines(text), start=1):
        if line.strip():
            place = f"{listing}:{number}"
            before = len(warned)
            values = parse_object(line, place, warned)
            if len(warned) == before:
                yield place, values


def _read_text(root: Path, file: str, warned: list[Warned]) -> str:
    """Read a text file. If it cannot be read, return '' and add a warning."""
    try:
        content = (root / file).read_bytes()
    except OSError as error:
        warned.append(Warned(file, f"cannot be read: {error.strerror}"))
        return ""
    if content.startswith(LFS_POINTER):
        warned.append(Warned(file, LFS_REMEDY))
        return ""
    return decode_text(content, file, warned)


def decode_text(content: bytes, place: str, warned: list[Warned]) -> str:
    """Decode text by its byte order mark, else as UTF-8. UTF-16 is recognised without a mark too.

    Text in any other encoding is read as Windows-1252, with a warning.
    """
    if encoding := marked_encoding(content):
        return content.decode(encoding, errors="replace")
    try:
        return content.decode()
    except UnicodeDecodeError:
        warned.append(Warned(place, "is not UTF-8, read as Windows-1252; save it as UTF-8"))
        return content.decode("cp1252", errors="replace")


def marked_encoding(content: bytes) -> str | None:
    """Return the encoding that the first bytes of a text show: by a byte order mark, or by the zeros of UTF-16."""
    for mark, encoding in _BOMS:
        if content.startswith(mark):
            return encoding
    for first, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        zeros = content[first:200:2]
        if len(zeros) > 1 and zeros.count(0) > len(zeros) / 2:
            return encoding
    return None


def parse_object(text: str, place: str, warned: list[Warned]) -> dict[str, Any]:
    """Parse a JSON object. If the text is not one, return {} and add a warning."""
    try:
        values = parse_json(text)
    except ValueError as error:
        warned.append(Warned(place, f"not JSON ({error})"))
        return {}
    if not isinstance(values, dict):
        warned.append(Warned(place, "not a JSON object"))
        return {}
    return values


def _add_entry(values: Mapping[str, Any], place: str, folder: PurePosixPath, captions: Captions) -> None:
    """Add one listing entry to `captions`."""
    given = {name.casefold(): value for name, value in values.items()}
    name = next((given[key] for key in _FILE_KEYS if isinstance(given.get(key), str) and given[key]), None)
    if name is None:
        captions.warned.append(Warned(place, f"names no photo; give one of the keys {', '.join(_FILE_KEYS)}"))
        return
    path = Path(name)
    file = (path.relative_to(captions.root) if path.is_relative_to(captions.root) else folder / path).as_posix()
    file = captions.spelled.get(_spell(file), file)
    if file not in captions.files:
        captions.warned.append(Warned(place, f"names '{name}', which does not exist"))
    elif file in captions.by_file:
        captions.warned.append(Warned(place, f"a second entry for '{name}'; the first one is used"))
    else:
        captions.by_file[file] = parse_caption(values, place, captions.warned)


def parse_caption(values: Mapping[str, Any], place: str, warned: list[Warned]) -> Caption:
    """Return a photo's metadata from values named as in `NAMES`. Unusable values are skipped with a warning."""
    given = {name.casefold(): value for name, value in values.items()}
    texts = {field: _first_text(given, names, place, warned) for field, names in NAMES.items()}
    texts["caption"] = " ".join(texts["caption"].split())
    objects = _read_objects(given.get("objects"), place, warned)
    return Caption(objects=objects, **{field: text for field, text in texts.items() if text})


caption_of = parse_caption
"""Former name of `parse_caption`, kept for programs outside the package."""


def _first_text(given: Mapping[str, Any], names: Sequence[str], place: str, warned: list[Warned]) -> str:
    for name in names:
        value = given.get(name)
        if text := to_text(value):
            return text
        if isinstance(value, dict | list) and value:
            warned.append(Warned(place, f"{name}: not text"))
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
            return f"{value:g}" if math.isfinite(value) else ""
        case list():
            return next(filter(None, map(to_text, value)), "")
        case dict():
            return next(filter(None, (to_text(value.get(name)) for name in _MEMBERS)), "")
    return "" if value != value else to_text(str(value))


def parse_json(text: str | bytes) -> Any:
    """Parse JSON. Half of a surrogate pair becomes '?', because no file can hold it.

    Raises:
        ValueError: the text is not JSON, or is nested too deep.
    """
    try:
        return json.loads(json.dumps(json.loads(text), ensure_ascii=False).encode(errors="replace"))
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _read_objects(values: Any, place: str, warned: list[Warned]) -> tuple[NamedObject, ...]:
    if isinstance(values, str):  # a cell of a CSV file
        values = parse_object(f'{{"objects": {values}}}', place, warned).get("objects")
    if values is None or (isinstance(values, float) and math.isnan(values)):
        return ()
    if not isinstance(values, list):
        warned.append(Warned(place, "objects: not a list"))
        return ()
    objects = []
    for number, value in enumerate(values):
        name = value.get("name") if isinstance(value, dict) else None
        name = clean_line(name, LONGEST_NAME) if isinstance(name, str) else ""
        if not name:
            warned.append(Warned(place, f"objects[{number}]: has no name"))
        elif value.get("box") is None:
            objects.append(NamedObject(name))
        elif (box := _valid_box(value["box"])) is not None:
            objects.append(NamedObject(name, box))
        else:
            expected = "[left, top, right, bottom] as fractions of the photo"
            warned.append(Warned(place, f"objects[{number}]: box {json.dumps(value['box'])} is not {expected}"))
    return tuple(objects)


def _valid_box(value: Any) -> FractionBox | None:
    """Return a box of four numbers with 0 <= left < right <= 1 and 0 <= top < bottom <= 1, else None."""
    if not isinstance(value, list) or len(value) != 4:
        return None
    if not all(isinstance(side, int | float) and math.isfinite(side) for side in value):
        return None
    left, top, right, bottom = (float(side) for side in value)
    return (left, top, right, bottom) if 0 <= left < right <= 1 and 0 <= top < bottom <= 1 else None
