"""Find JSON in a model's reply: valid objects first, then keys and values of almost valid JSON.

Each pattern starts where the last match ended and never backtracks, so a reply is read in time linear in its length.
"""

import json
import re
from collections.abc import Iterator, Set
from dataclasses import dataclass
from typing import Any

QUOTES = {'"': '"', "'": "'", "\u201c": "\u201d"}
"""Closing quotation mark by opening one."""
SCORE_KEYS = frozenset(("score", "scores"))
"""Keys in lower case whose values are numbers or lists of them."""

_SEPARATOR = re.compile(r"[{}\[,\n]")
_BLANK = re.compile(r"(?:\s|//[^\n]*+)*+")
_KEY_IN_QUOTES = r"[\"'\u201c]([^\"'\u201c\u201d\n{}\[\],:]++)[\"'\u201d]\s*+:"
_QUOTED_KEY = re.compile(rf"{_KEY_IN_QUOTES}\s*+")
_BARE_KEY = re.compile(r"(\w++)\s*+:\s*+")
_LIST_OR_WORD = re.compile(r"\[[^\]]*+\]?|[^\s,}\[\]]*+")
_NEXT_KEY = re.compile(rf"\s++{_KEY_IN_QUOTES}")
_AFTER_TEXT = rf"(?:\s*+(?:[}}\]]|```|\Z|,\s*+(?:[}}\]]|//|\w++\s*+:|{_KEY_IN_QUOTES}))|\s++{_KEY_IN_QUOTES})"
_TEXT_ENDS = {opening: re.compile(rf"\\.|{closing}(?={_AFTER_TEXT})", re.DOTALL) for opening, closing in QUOTES.items()}
"""Patterns of an escaped character, or of the quote that ends a text. Other quotes belong to the text."""


class Number(str):
    """JSON number in its written form, to distinguish `1e1` and `NaN` from `10`."""


class Pairs(list[tuple[str, Any]]):
    """Keys and values of a JSON object in order, with repeated keys."""


_DECODER = json.JSONDecoder(
    object_pairs_hook=Pairs, parse_int=Number, parse_float=Number, parse_constant=Number, strict=False
)


@dataclass(frozen=True)
class JsonSpan:
    """Valid JSON object at [start, end) of a text."""

    start: int
    end: int
    value: Pairs

    def values(self, key: str) -> Iterator[Any]:
        """Yield the values of a key, given in lower case, at any depth."""
        waiting: list[Any] = [self.value]
        while waiting:
            item = waiting.pop()
            if isinstance(item, Pairs):
                yield from (value for name, value in item if name.lower() == key)
                waiting += (value for _, value in item)
            elif isinstance(item, list):
                waiting += item


@dataclass(frozen=True)
class LooseField:
    """Key, in lower case, with the start and end of its value; the key is '' for a text without a key.

    The end equals the start if the value is an object, or a list that may contain further keys. `within` is the start
    of the outermost open brace or, outside braces, of the first of the fields that only commas separate.
    """

    key: str
    start: int
    end: int
    within: int


def scan(text: str, score_keys: Set[str] = SCORE_KEYS) -> Iterator[JsonSpan | LooseField]:
    """Yield the valid objects of a text and the loose fields around them, in order.

    Everything from the first invalid object on is read loosely.

    Args:
        score_keys: keys in lower case whose values are scores.
    """
    at = 0
    for span in find_objects(text):
        yield from _shift(loose_fields(text[at : span.start], score_keys), at)
        yield span
        at = span.end
    yield from _shift(loose_fields(text[at:], score_keys), at)


def find_objects(text: str, at: int = 0) -> Iterator[JsonSpan]:
    """Yield the valid objects of a text from a position on, in order, up to the first invalid one."""
    while (span := _next_object(text, at)) is not None:
        yield span
        at = span.end


def loose_fields(text: str, score_keys: Set[str] = SCORE_KEYS) -> Iterator[LooseField]:
    """Yield the fields with keys, and the texts without keys, in order and without overlap.

    Keys within texts, and bare keys outside braces, are ignored. The comma before a key in quotes may be missing.
    """
    at, depth, opening, outermost, last = 0, 0, "\n", 0, -1
    while True:
        at = _end(_BLANK, text, at)
        key = _QUOTED_KEY.match(text, at) or (_BARE_KEY.match(text, at) if depth else None)
        if key and opening in "{,\n":
            at = _value_end(key[1].lower() in score_keys, text, key.end())
            if not depth and (last < 0 or text[last : key.start()].strip(", \t\r\n")):
                outermost = key.start()
            yield LooseField(key[1].lower(), key.end(), at, outermost)
            last = at
            if at > key.end() and _NEXT_KEY.match(text, at):
                continue
        elif depth and text[at : at + 1] in QUOTES:
            start, at = at, _text_end(text, at)
            yield LooseField("", start, at, outermost)
        separator = _SEPARATOR.search(text, at)
        if not separator:
            return
        at, opening = separator.end(), separator[0]
        outermost = separator.start() if opening == "{" and not depth else outermost
        depth = max(0, depth + {"{": 1, "}": -1}.get(opening, 0))


def has_loose_quotes(value: str) -> bool:
    """Return whether a value is a text that contains its own quotation marks unescaped."""
    return value[:1] in QUOTES and re.search(rf"(?<!\\)[{value[0]}{QUOTES[value[0]]}]", value[1:-1]) is not None


def _next_object(text: str, at: int) -> JsonSpan | None:
    """Decode the object at the next brace; return None if it is missing or invalid."""
    start = text.find("{", at)
    try:
        return JsonSpan(start, *reversed(_DECODER.raw_decode(text, start))) if start >= 0 else None
    except (ValueError, RecursionError):
        return None


def _shift(fields: Iterator[LooseField], by: int) -> Iterator[LooseField]:
    return (LooseField(field.key, field.start + by, field.end + by, field.within + by) for field in fields)


def _value_end(is_score: bool, text: str, start: int) -> int:
    """Return the end of a text or of scores. For another value, which may contain keys, return its start."""
    if is_score:
        return _end(_LIST_OR_WORD, text, start)
    return _text_end(text, start) if text[start : start + 1] in QUOTES else start


def _text_end(text: str, start: int) -> int:
    """Return the position after the quote that closes the one at `start`, or the end of the text if it is cut off."""
    ends = (match.end() for match in _TEXT_ENDS[text[start]].finditer(text, start + 1) if match[0][0] != "\\")
    return next(ends, len(text))


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    assert match  # these patterns also match the empty text
    return match.end()
