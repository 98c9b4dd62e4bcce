"""Source and target files of `omniedit edit`."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from omniedit.cli.special_files import special_kind
from omniedit.errors import UserError
from omniedit.plain_text import clean_line

FORMATS: dict[str, tuple[str, dict[str, Any]]] = {
    ".jpg": ("JPEG", {"quality": 95}),
    ".jpeg": ("JPEG", {"quality": 95}),
    ".jpe": ("JPEG", {"quality": 95}),
    ".jfif": ("JPEG", {"quality": 95}),
    ".png": ("PNG", {}),
    ".webp": ("WEBP", {"quality": 95}),
    ".tif": ("TIFF", {"compression": "tiff_lzw"}),
    ".tiff": ("TIFF", {"compression": "tiff_lzw"}),
}
"""Output formats with their options, by file suffix."""
EDITED = ".edited"
"""End of the stem of an edit that is written next to its source."""


def output_paths(inputs: Sequence[Path], out: Path | None) -> dict[Path, Path]:
    """Return the file to write for each source image.

    A single image is written to the file `out`, or into `out` if it is a folder or has no suffix. Several images, or
    those of a folder, are written into the folder `out`. Without `out`, photo.jpg becomes photo.edited.jpg next to it.
    Earlier edits in a folder are skipped.

    Raises:
        UserError: a file does not exist, no image is found, a suffix has no format, or two sources share a target.
    """
    named = dict(_images(inputs, out))
    if not named:
        raise UserError(f"{inputs[0]}: has no {' '.join(FORMATS)} file")
    to_file = out is not None and len(inputs) == 1 and not inputs[0].is_dir() and out.suffix and not out.is_dir()
    targets: dict[Path, Path] = {}
    for source, name in named.items():
        if out is None:
            target = source.with_name(f"{source.stem}{EDITED}{_writable(source.suffix)}")
        else:
            target = out if to_file else out / name.with_suffix(_writable(name.suffix))
        if target.suffix.lower() not in FORMATS:
            raise UserError(f"{target}: unknown image format; use one of {' '.join(FORMATS)}")
        if target in targets.values():
            raise UserError(f"{source}: its edit would overwrite another one at {target}; edit folders one at a time")
        targets[source] = target
    return targets


def _images(inputs: Sequence[Path], out: Path | None) -> Iterator[tuple[Path, Path]]:
    """Yield each image with its name below `out`: its path below the given folder, or its file name."""
    for entry in inputs:
        if kind := special_kind(entry):
            raise UserError(f"{entry}: {kind}, not an image file; save the image to a file and give that")
        if entry.is_dir():
            files = [path for path in sorted(entry.rglob("*")) if not path.is_dir() and _is_file(path)]
            images = [path for path in files if path.suffix.lower() in FORMATS]
            if others := sorted({path.suffix.lower() or path.name for path in files} - FORMATS.keys()):
                print(clean_line(f"{entry}: files of other formats are skipped: {' '.join(others)}", 1000), flush=True)
            yield from ((path, path.relative_to(entry)) for path in images if not _is_edit(path, entry, out))
        elif entry.is_file():
            yield entry, Path(entry.name)
        else:
            raise UserError(f"{entry}: no such file or folder")


def _is_file(path: Path) -> bool:
    """Return whether a directory entry is a file or a link that may lead to one; print a message if it is not."""
    kind = special_kind(path)
    if kind:
        print(f"{clean_line(str(path))}: skipped: {kind}, not a file", flush=True)
    return kind is None


def _is_edit(path: Path, folder: Path, out: Path | None) -> bool:
    """Return whether a file of a folder is an output of editing that folder."""
    if out is None:
        return path.stem.endswith(EDITED)
    return folder.absolute() in out.absolute().parents and out.absolute() in path.absolute().parents


def _writable(suffix: str) -> str:
    return suffix if suffix.lower() in FORMATS else ".png"
