"""Folders of images as pairs: a folder of targets next to folders of controls, or files NAME_input and NAME_target.

ai-toolkit, SimpleTuner and musubi-tuner read the first kind: the images of a pair have the same name in each folder,
and NAME.txt next to the target has the instruction. A second control folder (`control_2`), or NAME_1 next to NAME_0 in
one control folder, holds references; `mask` holds masks.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from omniedit.errors import UserError
from omniedit.exchange.inputs import DataFile, Part
from omniedit.exchange.rows import Row, Rows, reject
from omniedit.pairs import Rejection
from omniedit.sources.listing import list_folder
from omniedit.sources.metadata_values import decode_text
from omniedit.sources.photo_file import SUFFIXES
from omniedit.sources.webdataset import MAX_TEXT

TARGETS = ("target", "edited", "output", "after", "end", "images", "image")
"""Names of folders of edited images, which may end in _images or s."""
_TARGET = re.compile(rf"({'|'.join(TARGETS)})s?([_-]images?)?", re.IGNORECASE)
_CONTROL = re.compile(
    r"(?:source|control|input|before|start|conditioning|original)s?(?:[_-]images?)?[_-]?(\d*)", re.IGNORECASE
)
_MASKS = ("mask", "masks")
_SUFFIX_PAIRS = (
    *(("_input", "_target"), ("_source", "_target"), ("_control", "_target"), ("_before", "_after")),
    *(("_in", "_out"), ("_source", "_edited"), ("_original", "_edited"), ("_input", "_output"), ("_src", "_tgt")),
    ("_start", "_end"),
)
_CAPTIONS = (".txt", ".caption", ".TXT")
_UNREADABLE = (
    *(".gif", ".bmp", ".heic", ".heif", ".avif", ".jxl", ".jp2", ".jfif", ".svg", ".psd", ".dng", ".cr2", ".nef"),
)
"""Suffixes of images that no reader takes. Their pairs are rejected with the reason."""
_SUFFIX_PAIRS_MARK = "*"
"""Prefix of the last part of a suffix-pair folder's address, as in photos/*_target."""


def list_folder_files(path: str) -> list[DataFile]:
    """Return the folders of targets below a folder, and the folders of suffix pairs.

    Raises:
        UserError: there is none; the message names the expected folders.
    """
    root = Path(path)
    if not root.is_dir():
        raise UserError(f"{path}: not a folder; give one that has source/ and target/, or files _input and _target")
    names: dict[str, set[str]] = defaultdict(set)
    for file in list_folder(root).files:
        parent = PurePosixPath(file).parent.as_posix()
        names[parent].add(PurePosixPath(file).name)
    files = [
        DataFile(str(root / folder / last), PurePosixPath(folder, last).as_posix())
        for folder in sorted(_with_parents(names))
        for last in _find_targets(folder, names)
    ]
    if not files:
        problem = f"{path}: no folder {', '.join(TARGETS)} next to source, control or input"
        raise UserError(f"{problem}, and no files that end in _input and _target; rename yours")
    return files


def _with_parents(names: Mapping[str, set[str]]) -> set[str]:
    return {*names, *(parent.as_posix() for folder in names for parent in PurePosixPath(folder).parents)}


def _find_targets(folder: str, names: Mapping[str, set[str]]) -> Iterator[str]:
    """Yield the folder of targets in a folder, and the ending of targets of suffix pairs."""
    inside = _children(folder, names)
    if any(_CONTROL.fullmatch(each) for each in inside):
        targets = {each: TARGETS.index(match[1].lower()) for each in inside if (match := _TARGET.fullmatch(each))}
        yield from sorted(targets, key=targets.__getitem__)[:1]
    stems = {_stem(name) for name in names.get(folder, ()) if _is_image(name)}
    for control, target in _SUFFIX_PAIRS:
        if any(f"{stem.removesuffix(control)}{target}" in stems for stem in stems if stem.endswith(control)):
            yield f"{_SUFFIX_PAIRS_MARK}{target}"
            return


def _children(folder: str, names: Mapping[str, set[str]]) -> list[str]:
    """Return the names of the folders in a folder that have files, or folders with files."""
    parents = (PurePosixPath(name) for name in names)
    subfolders = {path for parent in parents for path in (parent, *parent.parents) if path.parent.as_posix() == folder}
    return sorted(path.name for path in subfolders if path.name)


def read_folders(part: Part) -> Rows:
    """Yield the pairs of a folder as rows, in the order of their names."""
    path = Path(part.file.address)
    twice: dict[str, list[str]] = {}
    rows = _read_suffix_pairs(path, twice) if path.name.startswith(_SUFFIX_PAIRS_MARK) else _read_targets(path, twice)
    for number, (stem, values) in enumerate(rows):
        if number % part.count != part.index:
            continue
        row = Row(part.file, number, {"id": stem, **values}, stem)
        missing = [name for name in ("source", "edited") if not values.get(name)]
        used = [values[name] for name in ("source", "edited", "mask")] + [
            value["image"] for value in values["references"]
        ]
        if ambiguous := next((twice[name] for name in used if name in twice), None):
            yield reject(row.place, f"images of one name: {' and '.join(ambiguous)}; keep one of them")
        else:
            yield reject(row.place, f"no {missing[0]} image of this name") if missing else _with_text(row, path.parent)


