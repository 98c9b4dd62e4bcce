"""Reads a judge's reply. A reply that cannot be read is `Unscorable` with its reason, never a made-up number."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

MAX_CHARACTERS = 100_000
_THOUGHT = re.compile(r"</think(?:ing)?>", re.IGNORECASE)
_THINKING = re.compile(r"<think(?:ing)?>", re.IGNORECASE)
_NUMBER = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?")
_QUOTES = "\"'\u201c"

# Each is matched where the last one ended, and gives nothing back: a reply is read in time linear in its length.
_PLACE = re.compile(r"[{}\[,\n]")
_BLANK = re.compile(r"(?:\s|//[^\n]*+)*+")
_KEY_IN_QUOTES = r"[\"'\u201c]([^\"'\u201c\u201d\n{}\[\],:]++)[\"'\u201d]\s*+:"
_QUOTED_KEY = re.compile(rf"{_KEY_IN_QUOTES}\s*+")
_BARE_KEY = re.compile(r"(\w++)\s*+:\s*+")
_SCORES = re.compile(r"\[[^\]]*+\]?|[^\s,}\[\]]*+")
_AFTER_TEXT = rf"\s*+(?:[}}\]`]|\Z|,\s*+(?:[}}\]]|//|\w++\s*+:|{_KEY_IN_QUOTES}))"
_TEXT_ENDS = {
    opening: re.compile(rf"\\.|{closing}(?={_AFTER_TEXT})", re.DOTALL)
    for opening, closing in zip(_QUOTES, "\"'\u201d", strict=True)
}
"""An escaped character, or the quote that ends a text: what follows is no more of it. Others are the text's own."""


@dataclass(frozen=True)
class Unscorable:
    """No score, and why."""

    reason: str


@dataclass(frozen=True)
class Field:
    """A key, in lower case, and where its value begins and ends; of a list or an object the beginning alone."""

    key: str
    start: int
    end: int


def parse_reply(text: str, num_scores: int) -> list[float] | Unscorable:
    """The scores in a reply such as `{"score": [8, 9.5], "reasoning": "..."}`, or why there are none.

    Read: JSON in code fences, after thinking (`</think>`, `</thinking>`), within prose, in single or typographic
    quotes, with bare keys, without braces, with trailing commas, after a comment (`//`), with a reasoning that is cut
    off or has unescaped quotes; a bare number in place of a list of one.
    Refused: a wrong count; a number outside [0, 10]; anything that is not a plain decimal number, so `true`, `null`,
    `NaN`, `Infinity`, `1e1` and strings such as `"8"` or `"8/10"`; two score fields that differ; a score that stands in
    a text. Nothing is rounded, clipped or guessed. Never raises, whatever the text.

    Args:
        num_scores: how many scores the rubric asks for, at least 1.
    """
    if len(text) > MAX_CHARACTERS:
        return Unscorable(f"the reply has {len(text)} characters; {MAX_CHARACTERS} are allowed")
    answer = _answer(text)
    if _THINKING.search(answer):
        return Unscorable("the reply ends while thinking")
    found = [field for field in fields_of(answer) if field.key == "score"]
    if not found:
        return Unscorable(f'no "score" field in {_excerpt(answer)}')
    if not all(_is_whole(field, answer) for field in found):
        return Unscorable(f'a "score" field without its end in {_excerpt(answer)}')
    fields = [_items(answer[field.start : field.end]) for field in found]
    if any(items != fields[0] for items in fields):
        return Unscorable("two score fields that differ")
    return _checked(fields[0], num_scores)


def parse_reasoning(text: str) -> str:
    """The reasoning in a reply, '' where there is none; read leniently, since no number hangs on it.

    Half a surrogate pair, which JSON can escape and no file can hold, becomes '?'.
    """
    answer = _answer(text[:MAX_CHARACTERS])
    values = (answer[field.start : field.end] for field in fields_of(answer) if field.key == "reasoning")
    value = next((value for value in values if value[:1] in _QUOTES), "").strip()
    try:
        return str(json.loads(value, strict=False)).encode(errors="replace").decode()
    except ValueError:
        return value.strip("\"'\u201c\u201d,} \n")


def _answer(text: str) -> str:
    """What follows the thinking."""
    return _THOUGHT.split(text)[-1]


def fields_of(answer: str) -> Iterator[Field]:
    """Keys with their values, in order, none within another's; none in a text, and no bare key outside braces."""
    at, depth, opening = 0, 0, "\n"
    while True:
        at = _end(_BLANK, answer, at)
        key = _QUOTED_KEY.match(answer, at) or (_BARE_KEY.match(answer, at) if depth else None)
        if key and opening in "{,\n":
            at = _value_end(key[1].lower(), answer, key.end())
            yield Field(key[1].lower(), key.end(), at)
        elif depth and answer[at : at + 1] and answer[at] in _QUOTES:
            at = _text_end(answer, at)
        place = _PLACE.search(answer, at)
        if not place:
            return
        at, opening = place.end(), place[0]
        depth = max(0, depth + {"{": 1, "}": -1}.get(opening, 0))


def _value_end(key: str, answer: str, start: int) -> int:
    """Of a text or of scores; of another value, within which further keys may stand, where it starts."""
    if key == "score":
        return _end(_SCORES, answer, start)
    return _text_end(answer, start) if answer[start : start + 1] and answer[start] in _QUOTES else start


def _text_end(answer: str, start: int) -> int:
    """Behind the quote that ends the text which one at `start` begins; the answer's end where it is cut off."""
    ends = (found.end() for found in _TEXT_ENDS[answer[start]].finditer(answer, start + 1) if found[0][0] != "\\")
    return next(ends, len(answer))


def _is_whole(field: Field, answer: str) -> bool:
    """Whether a list is closed, and a number that stands alone not perhaps cut off."""
    value, after = answer[field.start : field.end], answer[field.end : field.end + 1]
    return value.endswith("]") if value.startswith("[") else after.isspace() or after in ("}", ",")


def _end(pattern: re.Pattern[str], answer: str, at: int) -> int:
    found = pattern.match(answer, at)
    assert found  # these patterns match the empty text too
    return found.end()


def _items(value: str) -> list[str]:
    """The texts between the commas of `[1, 2,]`; a bare `1` is a list of one."""
    inside = value[1:-1] if value.startswith("[") else value
    items = [item.strip() for item in inside.split(",")]
    return items[:-1] if items[-1] == "" else items


def _checked(items: list[str], num_scores: int) -> list[float] | Unscorable:
    if len(items) != num_scores:
        return Unscorable(f"{len(items)} scores where {num_scores} were asked for")
    scores = []
    for item in items:
        if not _NUMBER.fullmatch(item):
            return Unscorable(f"{_excerpt(item)} is not a number")
        if not 0 <= float(item) <= 10:
            return Unscorable(f"{_excerpt(item)} is outside 0 to 10")
        scores.append(abs(float(item)))
    return scores


def _excerpt(text: str) -> str:
    """The beginning of a text, on one line, as ASCII."""
    start = " ".join(text[:200].split())
    return ascii(start if len(start) <= 60 else start[:57] + "...")
