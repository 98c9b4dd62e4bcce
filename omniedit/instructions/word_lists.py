"""Lists of words to choose from in instructions. Each is a text file next to this module, with one entry per line."""

from functools import cache
from pathlib import Path


@cache
def read_list(name: str) -> tuple[str, ...]:
    """Return the lines of `{name}.txt`."""
    return tuple(Path(__file__).with_name(f"{name}.txt").read_text(encoding="utf-8").splitlines())


def styles() -> tuple[str, ...]:
    """Return the styles, each with its article: 'a pencil sketch'. None names a living artist."""
    return read_list("styles")
