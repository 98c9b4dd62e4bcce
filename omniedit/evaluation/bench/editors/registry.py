"""Editors under test by their kind, and the names by which a command line gives them."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from omniedit.config.section import SHIPPED
from omniedit.errors import UserError
from omniedit.evaluation.bench.editors.editor import Editor
from omniedit.evaluation.bench.editors.entries import Entry, FolderEntry, TrainedEntry, read_entries

INDEX = "model_index.json"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


def open_simple(entry: Any, device: str) -> Editor:
    from omniedit.evaluation.bench.editors.simple import NoEdit, Target

    return {"no_edit": NoEdit, "target": Target}[entry.kind]()


def open_folder(entry: Any, device: str) -> Editor:
    from omniedit.evaluation.bench.editors.folder import Folder

    return Folder(Path(entry.folder))


def open_trained(entry: Any, device: str) -> Editor:
    from omniedit.evaluation.bench.editors.trained import TrainedEditor

    return TrainedEditor(entry, device)


def open_command(entry: Any, device: str) -> Editor:
    from omniedit.evaluation.bench.editors.command import Command

    return Command(entry)


def open_endpoint(entry: Any, device: str) -> Editor:
    from omniedit.evaluation.bench.editors.endpoint import ImagesEditor

    return ImagesEditor(entry)


def open_diffusers(entry: Any, device: str) -> Editor:
    from omniedit.evaluation.bench.editors.pipelines import Pipeline

    return Pipeline(entry, device)


KINDS: Mapping[str, Callable[[Any, str], Editor]] = {
    "no_edit": open_simple,
    "target": open_simple,
    "folder": open_folder,
    "trained": open_trained,
    "command": open_command,
    "endpoint": open_endpoint,
    "diffusers": open_diffusers,
}
"""Functions that open an editor from its entry on a device ('' is a GPU if there is one), by kind."""


def open_editor(name: str, entry: Entry, device: str = "") -> Editor:
    """Open an editor.

    Raises:
        UserError: it cannot be opened; the message begins with its name.
    """
    try:
        return KINDS[entry.kind](entry, device)
    except UserError as error:
        raise UserError(f"editor {name}: {error}") from None


def choose_editors(requested: Sequence[str], files: Sequence[Path] = ()) -> dict[str, Entry]:
    """Return the entries of the editors that a command line names, in its order.

    Args:
        requested: names of entries; YAML files, for all of their entries; folders of outputs or of an editor, under
            the folder's name or as NAME=FOLDER.
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
