"""Reads a judge's reply. A reply that cannot be read is `Unscorable` with its reason, never a made-up number."""

import json
import re
from dataclasses import dataclass

MAX_CHARACTERS = 100_000
_SCORE_FIELD = re.compile(
    r"[{,]\s*[\"'\u201c]score[\"'\u201d]\s*:\s*(\[[^\]]*\]|[^\s,}\[\]]+(?=[\s,}]))", re.IGNORECASE
)
_REASONING_FIELD = re.compile(r"[{,]\s*[\"'\u201c]reasoning[\"'\u201d]\s*:\s*(.*)", re.IGNORECASE | re.DOTALL)
_NUMBER = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?")


@dataclass(frozen=True)
class Unscorable:
    """No score, and why."""

    reason: str


def parse_reply(text: str, num_scores: int) -> list[float] | Unscorable:
    """The scores in a reply such as `{"score": [8, 9.5], "reasoning": "..."}`, or why there are none.

    Read: JSON in code fences, after thinking (`</think>`), within prose, in single or typographic quotes, with trailing
    commas, with a reasoning that is cut off or has unescaped quotes; a bare number in place of a list of one.
    Refused: a wrong count; a number outside [0, 10]; anything that is not a plain decimal number, so `true`, `null`,
    `NaN`, `Infinity`, `1e1` and strings such as `"8"` or `"8/10"`; two score fields that differ. Nothing is rounded,
    clipped or guessed. Never raises, whatever the text.

    Args:
        num_scores: how many scores the rubric asks for, at least 1.
    """
    if len(text) > MAX_CHARACTERS:
        return Unscorable(f"the reply has {len(text)} characters; {MAX_CHARACTERS} are allowed")
    answer = text.rpartition("</think>")[2]
    if "<think>" in answer:
        return Unscorable("the reply ends while thinking")
    fields = [_items(value) for value in _SCORE_FIELD.findall(answer)]
    if not fields:
        return Unscorable(f'no "score" field in {_excerpt(answer)}')
    if any(items != fields[0] for items in fields):
        return Unscorable("two score fields that differ")
    return _checked(fields[0], num_scores)


def parse_reasoning(text: str) -> str:
    """The reasoning in a reply, '' where there is none; read leniently, since no number hangs on it.

    Half a surrogate pair, which JSON can escape and no file can hold, becomes '?'.
    """
    found = _REASONING_FIELD.search(text.rpartition("</think>")[2][:MAX_CHARACTERS])
    if not found:
        return ""
    value = found[1].strip().removesuffix("```").strip().removesuffix("}").strip()
    try:
        return str(json.loads(value)).encode(errors="replace").decode()
    except (ValueError, RecursionError):
        return value.strip("\"'\u201c\u201d,} \n")


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