def _with_text(row: Row, root: Path) -> Row | Rejection:
    """Return the row with its instruction, from the text file next to its target, or next to its source."""
    values = dict(row.values)
    for name in values.pop("texts"):
        text = root / name
        if text.is_file():
            if text.stat().st_size > MAX_TEXT:
                return reject(row.place, f"{name}: more than {MAX_TEXT} bytes")
            values["instruction"] = decode_text(text.read_bytes(), name, [])
            return Row(row.file, row.number, values, row.key)
    return reject(row.place, f"no instruction; put {row.key}.txt next to the target")


def _read_targets(targets: Path, twice: dict[str, list[str]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield name and values of each pair of a folder of targets; names that several images share are added to
    `twice`.
    """
    root = targets.parent
    folders = sorted(each.name for each in root.iterdir() if each.is_dir())
    controls = sorted((folder for folder in folders if _CONTROL.fullmatch(folder)), key=_control_number)
    images = {each: _list_images(root / each, twice) for each in (*controls, targets.name)}
    masks: dict[str, str] = {}
    for folder in folders:
        masks |= _list_images(root / folder, twice) if folder.lower() in _MASKS else {}
    edited = images[targets.name]
    for stem in sorted({*edited, *(_target_stem(stem, edited) for stem in images[controls[0]])}):
        paths = [path for control in controls for path in _find_controls(images[control], stem)]
        yield (
            stem,
            {
                "source": paths[0] if paths else None,
                "edited": images[targets.name].get(stem),
                "mask": masks.get(stem),
                "references": [{"role": "control", "image": path} for path in paths[1:]],
                "texts": [
                    f"{path.rpartition('.')[0]}{suffix}"
                    for path in (edited.get(stem), *(images[control].get(stem) for control in controls))
                    for suffix in _CAPTIONS
                    if path
                ],
            },
        )


def _control_number(folder: str) -> tuple[int, str]:
    match = _CONTROL.fullmatch(folder)
    assert match is not None
    return int(match[1] or 0), folder


def _list_images(folder: Path, twice: dict[str, list[str]]) -> dict[str, str]:
    """Return path, relative to the folder's parent, of each image at any depth by its name without suffix."""
    return _by_stem(list_folder(folder).files, f"{folder.name}/", twice)


def _by_stem(names: Iterable[str], prefix: str, twice: dict[str, list[str]]) -> dict[str, str]:
    """Return the path of each image by its name without suffix. Names that several images share are added to `twice`.

    If one of two images can be read and the other cannot, such as a.png and a.heic, the readable one counts.
    """
    found: dict[str, list[str]] = defaultdict(list)
    for name in filter(_is_image, names):
        found[_stem(name)].append(f"{prefix}{name}")
    readable = {
        stem: [path for path in paths if PurePosixPath(path).suffix.lower() in SUFFIXES] or paths
        for stem, paths in found.items()
    }
    twice |= {paths[0]: paths for paths in readable.values() if len(paths) > 1}
    return {stem: paths[0] for stem, paths in readable.items()}


def _find_controls(images: Mapping[str, str], stem: str) -> Iterator[str]:
    """Yield the control image of a name, or those of NAME_0, NAME_1 ..."""
    if stem in images:
        yield images[stem]
        return
    number = 0
    while (path := images.get(f"{stem}_{number}")) is not None:
        yield path
        number += 1


def _target_stem(control: str, targets: Collection[str]) -> str:
    """Return the name of a control's target: NAME for NAME_0, if there is such a target."""
    plain = re.sub(r"_\d+$", "", control)
    return plain if control not in targets and plain in targets else control


def _read_suffix_pairs(pattern: Path, twice: dict[str, list[str]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield name and values of each pair of a folder with files such as NAME_input and NAME_target."""
    root, target = pattern.parent, pattern.name.removeprefix(_SUFFIX_PAIRS_MARK)
    images = _by_stem(sorted(each.name for each in root.iterdir()), "", twice)
    controls = [control for control, other in _SUFFIX_PAIRS if other == target]
    ends = [target, *controls]
    for stem in sorted({stem.removesuffix(end) for stem in images for end in ends if stem.endswith(end)}):
        source = next((images[stem + end] for end in controls if stem + end in images), None)
        yield (
            stem,
            {
                "source": source,
                "edited": images.get(stem + target),
                "mask": images.get(f"{stem}_mask"),
                "references": [],
                "texts": [f"{stem}{end}{suffix}" for end in ("", *ends) for suffix in _CAPTIONS],
            },
        )


def _stem(name: str) -> str:
    """Return a name without suffix, in Unicode's composed form, because macOS decomposes names."""
    return unicodedata.normalize("NFC", name.rpartition(".")[0])


def _is_image(name: str) -> bool:
    return not name.startswith(".") and name[name.rfind(".") :].lower() in (*SUFFIXES, *_UNREADABLE)
