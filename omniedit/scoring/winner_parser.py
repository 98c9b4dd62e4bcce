"""Parser of a pairwise judge's replies, such as `{"winner": "A", "reasoning": "..."}`."""

import re
from enum import StrEnum

from omniedit.scoring.reply_parser import MAX_CHARACTERS, Unscorable, excerpt
from omniedit.vlm.loose_json import QUOTES, JsonSpan, LooseField, has_loose_quotes, scan
from omniedit.vlm.quotes import check_texts, find_quoted_range
from omniedit.vlm.thinking import UnclearReply, find_answers

FIELD = "winner"
MAX_VALUES = 100
_KEY = re.compile(FIELD, re.IGNORECASE)
_WORD = re.compile(r"\w")
_BARE_VALUE = re.compile(r"\w+")
_ENDS = re.compile(r"\s*(?:[}\]`]|\Z|,\s*(?:[}\]]|\Z|//|[\"'\u201c]?\w+[\"'\u201d]?\s*:))")


class Winner(StrEnum):
    A = "A"
    B = "B"
    TIE = "tie"
    BOTH_BAD = "both_bad"


_WINNERS = {winner.lower(): winner for winner in Winner}


class _AmbiguousReply(Exception):
    """Reply whose winner may belong to a text or is cut off; the message gives the reason."""


def parse_winner(text: str) -> Winner | Unscorable:
    """Return the winner of a reply, or the reason for a rejection.

    Accepted: JSON in code fences, after thinking, or within prose, and almost valid JSON, as by
    `omniedit.scoring.reply_parser.parse_reply`; letters in either case, `both bad` for `both_bad`.
    Rejected: any other value, two winners that differ, a winner within quotes, and a winner after a text with unescaped
    quotes, to which it may belong. Never raises.
    """
    if len(text) > MAX_CHARACTERS:
        return Unscorable(f"the reply has {len(text)} characters; {MAX_CHARACTERS} are allowed")
    try:
        *others, answer = (_find_values(part) for part in find_answers(text))
    except (UnclearReply, _AmbiguousReply) as problem:
        return Unscorable(str(problem))
    if not answer:
        return Unscorable(f'no "{FIELD}" field in {excerpt(text)}')
    values = [value for part in (*others, answer) for value in part]
    winners = [_WINNERS.get(re.sub(r"[\s-]+", "_", value.strip().lower())) for value in values]
    if None in winners:
        return Unscorable(f"{excerpt(values[winners.index(None)])} is none of {', '.join(Winner)}")
    return winners[0] if len(set(winners)) == 1 and winners[0] else Unscorable(f"two different {FIELD}s")


def _find_values(answer: str) -> list[str]:
    """Return the value of each winner field outside quotes.

    Raises:
        _AmbiguousReply: a field may belong to a text, a field is cut off, or there are too many fields.
    """
    pieces, quoted = list(scan(answer)), find_quoted_range(answer)
    if any(isinstance(piece, LooseField) and piece.key == FIELD for piece in pieces):
        check_texts(answer, pieces, (FIELD,))
    values: list[str] = []
    has_quotes = False
    for piece in pieces:
        if isinstance(piece, JsonSpan):
            texts = [value if type(value) is str else "another value" for value in piece.values(FIELD)]
            values += texts if texts and not quoted.encloses_field(piece) else []
        elif piece.key == FIELD:
            values += [] if quoted.encloses_field(piece) else [_read_loose(answer, piece, has_quotes)]
        if isinstance(piece, LooseField):
            has_quotes = has_quotes or has_loose_quotes(answer[piece.start : piece.end])
        if len(values) > MAX_VALUES:
            raise _AmbiguousReply(f"the reply has more than {MAX_VALUES} {FIELD}s")
    return values


def _read_loose(answer: str, field: LooseField, has_quotes: bool) -> str:
    """Return the value of a field of almost valid JSON.

    Args:
        has_quotes: whether a text before the field has unescaped quotes.

    Raises:
        _AmbiguousReply: as in `_find_values`.
    """
    if has_quotes:
        raise _AmbiguousReply(f"a {FIELD} field after a text with unescaped quotes may belong to that text")
    key = max((match.start() for match in _KEY.finditer(answer, 0, field.start)), default=0)
    is_inside = answer.rfind("{", 0, key) > answer.rfind("}", 0, key)
    end, value = _read_value(answer, field)
    if not is_inside and _WORD.search(answer[:key].rpartition("\n")[2]):
        raise _AmbiguousReply(f"a {FIELD} field within a sentence")
    if not _ENDS.match(answer, end):
        raise _AmbiguousReply(f"a {FIELD} field that is followed by other words may belong to a text")
    return value


def _read_value(answer: str, field: LooseField) -> tuple[int, str]:
    """Return the end of a value and its text, in quotes or one bare word.

    Raises:
        _AmbiguousReply: the value is cut off or is not a text.
    """
    value = answer[field.start : field.end]
    if not value:
        word = _BARE_VALUE.match(answer, field.start)
        if not word:
            raise _AmbiguousReply(f"a {FIELD} field without a text")
        return word.end(), word[0]
    if len(value) < 2 or value[-1] != QUOTES.get(value[0]):
        raise _AmbiguousReply(f"a {FIELD} field without its end")
    return field.end, value[1:-1]
