"""Editors under test by their kind, and by the names that a command line gives."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from omniedit.architectures import INDEX
from omniedit.config.section import SHIPPED
from omniedit.errors import UserError
from omniedit.evaluation.bench.editors.editor import BenchEditor
from omniedit.evaluation.bench.editors.entries import (
    DiffusersEntry,
    Entry,
    FolderEntry,
    SimpleEntry,
    TrainedEntry,
    read_entries,
)

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


KINDS = {
    "no_edit": "baselines:NoEdit",
    "target": "baselines:Target",
    "folder": "folder:Folder",
    "trained": "trained:TrainedEditor",
    "command": "command:CommandEditor",
    "endpoint": "endpoint:ImagesEditor",
    "diffusers": "pipelines:Pipeline",
}
"""Class of each kind of editor, as module:class in this package; it is imported when an editor is opened."""


def open_editor(name: str, entry: Entry, device: str = "") -> BenchEditor:
    """Open an editor on a device; '' is a GPU if there is one.

    Raises:
        UserError: it cannot be opened; the message begins with its name.
    """
    arguments: tuple[Any, ...] = (entry,)
    if isinstance(entry, SimpleEntry):
        arguments = ()
    elif isinstance(entry, FolderEntry):
        arguments = (Path(entry.folder),)
    elif isinstance(entry, TrainedEntry | DiffusersEntry):
        arguments = (entry, device)
    try:
        editor: BenchEditor = resolve_name(f"{__package__}.{KINDS[entry.kind]}")(*arguments)
    except UserError as error:
        raise UserError(f"editor {name}: {error}") from None
    return editor


def choose_editors(requested: Sequence[str], files: Sequence[Path] = ()) -> dict[str, Entry]:
    """Return the entries of the editors that a command line names, in its order.

    Args:
        requested: names of entries; YAML files, which stand for all of their entries; folders of outputs or of an
            editor, as FOLDER (the editor is named after it) or NAME=FOLDER.
        files: further files of entries.

    Raises:
        UserError: an editor is unknown, or two editors have the same name or label.
    """
    known = read_entries(*files)
    chosen: dict[str, Entry] = {}
    for each in requested:
        for name, entry in _find(each, known).items():
            if name in chosen:
                raise UserError(f"--editors: two editors are named {name!a}; give one as NAME=FOLDER")
            if not NAME.fullmatch(name):
                raise UserError(
                    f"--editors: {name[:100]!a} is not a name of an editor; use letters, digits, '_', '.', '-'"
                )
            chosen[name] = entry
    labels = Counter(entry.label or name for name, entry in chosen.items())
    if twice := next((label for label, count in labels.items() if count > 1), None):
        raise UserError(f"--editors: two editors have the label {twice[:100]!a}; give one another label in its file")
    return chosen


def _find(name_or_path: str, known: Mapping[str, Entry]) -> dict[str, Entry]:
    if name_or_path in known:
        return {name_or_path: known[name_or_path]}
    if name_or_path.endswith((".yaml", ".yml")):
        before = read_entries()
        return {name: entry for name, entry in read_entries(Path(name_or_path)).items() if before.get(name) != entry}
    name, _, path = name_or_path.rpartition("=")
    folder = Path(path).expanduser()
    if path == SHIPPED:
        return {name or SHIPPED: TrainedEntry(kind="trained", folder=SHIPPED, label=name or "OmniEdit (shipped)")}
    if folder.is_dir():
        is_editor = (folder / INDEX).is_file()
        entry = TrainedEntry(kind="trained", folder=path) if is_editor else FolderEntry(kind="folder", folder=path)
        return {name or folder.resolve().name: entry}
    if name:
        raise UserError(
            f"--editors: {name_or_path[:200]}: no such folder; give a folder of outputs or of a trained editor"
        )
    raise UserError(f"no editor {name_or_path[:100]!a}: not a folder; the entries are: {', '.join(known)}, {SHIPPED}")
