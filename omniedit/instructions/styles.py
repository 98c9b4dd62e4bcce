"""Styles to ask for, in words that stand in an instruction; none is a living artist's name."""

from functools import cache
from pathlib import Path


@cache
def styles() -> tuple[str, ...]:
    """Each with its article: 'a pencil sketch'."""
    return tuple(Path(__file__).with_name("styles.txt").read_text().splitlines())
