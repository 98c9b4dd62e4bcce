"""Find the scores in a judge's answer: in JSON, in almost valid JSON, and in lines.

A candidate is a list of K items: a `Number`, a `QuotedItem` for text in quotes, or `str` for anything else.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from omniedit.scoring.reply_form import ReplyForm
from omniedit.vlm.loose_json import QUOTES, JsonSpan, LooseField, Number, Pairs, has_loose_quotes, scan
from omniedit.vlm.quotes import QUOTE, QuotedRange, check_texts, find_quoted_range

_NUMBER = r"-?[0-9]{1,20}(?:\.[0-9]{1,20})?"
NUMBER = re.compile(rf"({_NUMBER})(?:\s?/\s?({_NUMBER}))?")
"""Plain decimal number, or one with a denominator as in `8/10`."""
_KEY = r"(?:[\"'\u201c][^\"'\u201c\u201d\n{}\[\],:]++[\"'\u201d]|\w++)\s*+:"
_ENDS = re.compile(rf"\s*+(?:[}}\]]|```|\Z|//|,?\s*+(?:[}}\]]|\Z|//|{_KEY}))")
_LINE_ENDS = re.compile(r"[ \t]*+,?[ \t]*+\n")
_COMMA = re.compile(r"\s*+,")
_BARE_LIST = re.compile(r"\s*+(?:```\w*+\s++)?+\[([^\[\]{}]*+)\]\s*+(?:```)?+\s*+")
_LIST_MARK = r"[ \t*#_-]*+(?:(?:[0-9]{1,2}[.)]|\u2022)[ \t*_]*+)?+"
_FENCED = re.compile(r"\s*+```\w*+[ \t]*+\n[^`]*+```\s*+")
_WORD = re.compile(r"[A-Za-z_]\w*|<[^<>]*>")
_CONSTANTS = frozenset(("true", "false", "null", "none", "nan", "infinity"))


class QuotedItem(str):
    """Text in quotes."""


class AmbiguousReply(Exception):
    """Answer whose scores are ambiguous; the message gives the reason."""


Items = list[str]


@dataclass(frozen=True)
class _Parts:
    """Text of an answer, and the objects and loose fields in it.

    Args:
        quotes_from: end of the first text with quotes that are not escaped; the length of `text` + 1 if there is none.
        joined_from: end of the first such text that is not followed by a comma; the same value if there is none.
        quoted: parts of the text that may be quotations.
    """

    text: str
    pieces: tuple[JsonSpan | LooseField, ...]
    quotes_from: int
    joined_from: int
    quoted: QuotedRange


def _scan(text: str, form: ReplyForm) -> _Parts:
    keys = frozenset((*form.fields, *form.score_keys))
    pieces = tuple(scan(text, keys))
    if any(isinstance(piece, LooseField) and piece.key in keys for piece in pieces):
        check_texts(text, pieces, keys)
    quoting = [piece.end for piece in pieces if has_loose_quotes(text[piece.start : piece.end])]
    joined = (end for end in quoting if not _COMMA.match(text, end))
    nowhere = len(text) + 1
    return _Parts(text, pieces, min(quoting, default=nowhere), min(joined, default=nowhere), find_quoted_range(text))


def find_scores(answer: str, form: ReplyForm) -> list[Items]:
    """Return all candidates for the scores of an answer; the reader requires them to agree.

    Raises:
        AmbiguousReply: a score may belong to a quoted text, or may be cut off.
    """
    parts = _scan(answer, form)
    candidates = drop_echo(_list_fields(parts, form), form) or _by_key(parts, form)
    if not candidates and form.lines:
        candidates = _find_lines(answer, form)
    return candidates or _bare_list(answer, form)


def _find_lines(answer: str, form: ReplyForm) -> list[Items]:
    """Return all candidates in lines.

    A code fence at the end of an answer may or may not quote the lines before it, so both readings must agree.
    """
    candidates = [*drop_echo(_list_lines(answer, form), form), *_by_line(answer, form)]
    before = answer.rstrip().removesuffix("```")
    return candidates + (_find_lines(before, form) if candidates and before != answer.rstrip() else [])


def drop_echo(candidates: Iterable[Items], form: ReplyForm) -> list[Items]:
    """Drop candidates that repeat the placeholders of the requested format before an answer follows."""
    listed = list(candidates)
    return [
        items
        for number, items in enumerate(listed)
        if number == len(listed) - 1 or not items or not all(_is_placeholder(item, form) for item in items)
    ]


def _is_placeholder(item: str, form: ReplyForm) -> bool:
    """Return whether an item is a word of the requested format, such as `...`, `score1` or the name of a score."""
    word = item.strip().lower()
    if word in form.placeholders:
        return True
    return not isinstance(item, QuotedItem) and _WORD.fullmatch(word) is not None and word not in _CONSTANTS


def find_line(answer: str, key: str) -> Iterator[re.Match[str]]:
    """Yield the lines `KEY: value` of an answer that are outside quotes; they may be items of a list or have Markdown's
    marks.

    A code fence around the whole answer does not count as a quotation.
    """
    line = re.compile(
        rf"^{_LIST_MARK}{re.escape(key)}[ \t*_]*[:\uff1a](?P<value>[^\n]*)$", re.IGNORECASE | re.MULTILINE
    )
    is_fenced = _FENCED.fullmatch(answer) is not None
    quotes = [quote.start() for quote in QUOTE.finditer(answer) if not (is_fenced and quote[0] == "`")]
    for match in line.finditer(answer):
        if not quotes or not (quotes[0] < match.start() and match.end() <= quotes[-1]):
            yield match


def _list_fields(answer: _Parts, form: ReplyForm) -> Iterator[Items]:
    """Yield the items of each field that lists all scores."""
    for piece in answer.pieces:
        if isinstance(piece, JsonSpan):
            values = [value for key in form.fields for value in piece.values(key)]
            if values and answer.quoted.encloses_field(piece):
                continue
            yield from (_items(value) for value in values if not (isinstance(value, Pairs) and form.keys))
        elif isinstance(piece, LooseField) and piece.key in form.fields and _counts(answer, piece):
            yield _loose_items(_check_end(answer, piece))


def _by_key(answer: _Parts, form: ReplyForm) -> list[Items]:
    """Return the scores if each has its own field."""
    values: dict[str, list[Items]] = {key: [] for key in form.score_keys}
    for piece in answer.pieces:
        if isinstance(piece, JsonSpan):
            found = {key: [_items(value) for value in piece.values(key)] for key in values}
            if any(found.values()) and not answer.quoted.encloses_field(piece):
                for key, matches in found.items():
                    values[key] += matches
        elif isinstance(piece, LooseField) and piece.key in values and _counts(answer, piece):
            values[piece.key].append(_loose_items(_check_end(answer, piece)))
    return _one_each(values, form)


def _list_lines(answer: str, form: ReplyForm) -> Iterator[Items]:
    lines = (_line_items(line["value"]) for line in find_line(answer, form.field))
    return (items for items in lines if items)


def _by_line(answer: str, form: ReplyForm) -> list[Items]:
    """Return the scores if each has its own line."""
    lines = {key: [_line_items(line["value"]) for line in find_line(answer, key)] for key in form.score_keys}
    return _one_each({key: [items for items in candidates if items] for key, candidates in lines.items()}, form)


def _one_each(values: dict[str, list[Items]], form: ReplyForm) -> list[Items]:
    """Return the value of each key as a candidate, or no candidate if a key has no value.

    Raises:
        AmbiguousReply: a key has two different values.
    """
    chosen: Items = []
    for key, candidates in values.items():
        candidates = drop_echo(candidates, form)
        candidates = [items for items in candidates if not _is_prose(items)] or candidates
        if not candidates:
            return []
        if any(items != candidates[0] for items in candidates) or len(candidates[0]) != 1:
            raise AmbiguousReply(
                f"two different values of {key!a}" if len(candidates) > 1 else f"several values of {key!a}"
            )
        chosen += candidates[0]
    return [chosen] if chosen else []


def _bare_list(answer: str, form: ReplyForm) -> list[Items]:
    """Return the items of an answer that consists only of a list of the right length."""
    match = _BARE_LIST.fullmatch(answer)
    items = _loose_items(f"[{match[1]}]") if match else []
    return [items] if len(items) == form.num_scores and all(map(_is_number, items)) else []


def _is_prose(items: Items) -> bool:
    return len(items) == 1 and isinstance(items[0], QuotedItem) and not _is_number(items[0])


def _is_number(item: str) -> bool:
    return NUMBER.fullmatch(item.strip()) is not None


def _items(value: Any) -> Items:
    """Return the items of a JSON value; nested values may be too deep to print."""
    return [_item(item) for item in (value if type(value) is list else [value])]


def _item(value: Any) -> str:
    if isinstance(value, Number):
        return value
    if isinstance(value, str):
        return QuotedItem(value)
    return "a nested value" if isinstance(value, list) else json.dumps(value)


def _loose_items(value: str) -> Items:
    """Return the texts between the commas of `[1, 2,]`; a bare `1` is a list of one."""
    inside = value[1:-1] if value.startswith("[") else value
    items = [_loose_item(item.strip()) for item in inside.split(",")]
    return items[:-1] if items[-1] == "" else items


def _loose_item(item: str) -> str:
    in_quotes = len(item) > 1 and QUOTES.get(item[0]) == item[-1]
    return QuotedItem(item[1:-1]) if in_quotes else Number(item)


def _line_items(value: str) -> Items:
    """Return the numbers of a line's value, such as `4/5` or `**4, 5, 5**`; [] if it has anything else."""
    items = [QuotedItem(item.strip(" \t*_")) for item in value.strip(" \t*_.").strip("[]").split(",")]
    return [*items] if all(map(_is_number, items)) else []


