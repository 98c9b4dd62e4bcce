"""Clean text that comes from outside, and escape it for its destination.

clean          all input: names, captions, licences, replies, logs; removes NUL and control characters
markdown_cell  a cell of a Markdown table in a model card, which `markdown_table` lays out

Pages escape HTML themselves (`omniedit.reporting.page`), figures disable mathematics
(`omniedit.reporting.figure_style`), errors quote with `ascii`, and `omniedit.redaction` hides secrets.
"""

import io
import re
import unicodedata
from collections.abc import Iterable, Sequence

_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|~$:@&]|(?<=\bwww)\.)", re.IGNORECASE)
_JOINERS = "\u200c\u200d"
"""Not printable on their own, but part of words in some scripts, and of emoji."""
_BREAKS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def replace_surrogates(text: str) -> str:
    """Return a text, such as a file's name, as valid UTF-8; characters that UTF-8 cannot encode become '?'."""
    return text.encode(errors="replace").decode()


def clean(text: str) -> str:
    """Return a text's printable characters, line ends and tabs; half a surrogate pair becomes '?'."""
    if text.isascii() and text.isprintable():
        return text
    text = replace_surrogates(text).replace("\r\n", "\n").replace("\r", "\n")
    return "".join(" " if unicodedata.category(c) == "Zs" else c for c in text if _is_kept(c))


def clean_line(text: str, longest: int | None = None) -> str:
    """Return a text as one line of printable characters with single spaces, cut to `longest` characters."""
    line = " ".join(clean(_BREAKS.sub(" ", text)).split())
    return line if longest is None or len(line) <= longest else f"{line[: longest - 3].rstrip()}..."


def split_lines(text: str) -> list[str]:
    """Split a text at its line ends only; `str.splitlines` also splits within JSON texts, at U+2028 or U+0085."""
    return io.StringIO(text, newline=None).read().removesuffix("\n").split("\n")


def markdown_cell(text: str, longest: int = 200) -> str:
    """Return a text for a cell of a Markdown table: one line without links, images, HTML or further cells."""
    return _MARKDOWN.sub(r"\\\1", clean_line(text, longest))


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a Markdown table. Cells with text from outside are made by `markdown_cell`."""
    lines = [f"| {' | '.join(cells)} |" for cells in (head, *rows)]
    return [lines[0], "|" + "---|" * len(head), *lines[1:]]


def _is_kept(character: str) -> bool:
    return (
        character.isprintable()
        or character in "\n\t"
        or character in _JOINERS
        or unicodedata.category(character) == "Zs"
    )
