"""Parser of a judge's replies. A reply that cannot be read is `Unscorable` with a reason, never a made-up number."""

import json
import re
from dataclasses import dataclass

from omniedit.plain_text import clean, clean_line
from omniedit.scoring.reply_fields import NUMBER, AmbiguousReply, Items, QuotedItem, find_line, find_scores
from omniedit.scoring.reply_form import ReplyForm, Scale, plain_form
from omniedit.vlm.loose_json import QUOTES, JsonSpan, LooseField, Number, scan
from omniedit.vlm.quotes import QUOTE
from omniedit.vlm.thinking import UnclearReply, find_answers

MAX_CHARACTERS = 100_000
MAX_REASONING_LENGTH = 4000


@dataclass(frozen=True)
class Unscorable:
    """Verdict without a score, with the reason."""

    reason: str


def parse_reply(text: str, num_scores: int) -> list[float] | Unscorable:
    """Return the scores of a reply such as `{"score": [8, 9.5], "reasoning": "..."}`, each in [0, 10].

    docs/rubrics.md lists accepted and rejected replies. Nothing is rounded, clipped or guessed.
    Never raises.

    Args:
        num_scores: number of scores that the rubric asks for, at least 1.
    """
    return parse_scores(text, plain_form(num_scores))


def parse_scores(text: str, form: ReplyForm) -> list[float] | Unscorable:
    """Return the scores of a reply in the scales of its form, or the reason for a rejection; never raises."""
    if len(text) > MAX_CHARACTERS:
        return Unscorable(f"the reply has {len(text)} characters; {MAX_CHARACTERS} are allowed")
    try:
        *others, answer = (find_scores(part, form) for part in find_answers(text))
    except UnclearReply as problem:
        return Unscorable(str(problem))
    except AmbiguousReply as problem:
        return Unscorable(f"{problem} in {excerpt(text)}")
    if not answer:
        return Unscorable(f"no {_describe(form, text)} in {excerpt(text)}")
    if any(items != answer[0] for part in (*others, answer) for items in part):
        return Unscorable("two different score fields")
    return _check(answer[0], form)


def parse_texts(text: str, form: ReplyForm) -> dict[str, str]:
    """Return the texts of a reply by the names in its form; a missing text is ''.

    Parsing is lenient, because no number depends on it. Texts have no control characters. Half of a surrogate pair,
    which JSON can escape but no file can hold, becomes '?'.
    """
    names = (form.reasoning, *form.texts)
    try:
        answer = find_answers(text[:MAX_CHARACTERS])[-1]
    except UnclearReply:
        return dict.fromkeys(names, "")
    pieces = list(scan(answer))
    texts = {name: _json_text(answer, pieces, name.lower()) for name in names}
    if form.lines:
        texts = {name: value or _line_text(answer, name) for name, value in texts.items()}
        texts[form.reasoning] = texts[form.reasoning] or _text_before_scores(answer, form)
    return {name: clean(value)[:MAX_REASONING_LENGTH] for name, value in texts.items()}


def parse_reasoning(text: str) -> str:
    """Return the reasoning of a reply, '' if it is missing, as `parse_texts` does."""
    return parse_texts(text, plain_form(1))["reasoning"]


def _json_text(answer: str, pieces: list[JsonSpan | LooseField], key: str) -> str:
    """Return the last text with a key; an echo of the requested format comes before the answer."""
    result = ""
    for piece in pieces:
        if isinstance(piece, JsonSpan):
            values = [value for value in piece.values(key) if isinstance(value, str) and not isinstance(value, Number)]
            result = values[0] if values else result
        elif piece.key == key:
            result = _loose_text(answer[piece.start : piece.end]) or result
    return result


def _loose_text(value: str) -> str:
    """Return the text of a quoted value, which may be invalid or incomplete; '' if it is not quoted."""
    if value[:1] not in QUOTES:
        return ""
    try:
        return str(json.loads(value.strip(), strict=False))
    except ValueError:
        return value.strip().strip("\"'\u201c\u201d,} \n")


def _line_text(answer: str, key: str) -> str:
    return next((line["value"].strip(" \t*_") for line in find_line(answer, key)), "")


def _text_before_scores(answer: str, form: ReplyForm) -> str:
    keys = (form.field, *form.keys)
    starts = [line.start() for key in keys for line in find_line(answer, key)]
    return answer[: min(starts, default=0)].strip()


def _check(items: Items, form: ReplyForm) -> list[float] | Unscorable:
    if len(items) != form.num_scores:
        return Unscorable(f"the number of scores is {len(items)} instead of {form.num_scores}")
    scores = []
    for item, scale in zip(items, form.scales, strict=True):
        score = _to_number(item, scale)
        if score is None:
            shown = f'"{item[:60]}"' if isinstance(item, QuotedItem) and not form.lines else item
            return Unscorable(f"{excerpt(shown)} is not a number")
        if not scale.allows(score):
            return Unscorable(f"{excerpt(item)} is outside {scale.name}")
        scores.append(score + 0.0)
    return scores


def _to_number(item: str, scale: Scale) -> float | None:
    """Return the number in an item. A denominator must equal the top of the scale."""
    match = NUMBER.fullmatch(item.strip()) if isinstance(item, Number | QuotedItem) else None
    if not match or (match[2] and not (isinstance(item, QuotedItem) and float(match[2]) == scale.high)):
        return None
    return float(match[1])


def _describe(form: ReplyForm, text: str) -> str:
    """Return the field or line that a reply lacks."""
    line = form.keys[0] if form.keys and form.field == "score" else form.field
    if form.lines:
        return f'line "{line}: ..." with numbers alone'
    quoted = re.compile(rf"(?<![\w ]){re.escape(form.field)}[\"'\u201d]?\s*:", re.IGNORECASE)
    is_quoted = QUOTE.search(text) and quoted.search(text)
    return f'"{form.field}" field{" outside quotation marks" if is_quoted else ""}'


def excerpt(text: str) -> str:
    """Return the beginning of a text as one line of ASCII."""
    return ascii(clean_line(text[:200], 60))