def _counts(answer: _Parts, field: LooseField) -> bool:
    """Return whether a field is outside quotes and its value is not an object. The fields of an object follow
    separately.
    """
    is_object = field.start == field.end and answer.text[field.start : field.start + 1] == "{"
    return not is_object and not answer.quoted.encloses_field(field)


def _check_end(answer: _Parts, field: LooseField) -> str:
    """Return the text of a loose field's value.

    In `{"reasoning": "it says "x", "score": [10]} is wrong` the score belongs to the text, which is cut off.

    Raises:
        AmbiguousReply: the value may be cut off, or may belong to a text.
    """
    text = answer.text
    value, after = text[field.start : field.end], text[field.end : field.end + 1]
    has_quotes = answer.quotes_from <= field.start
    last = text.rfind("}")
    words_follow = last >= field.end and re.compile(r"\w").search(text, last + 1)
    ends = _ENDS.match(text, field.end) or (not has_quotes and _LINE_ENDS.match(text, field.end))
    if has_quotes and (words_follow or answer.joined_from <= field.start or not ends):
        raise AmbiguousReply("a score field after a text with unescaped quotes may belong to that text")
    if not (value.endswith("]") if value.startswith("[") else after.isspace() or after in ("}", ",")):
        raise AmbiguousReply('a "score" field without its end')
    if not ends:
        raise AmbiguousReply("a score field that is followed by other words may belong to a text")
    return value
