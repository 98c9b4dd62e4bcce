"""Record of one pair: all facts that a run has about it."""

from collections.abc import Iterator
from math import isfinite
from pathlib import Path
from typing import Any

from omniedit.browsing.remake_command import remake_command
from omniedit.browsing.run_files import ShardFiles
from omniedit.errors import UserError
from omniedit.imaging.decode import open_image
from omniedit.imaging.images import encoded_size
from omniedit.pairs import Shard
from omniedit.storage.atomic import replace_file
from omniedit.storage.parquet import read_rows

SUFFIXES = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp", "TIFF": ".tif"}


def read_record(files: ShardFiles, pair_id: str) -> dict[str, Any]:
    """Return a pair's record as JSON values.

    The pair's fields have the names of `EditPair`. Other fields: `file`, `row`, `size` (width, height), `mask_share`,
    `scores` (of the judge) and `teacher_scores`, `decision`, `command` (None if no rule makes the pair), and `problems`
    for files that are missing or cannot be read.
    """
    problems: list[str] = []
    record: dict[str, Any] = {"pair_id": pair_id, "folder": files.folder, "file": str(files.candidates)}
    record |= _describe_pair(files.candidates, pair_id, problems)
    for name, kind in (("scores", "scores"), ("teacher_scores", "teacher"), ("decision", "decisions")):
        record[name] = read_pair_row(files.path(kind), pair_id, problems)
    return record | {"command": remake_command(files), "problems": problems}


def _describe_pair(path: Path, pair_id: str, problems: list[str]) -> dict[str, Any]:
    try:
        with Shard(path, keeps_last=False) as shard:
            return describe_pair(shard, shard.find(pair_id))
    except UserError as error:
        problems.append(str(error))
        return {}


def describe_pair(shard: Shard, row: int) -> dict[str, Any]:
    """Return a pair's fields in its shard, without the images."""
    pair = shard.encoded_pair(row)
    mask = shard.mask(row)
    return {
        "row": row,
        "task": str(pair.task),
        "instructions": list(pair.instructions),
        "captions": vars(pair.captions),
        "session": pair.session,
        "turn": pair.turn,
        "size": encoded_size(pair.source, f"{pair.pair_id}: source"),
        "mask_share": None if mask is None else float(mask.mean()),
        "references": [
            {
                "role": each.role,
                "size": encoded_size(each.image, f"{pair.pair_id}: reference {number}"),
                **({} if each.caption is None else {"caption": each.caption}),
            }
            for number, each in enumerate(pair.references, 1)
        ],
        "imported_scores": pair.imported_scores,
        "provenance": without_nan(pair.provenance),
        "shard": {"specialist": shard.specialist, "seed": shard.seed, "versions": shard.versions},
    }


def read_pair_row(path: Path, pair_id: str, problems: list[str]) -> dict[str, Any] | None:
    """Return a pair's row of a table, or None if there is none. A teacher's scores of defects are ignored."""
    if not path.exists():
        return None
    try:
        rows = [row for row in read_rows(path) if row["pair_id"] == pair_id and not row.get("defect")]
    except UserError as error:
        problems.append(str(error))
        return None
    return without_nan(rows[0]) if rows else None


def without_nan(value: Any) -> Any:
    """Return a value with None in place of NaN and infinity, which JSON lacks."""
    if isinstance(value, dict):
        return {name: without_nan(each) for name, each in value.items()}
    if isinstance(value, list):
        return [without_nan(each) for each in value]
    return None if isinstance(value, float) and not isfinite(value) else value


def list_images(shard: Shard, row: int) -> Iterator[tuple[str, bytes]]:
    """Yield name and bytes of each image of a pair: source, edited, mask if it has one, reference-1 and so on."""
    for name in ("source", "edited", "mask"):
        if encoded := shard.encoded(name, row):
            yield name, encoded
    for number, reference in enumerate(shard.references(row), 1):
        yield f"reference-{number}", reference.image


def save_images(files: ShardFiles, pair_id: str, folder: Path) -> list[Path]:
    """Write a pair's stored images unchanged, with the suffix of their format; return their paths.

    Raises:
        UserError: the pair cannot be read, or the folder cannot be written.
    """
    saved = []
    with Shard(files.candidates, keeps_last=False) as shard:
        for name, encoded in list_images(shard, shard.find(pair_id)):
            path = folder / f"{name}{SUFFIXES.get(image_format(encoded), '')}"
            try:
                with replace_file(path) as temporary:
                    temporary.write_bytes(encoded)
            except OSError as error:
                raise UserError(f"{path}: cannot be written: {error.strerror}; give another folder") from None
            saved.append(path)
    return saved


def image_format(encoded: bytes) -> str:
    """Return the format of an image file's bytes: JPEG, PNG, WEBP or TIFF; '' if it is unknown."""
    try:
        return open_image(encoded).format or ""
    except Exception:  # Unreadable, or whatever Pillow raises for broken data
        return ""
