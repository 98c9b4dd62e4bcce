"""Styles to choose from, worded for use in an instruction; none names a living artist."""

from functools import cache
from pathlib import Path


@cache
def styles() -> tuple[str, ...]:
    """Return the styles, each with its article: 'a pencil sketch'."""
    return tuple(Path(__file__).with_name("styles.txt").read_text().splitlines())
