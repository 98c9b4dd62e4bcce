"""Folders of InstructPix2Pix as its authors publish them.

`seeds.json` is a list of [FOLDER, [SEED, ...]]. Each folder has `prompt.json` with the texts, `SEED_0.jpg` and
`SEED_1.jpg`, and `metadata.jsonl` with the similarities of each seed.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from omniedit.exchange.image_files import BadImage, check_path, read_below
from omniedit.exchange.inputs import DataFile, Part
from omniedit.exchange.rows import Row, Rows, reject
from omniedit.exchange.text_rows import read_items
from omniedit.sources.archive_items import BadFile, open_archive
from omniedit.sources.metadata_values import parse_json
from omniedit.storage.archives import is_remote
from omniedit.storage.json_lines import read_json_lines

SEEDS, PROMPT, METADATA = "seeds.json", "prompt.json", "metadata.jsonl"
_TEXTS = {"caption": "original_prompt", "input": "original_prompt", "edit": "edit_prompt", "output": "edited_prompt"}
"""Columns of the Parquet files, by the key in `prompt.json`, whose authors write `caption` or `input`."""
_IMAGES = {"original_image": "0", "edited_image": "1"}


def find_seeds(path: str) -> list[DataFile]:
    """Return the list of seeds at a path, or in a folder; [] if there is none."""
    if is_remote(path):
        return []
    file = Path(path) / SEEDS if Path(path).is_dir() else Path(path)
    return [DataFile(str(file), SEEDS)] if file.name == SEEDS and file.is_file() else []


def read_seeds(part: Part) -> Rows:
    """Yield a row for each seed, with the columns of the Parquet files; a rejection for a folder that cannot be read.

    Raises:
        BadFile: the file is not a list.
    """
    with open_archive(part.file.address) as file:
        try:
            for number, item in read_items(file, part):
                try:
                    folder, seeds = _parse_entry(parse_json(item))
                    yield from _read_folder(part.file, number, folder, seeds)
                except (BadImage, ValueError) as error:
                    yield reject(f"{part.file.name}:{number}", str(error))
        except ValueError as error:
            raise BadFile(f"{part.file.name}: not a list in JSON: {error}") from None


def _parse_entry(entry: Any) -> tuple[str, Sequence[str]]:
    """Return folder and seeds of an entry.

    Raises:
        ValueError: it is not [FOLDER, [SEED, ...]].
    """
    folder, seeds = entry if isinstance(entry, list) and len(entry) == 2 else (None, None)
    if not isinstance(folder, str) or not isinstance(seeds, list):
        raise ValueError("not a folder with a list of seeds")
    return check_path(folder), [str(seed) for seed in seeds]


def _read_folder(file: DataFile, number: int, folder: str, seeds: Sequence[str]) -> Iterator[Row]:
    """Yield the rows of a folder.

    Raises:
        BadImage, ValueError: its texts cannot be read.
    """
    content = read_below(file.folder, f"{folder}/{PROMPT}")
    if content is None:
        raise BadImage(f"{folder}/{PROMPT}: no such file")
    prompt = parse_json(content)
    if not isinstance(prompt, Mapping):
        raise ValueError(f"{folder}/{PROMPT}: not a JSON object")
    texts = {_TEXTS.get(str(name), str(name)): value for name, value in prompt.items()}
    about = {str(line.get("seed")): line for line in read_json_lines(Path(file.folder) / folder / METADATA)}
    for seed in seeds:
        images = {column: f"{folder}/{seed}_{place}.jpg" for column, place in _IMAGES.items()}
        yield Row(file, number, {**about.get(seed, {}), **texts, **images}, f"{folder}/{seed}")
