"""Outputs that were made elsewhere: a folder with `{item_id}.png`, .jpg or .webp."""

from collections.abc import Sequence
from pathlib import Path

from omniedit.errors import UserError
from omniedit.evaluation.bench.editors.editor import BenchEditor, EditFailure, ItemRequest
from omniedit.imaging.decode import UnreadableImage
from omniedit.imaging.images import Image
from omniedit.sources.photo_file import SUFFIXES, EncodedPhoto, list_images


class Folder(BenchEditor):
    """Editor whose outputs are in a folder, in the layout of the published benchmark.

    Raises:
        UserError: the folder does not exist or contains no image.
    """

    takes_references = True

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise UserError(f"{folder}: no such folder; give the folder of an editor's outputs")
        example = next((path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES), None)
        if example is None:
            raise UserError(f"{folder}: has no image, and is not a trained editor, since it has no model_index.json")
        self.folder, self._example = folder, example.relative_to(folder)
        self._listed: dict[Path, dict[str, list[Path]]] = {}
        self.version = f"folder {folder.resolve().name}"

    def edit(self, requests: Sequence[ItemRequest]) -> list[Image | EditFailure]:
        return [self._read(request.item.item_id) for request in requests]

    def item_version(self, item_id: str) -> str:
        """Return names, sizes and times of the item's files, which a user may replace."""
        return ", ".join(f"{file.name} {file.stat().st_size} {file.stat().st_mtime_ns}" for file in self._find(item_id))

    def _find(self, item_id: str) -> list[Path]:
        """Return the image files of an item. Suffixes may be in capital letters, so folders are listed, each once."""
        stem = self.folder / item_id
        if stem.parent not in self._listed:
            self._listed[stem.parent] = list_images(stem.parent, "*")
        return self._listed[stem.parent].get(stem.name, [])

    def _read(self, item_id: str) -> Image | EditFailure:
        path = self._find(item_id)
        if len(path) != 1:
            names = " and ".join(file.name for file in path)
            missing = f"no file {item_id}.png, .jpg or .webp; the folder has, for example, {self._example}"
            return EditFailure(f"has {names}; remove one" if path else missing)
        try:
            with EncodedPhoto(path[0]) as photo:
                return photo.decode()
        except UnreadableImage as error:
            return EditFailure(f"{path[0].name}: {error}")
