"""Texts in a benchmark's Python files; the files are parsed and never run."""

import ast
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from string import Formatter
from typing import Any

from omniedit.errors import UserError

MAX_BYTES = 2_000_000


def read_constants(path: Path) -> dict[str, str]:
    """Return the texts that a Python file assigns to names at its top level.

    Raises:
        UserError: the file cannot be read, is too large, or is not Python.
    """
    return {name: value for name, value in _read_values(path) if isinstance(value, str)}


def read_lists(path: Path) -> dict[str, list[str]]:
    """Return the lists of texts that a Python file assigns at top level, as `read_constants` does for texts."""
    lists = ((name, value) for name, value in _read_values(path) if isinstance(value, list))
    return {name: value for name, value in lists if all(isinstance(item, str) for item in value)}


def _read_values(path: Path) -> Iterator[tuple[str, Any]]:
    """Yield the names and values of a file's top-level assignments of literals."""
    for node in _parse(path).body:
        if isinstance(node, ast.Assign):
            try:
                value = ast.literal_eval(node.value)
            except (ValueError, TypeError, MemoryError, RecursionError):
                continue
            yield from ((target.id, value) for target in node.targets if isinstance(target, ast.Name))


def _parse(path: Path) -> ast.Module:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UserError(f"{path}: has more than {MAX_BYTES:,} bytes; give the checkout of a benchmark")
        return ast.parse(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise UserError(f"{path}: not a Python file ({str(error)[:80]}); check it out again") from None


def choose(texts: Mapping[str, str], names: Sequence[str], path: Path) -> list[str]:
    """Return the texts of some names.

    Raises:
        UserError: a name is missing.
    """
    if missing := [name for name in names if name not in texts]:
        problem = f"has no text '{missing[0]}'; OmniEdit does not know this version of the prompts"
        raise UserError(f"{path}: {problem}; write them as a rubric (docs/rubrics.md)")
    return [texts[name] for name in names]


def from_format(text: str, names: Mapping[str, str], path: Path) -> str:
    """Convert a text for `str.format` to a rubric's text, whose placeholders are names in angle brackets.

    Args:
        names: a rubric's name for each field of the format.

    Raises:
        UserError: the format is invalid or has another field.
    """
    try:
        parts = list(Formatter().parse(text))
        return "".join(literal + (f"<{names[field]}>" if field is not None else "") for literal, field, *_ in parts)
    except (ValueError, KeyError) as error:
        raise UserError(
            f"{path}: a prompt has an unknown field or a stray brace ({error}); check it out again"
        ) from None


def find_file(folder: Path, places: Sequence[str]) -> Path | None:
    """Return the first of some paths below a folder that is a file."""
    return next((folder / place for place in places if (folder / place).is_file()), None)
