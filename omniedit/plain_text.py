"""Clean text that comes from outside, and escape it for where it goes.

clean          what comes in: names, captions, licences, replies; no NUL and no control character gets further
markdown_cell  a cell of a Markdown table in a model card

Pages escape HTML themselves (`omniedit.reporting.page`), figures read no mathematics (`omniedit.reporting.style`),
errors quote with `ascii`, secrets are hidden by `omniedit.redaction`.
"""

import re
import unicodedata

_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>()#+!|~$:@&]|(?<=\bwww)\.)", re.IGNORECASE)
_DIRECTIONS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")
"""Marks that turn the direction of what follows, and the byte order mark."""


def clean(text: str) -> str:
    """Return a text without NUL and other control characters; line ends and tabs stay, half a character becomes '?'."""
    if text.isascii() and text.isprintable():
        return text
    text = text.encode(errors="replace").decode().replace("\r\n", "\n").replace("\r", "\n")
    return "".join(character for character in text if character in "\n\t" or _is_text(character))


def clean_line(text: str, longest: int | None = None) -> str:
    """Return a text as `clean` does, on one line, with single spaces; cut where it is too long."""
    line = " ".join(clean(re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", " ", text)).split())
    return line if longest is None or len(line) <= longest else f"{line[: longest - 3].rstrip()}..."


def markdown_cell(text: str, longest: int = 200) -> str:
    """Return a text for a cell of a Markdown table: one line that brings no link, image, HTML or further cell."""
    return _MARKDOWN.sub(r"\\\1", clean_line(text, longest))


def _is_text(character: str) -> bool:
    return unicodedata.category(character) != "Cc" and character not in _DIRECTIONS
