"""Parser of a judge's replies. A reply that cannot be read is `Unscorable` with a reason, never a made-up number."""

import json
import re
from dataclasses import dataclass
from typing import Any

from omniedit.plain_text import clean
from omniedit.vlm.loose_json import QUOTES, LooseField, Number, WholeObject, scan
from omniedit.vlm.thinking import Unclear, find_answers

MAX_CHARACTERS = 100_000
LONGEST_REASONING = 4000
_NUMBER = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?")


@dataclass(frozen=True)
class Unscorable:
    """Verdict without a score, with the reason."""

    reason: str


def parse_reply(text: str, num_scores: int) -> list[float] | Unscorable:
    """Return the scores of a reply such as `{"score": [8, 9.5], "reasoning": "..."}`, or the reason for a rejection.

    Accepted: JSON in code fences, after thinking (`omniedit.vlm.thinking`), or within prose; JSON that is invalid
    because of single or typographic quotes, bare keys, missing braces, trailing commas, comments (`//`), or a reasoning
    that is cut off or has unescaped quotes; a bare number in place of a list of one.
    Rejected: a wrong number of scores; a number outside [0, 10]; anything but a plain decimal number, so `true`,
    `null`, `NaN`, `Infinity`, `1e1` and strings such as `"8"` or `"8/10"`; two score fields that differ; a score within
    a text.
    Nothing is rounded, clipped or guessed. Never raises, whatever the text.

    Args:
        num_scores: number of scores that the rubric asks for, at least 1.
    """
    if len(text) > MAX_CHARACTERS:
        return Unscorable(f"the reply has {len(text)} characters; {MAX_CHARACTERS} are allowed")
    try:
        found = [items for answer in find_answers(text) for items in _score_fields(answer)]
    except Unclear as problem:
        return Unscorable(str(problem))
    if not found:
        return Unscorable(f'no "score" field in {_excerpt(text)}')
    fields = [items for items in found if not isinstance(items, Unscorable)]
    if len(fields) < len(found):
        return next(items for items in found if isinstance(items, Unscorable))
    if any(items != fields[0] for items in fields):
        return Unscorable("two score fields that differ")
    return _check(fields[0], num_scores)


def parse_reasoning(text: str) -> str:
    """Return the reasoning of a reply, '' if it is missing; parsing is lenient, because no number depends on it.

    It has no control characters. Half of a surrogate pair, which JSON can escape but no file can hold, becomes '?'.
    """
    try:
        answer = find_answers(text[:MAX_CHARACTERS])[-1]
    except Unclear:
        return ""
    for piece in scan(answer):
        if isinstance(piece, WholeObject):
            value = next((value for value in piece.values("reasoning") if isinstance(value, str)), None)
        else:
            value = _loose_text(answer[piece.start : piece.end]) if piece.key == "reasoning" else None
        if value is not None:
            return clean(value)[:LONGEST_REASONING]
    return ""


def _loose_text(value: str) -> str | None:
    """Return the text of a quoted value, which may be invalid or incomplete; None if it is not quoted."""
    if value[:1] not in tuple(QUOTES):
        return None
    try:
        return str(json.loads(value.strip(), strict=False))
    except ValueError:
        return value.strip().strip("\"'\u201c\u201d,} \n")


def _score_fields(answer: str) -> list[list[str] | Unscorable]:
    """Return each score field's items, `Number` or other text; `Unscorable` for a field not to be trusted."""
    found: list[list[str] | Unscorable] = []
    pieces = list(scan(answer))
    for piece in pieces:
        if isinstance(piece, WholeObject):
            fields = (value if type(value) is list else [value] for value in piece.values("score"))
            found += ([_item(item) for item in items] for items in fields)
        elif piece.key == "score" and _follows_unescaped_quotes(answer, pieces, piece):
            found.append(Unscorable("a score field after a text with unescaped quotes may belong to that text"))
        elif piece.key == "score":
            whole = _is_whole(piece, answer)
            reason = f'a "score" field without its end in {_excerpt(answer)}'
            found.append(_items(answer[piece.start : piece.end]) if whole else Unscorable(reason))
    return found


def _item(value: Any) -> str:
    """Return a number unchanged, and anything else as a text for the reason; nested values may be too deep to print."""
    if isinstance(value, Number):
        return value
    if isinstance(value, str):
        return f'"{value[:60]}"'
    return "a nested value" if isinstance(value, list) else str(value)


def _follows_unescaped_quotes(answer: str, pieces: list[WholeObject | LooseField], score: LooseField) -> bool:
    """Return whether a text before the score has unescaped quotes and words follow the last brace.

    In `{"reasoning": "it says "x", "score": [10]} is wrong` the score belongs to the text, which is cut off.
    """
    if not re.search(r"\w", answer[answer.rfind("}") + 1 :]) or "}" not in answer[score.end :]:
        return False
    texts = (answer[piece.start : piece.end] for piece in pieces if piece.end <= score.start)
    return any(text[:1] in tuple(QUOTES) and re.search(rf"(?<!\\){text[0]}", text[1:-1]) for text in texts)


def _is_whole(field: LooseField, answer: str) -> bool:
    """Return whether a list is closed, or a bare number is followed by a space, a brace or a comma, so not cut off."""
    value, after = answer[field.start : field.end], answer[field.end : field.end + 1]
    return value.endswith("]") if value.startswith("[") else after.isspace() or after in ("}", ",")


def _items(value: str) -> list[str]:
    """Return the texts between the commas of `[1, 2,]`; a bare `1` is a list of one."""
    inside = value[1:-1] if value.startswith("[") else value
    items = [Number(item.strip()) for item in inside.split(",")]
    return list(items[:-1] if items[-1] == "" else items)


def _check(items: list[str], num_scores: int) -> list[float] | Unscorable:
    if len(items) != num_scores:
        return Unscorable(f"the reply has {len(items)} scores instead of {num_scores}")
    scores = []
    for item in items:
        if not (isinstance(item, Number) and _NUMBER.fullmatch(item)):
            return Unscorable(f"{_excerpt(item)} is not a number")
        if not 0 <= float(item) <= 10:
            return Unscorable(f"{_excerpt(item)} is outside 0 to 10")
        scores.append(abs(float(item)))
    return scores


def _excerpt(text: str) -> str:
    """Return the beginning of a text as one line of ASCII."""
    start = " ".join(text[:200].split())
    return ascii(start if len(start) <= 60 else start[:57] + "...")
