"""Styles to choose from, phrased for use in an instruction; none names a living artist."""

from omniedit.instructions.word_lists import read_list


def styles() -> tuple[str, ...]:
    """Return the styles, each with its article: 'a pencil sketch'."""
    return read_list("styles")
