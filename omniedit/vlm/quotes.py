"""Find the quotation marks of a reply.

A quoted text may contain quotation marks of its own, so marks are not counted in pairs: whatever stands between the
first and the last mark of a text may be quoted. Only the texts of valid objects have known ends.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from omniedit.vlm.loose_json import JsonSpan, LooseField, find_objects

QUOTE = re.compile('["`\u201c-\u201f\u00ab\u00bb\u300c-\u300f]' r"|(?<!\w)['\u2018\u2019]|['\u2018\u2019](?!\w)")
"""Quotation mark; an apostrophe within a word does not count."""
_MARK = re.compile(rf"(?P<fence>^[ \t]*```)|(?P<brace>[{{}}])|(?P<quote>{QUOTE.pattern})", re.MULTILINE)


class UnclearReply(Exception):
    """Reply whose answer cannot be separated from its thinking, or from a text that it quotes; the message says why."""


@dataclass(frozen=True)
class QuotedRange:
    """Range of a text that may be quoted.

    Args:
        first: position of the first quotation mark outside braces; the length of the text if there is none.
        last: position of the last quotation mark outside valid objects, or -1.
        first_object: start of the first valid object; the length of the text if there is none.
    """

    first: int
    last: int
    first_object: int

    def encloses_field(self, field: JsonSpan | LooseField) -> bool:
        """Return whether a field, or an object with one, is quoted.

        Raises:
            UnclearReply: the field follows an object in which a quotation mark may have ended a text early.
        """
        start = field.start if isinstance(field, JsonSpan) else field.within
        if field.end > self.last or start <= min(self.first, self.first_object):
            return False
        if start <= self.first:
            raise UnclearReply("a field between an object and a quotation mark may belong to a text")
        return True


def find_quoted_range(text: str) -> QuotedRange:
    """Return the parts of a text that may be quotations."""
    first, last, depth = len(text), -1, 0
    for mark in _find_marks(text):
        if mark["brace"]:
            depth = max(0, depth + (1 if mark["brace"] == "{" else -1))
        elif mark["quote"]:
            last = mark.start()
            first = min(first, last) if not depth else first
    return QuotedRange(first, last, next((each.start for each in find_objects(text)), len(text)))


def check_texts(text: str, pieces: Iterable[JsonSpan | LooseField], keys: Iterable[str]) -> None:
    """Check that no text without a key has a field with one of the keys, given in lower case.

    Raises:
        UnclearReply: a quotation mark within a text ended it early, so the following texts begin where others end.
    """
    texts = [text[each.start : each.end] for each in pieces if isinstance(each, LooseField) and not each.key]
    field = re.compile(rf"(?:{'|'.join(map(re.escape, keys))})[\"'\u201d]?\s*:", re.IGNORECASE)
    if any(map(field.search, texts)):
        raise UnclearReply("a text without a key contains a field, so its quotation marks are unclear")


def _find_marks(text: str) -> Iterator[re.Match[str]]:
    """Yield the quotation marks, braces and code fences outside valid objects."""
    at = 0
    for each in find_objects(text):
        yield from _MARK.finditer(text, at, each.start)
        at = each.end
    yield from _MARK.finditer(text, at)
