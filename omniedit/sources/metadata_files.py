"""Metadata files of photos: sidecars, and listings with an entry per photo.

Sidecars of `x.jpg` are `x.json`, `x.txt` and `x.caption`. Listings are .jsonl files and Hugging Face imagefolder's
`metadata.csv` and `metadata.parquet`.
"""

import csv
import io
import posixpath
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

from omniedit.plain_text import split_lines
from omniedit.sources.archive_items import BadFile, SkippedPart
from omniedit.sources.metadata_values import Caption, MetadataWarning, decode_text, parse_caption, parse_object
from omniedit.sources.parquet import open_parquet, parquet_rows
from omniedit.storage.atomic import LFS_POINTER, LFS_REMEDY
from omniedit.storage.parquet import SURPLUS_CELLS, find_delimiter

CAPTION_SUFFIXES = (".json", ".txt", ".caption")
"""Suffixes of the sidecar files that describe a photo."""
LISTINGS = ("metadata.csv", "metadata.parquet")
"""Names of listings, besides all *.jsonl files."""
_FILE_KEYS = ("file", "file_name", "image_path", "image")


@dataclass
class PhotoCaptions:
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
    warned: list[MetadataWarning] = field(default_factory=list)

    def find(self, file: str) -> Caption:
        """Return a photo's listing entry, else its `x.json`. If that has no caption, a text sidecar gives one."""
        names = [f"{stem}{suffix}" for suffix in CAPTION_SUFFIXES for stem in _stems(file)]
        present = [name for name in names if name in self.files]
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
    names = {f"{stem}{suffix}" for stem in stems for suffix in CAPTION_SUFFIXES}
    return {file for file in files if file in names or file in tables or _is_listing(file)}


def read_captions(root: Path, files: Sequence[str]) -> PhotoCaptions:
    """Read all listings among `files` (paths relative to `root`). A bad entry becomes a warning."""
    captions = PhotoCaptions(root, frozenset(files), {_spell(file): file for file in files})
    for listing in filter(_is_listing, files):
        for place, values in _entries(root, listing, captions.warned):
            _add_entry(values, place, PurePosixPath(listing).parent, captions)
    return captions


def _spell(file: str) -> str:
    """Return a path without '..' and with each accented letter as one character, because macOS writes two."""
    return unicodedata.normalize("NFC", posixpath.normpath(file))


def _is_listing(file: str) -> bool:
    return file.endswith(".jsonl") or PurePosixPath(file).name in LISTINGS


def _entries(root: Path, listing: str, warned: list[MetadataWarning]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each entry of a listing with its place."""
    if listing.endswith(".parquet"):
        yield from _parquet_entries(root, listing, warned)
        return
    text = _read_text(root, listing, warned)
    if listing.endswith(".csv"):
        csv.field_size_limit(max(csv.field_size_limit(), len(text)))
        lines = io.StringIO(text, newline="")
        reader = csv.DictReader(lines, delimiter=find_delimiter(next(lines, "")))
        lines.seek(0)
        try:
            for row in reader:
                if None in row:
                    warned.append(MetadataWarning(f"{listing}:{reader.line_num}", SURPLUS_CELLS))
                else:
                    yield f"{listing}:{reader.line_num}", row
        except csv.Error as error:
            warned.append(MetadataWarning(f"{listing}:{reader.line_num}", f"not CSV from this line on ({error})"))
        return
    for number, line in enumerate(split_lines(text), start=1):
        if line.strip():
            place = f"{listing}:{number}"
            before = len(warned)
            values = parse_object(line, place, warned)
            if len(warned) == before:
                yield place, values


def _parquet_entries(root: Path, listing: str, warned: list[MetadataWarning]) -> Iterator[tuple[str, dict[str, Any]]]:
    try:
        with (root / listing).open("rb") as file:
            table = open_parquet(file, listing)
            for item in parquet_rows(table, listing, table.schema_arrow.names, range(table.num_row_groups)):
                if isinstance(item, SkippedPart):
                    warned.append(MetadataWarning(item.place, item.reason))
                else:
                    yield f"{listing}:{item[0]}", item[1]
    except BadFile as error:
        warned.append(MetadataWarning(listing, str(error).removeprefix(f"{listing}: ")))
    except OSError as error:
        warned.append(MetadataWarning(listing, f"cannot be read: {error.strerror}"))


def _read_text(root: Path, file: str, warned: list[MetadataWarning]) -> str:
    """Read a text file. If it cannot be read, return '' and add a warning."""
    try:
        content = (root / file).read_bytes()
    except OSError as error:
        warned.append(MetadataWarning(file, f"cannot be read: {error.strerror}"))
        return ""
    if content.startswith(LFS_POINTER):
        warned.append(MetadataWarning(file, LFS_REMEDY))
        return ""
    return decode_text(content, file, warned)


def _add_entry(values: Mapping[str, Any], place: str, folder: PurePosixPath, captions: PhotoCaptions) -> None:
    """Add one listing entry to `captions`."""
    folded = {name.casefold(): value for name, value in values.items()}
    name = next((folded[key] for key in _FILE_KEYS if isinstance(folded.get(key), str) and folded[key]), None)
    if name is None:
        captions.warned.append(MetadataWarning(place, f"names no photo; give one of the keys {', '.join(_FILE_KEYS)}"))
        return
    path = Path(name)
    file = (path.relative_to(captions.root) if path.is_relative_to(captions.root) else folder / path).as_posix()
    if file not in captions.files:  # Windows separates folders by backslashes
        spellings = (_spell(file), _spell(file.replace("\\", "/")))
        file = next((captions.spelled[spelling] for spelling in spellings if spelling in captions.spelled), file)
    if file not in captions.files:
        captions.warned.append(MetadataWarning(place, f"names '{name}', which does not exist"))
    elif file in captions.by_file:
        captions.warned.append(MetadataWarning(place, f"a second entry for '{name}'; the first one is used"))
    else:
        captions.by_file[file] = parse_caption(values, place, captions.warned)


caption_of = parse_caption
"""Former name of `parse_caption`, kept for programs outside the package."""
