"""Revisions of the editors whose weights are on the hub: those that are not pinned, and the command that pins them."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from omniedit.config.source_folder import source_file
from omniedit.errors import UserError
from omniedit.evaluation.bench.editors.entries import EDITORS, DiffusersEntry, Entry, read_file
from omniedit.models.hub import pin_entry


def list_unpinned(entries: Mapping[str, Entry], files: Sequence[Path] = ()) -> Iterator[str]:
    """Yield a line with the remedy for each editor whose newest commit would be used.

    Args:
        files: files of entries besides config/editors.yaml. If several have the same editor, the last file counts.
    """
    for name, entry in entries.items():
        if isinstance(entry, DiffusersEntry) and entry.repository and not entry.revision:
            owner = next((file for file in reversed(files) if name in read_file(file)), None)
            yield f"{name}: {entry.repository} is not pinned, so its newest commit is used; {pin_command(name, owner)}"


def pin_command(name: str, file: Path | None = None) -> str:
    """Return the shell command that pins an editor of a file, None for config/editors.yaml."""
    program = source_file("scripts/fetch_models.py")
    return f"pin it: python {program} {name} --editors {f'{shlex.quote(str(file))} ' if file else ''}--pin"


def pin_editor(name: str, path: Path = EDITORS) -> str:
    """Write the newest revision of an editor's repository into its file and return it. The rest of the file is kept.

    Raises:
        UserError: the file has no such editor, the editor has no weights on the hub, or as in `pin_entry`.
    """
    entries = read_file(source_file(path))
    entry = entries.get(name)
    if not isinstance(entry, DiffusersEntry) or not entry.repository:
        hosted = [key for key, each in entries.items() if isinstance(each, DiffusersEntry) and each.repository]
        raise UserError(f"{path}: no editor {name[:80]!a} with a repository; available: {', '.join(hosted) or 'none'}")
    return pin_entry(name, entry, path)
