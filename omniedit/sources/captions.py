"""What is known of photos beside their pixels: `x.txt` beside `x.jpg`, and .jsonl files with a line a photo."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omniedit.sources.photo import FractionBox, NamedObject


@dataclass(frozen=True)
class Caption:
    """What a folder says of one of its photos."""

    id: str = ""
    caption: str = ""
    objects: tuple[NamedObject, ...] = ()
    licence: str = "unknown"
    author: str = "unknown"
    origin: str = ""


NAMES = {
    "id": ("id", "key"),
    "caption": ("caption", "text"),
    "licence": ("licence", "license"),
    "author": ("author",),
    "origin": ("origin", "url"),
}
"""Field of a `Caption` -> the names it goes by in .jsonl lines, members of tars and columns of Parquet; capitals count
as small letters, and the first name with a value counts."""


@dataclass(frozen=True)
class Warned:
    """A line, or a part of one, that was left out: `place` is 'photos.jsonl:3'."""

    place: str
    reason: str


@dataclass
class Captions:
    """The captions of a folder, by the photo's path relative to it.

    Args:
        by_file: of the lines of all .jsonl files.
        warned: lines that could not be used.
    """

    by_file: dict[str, Caption] = field(default_factory=dict)
    warned: list[Warned] = field(default_factory=list)

    def of(self, root: Path, file: str) -> Caption:
        """The caption of a photo: its line's, with the text of `x.txt` where the line has none."""
        known = self.by_file.get(file, Caption())
        beside = (root / file).with_suffix(".txt")
        if known.caption or not beside.is_file():
            return known
        text = " ".join(_text_of(beside, beside.relative_to(root).as_posix(), self.warned).split())
        return Caption(known.id, text, known.objects, known.licence, known.author, known.origin)


def read_captions(root: Path, files: Sequence[str]) -> Captions:
    """Read all .jsonl files among `files` (paths relative to `root`); a bad line becomes a warning."""
    captions, present = Captions(), set(files)
    for listing in (file for file in files if file.endswith(".jsonl")):
        lines = _text_of(root / listing, listing, captions.warned).splitlines()
        for number, line in enumerate(lines, start=1):
            if line.strip():
                _read_line(line, f"{listing}:{number}", Path(listing).parent, present, captions)
    return captions


def _text_of(path: Path, place: str, warned: list[Warned]) -> str:
    """The file's text; '' and a warning where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        warned.append(Warned(place, f"cannot be read: {error.strerror}"))
        return ""


def _read_line(line: str, place: str, folder: Path, present: set[str], captions: Captions) -> None:
    """Add what one line says to `captions`."""
    try:
        values = parse_json(line)
    except ValueError as error:
        captions.warned.append(Warned(place, f"not JSON ({error})"))
        return
    if not isinstance(values, dict) or not isinstance(values.get("file"), str):
        captions.warned.append(Warned(place, "names no photo: a line is an object with the key 'file'"))
        return
    file = (folder / values["file"]).as_posix()
    if file not in present:
        captions.warned.append(Warned(place, f"names '{values['file']}', which is not there"))
    elif file in captions.by_file:
        captions.warned.append(Warned(place, f"a second line for '{values['file']}'; the first one counts"))
    else:
        captions.by_file[file] = caption_of(values, place, captions.warned)


def caption_of(values: Mapping[str, Any], place: str, warned: list[Warned]) -> Caption:
    """What is known of a photo by the names of `NAMES`; objects that cannot be used are left out with a warning."""
    given = {name.casefold(): value for name, value in values.items()}
    texts = {field: _first_text(given, names) for field, names in NAMES.items()}
    texts["caption"] = " ".join(texts["caption"].split())
    objects = _read_objects(given.get("objects") or [], place, warned)
    return Caption(objects=objects, **{field: text for field, text in texts.items() if text})


def _first_text(given: Mapping[str, Any], names: Sequence[str]) -> str:
    return next((str(given[name]) for name in names if given.get(name)), "")


def parse_json(text: str | bytes) -> Any:
    """JSON values whose text has '?' where it had half of a surrogate pair, which no file can hold.

    Raises:
        ValueError: it is no JSON, or nested too deep.
    """
    try:
        return json.loads(json.dumps(json.loads(text), ensure_ascii=False).encode(errors="replace"))
    except RecursionError:
        raise ValueError("nested too deep") from None


def _read_objects(values: Any, place: str, warned: list[Warned]) -> tuple[NamedObject, ...]:
    if not isinstance(values, list):
        warned.append(Warned(place, "objects: not a list"))
        return ()
    objects = []
    for number, value in enumerate(values):
        if not isinstance(value, dict) or not isinstance(value.get("name"), str) or not value["name"].strip():
            warned.append(Warned(place, f"objects[{number}]: has no name"))
        elif value.get("box") is None:
            objects.append(NamedObject(value["name"].strip()))
        elif (box := _valid_box(value["box"])) is not None:
            objects.append(NamedObject(value["name"].strip(), box))
        else:
            expected = "[left, top, right, bottom] as fractions of the photo"
            warned.append(Warned(place, f"objects[{number}]: box {json.dumps(value['box'])} is not {expected}"))
    return tuple(objects)


def _valid_box(value: Any) -> FractionBox | None:
    """The box, where it is four numbers with 0 <= left < right <= 1 and 0 <= top < bottom <= 1."""
    if not isinstance(value, list) or len(value) != 4:
        return None
    if not all(isinstance(side, int | float) and math.isfinite(side) for side in value):
        return None
    left, top, right, bottom = (float(side) for side in value)
    return (left, top, right, bottom) if 0 <= left < right <= 1 and 0 <= top < bottom <= 1 else None
