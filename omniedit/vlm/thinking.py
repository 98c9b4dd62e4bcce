"""Separate a model's answer from its thinking.

Thinking is a prefix of the reply. Its marks count only outside quoted text, so that a model may quote one:

    <think>..</think>, <thought>, <reasoning>, <analysis>    DeepSeek-R1, Qwen3, GLM, InternVL, Gemini and similar
    ..</think>                                               the same, if the chat template wrote the opening mark
    <|channel|>analysis<|message|>..<|channel|>final         gpt-oss (harmony), also without its special tokens
    <|begin_of_thought|>, <|START_THINKING|>, [THINK], ...    OpenThinker, Command A, Magistral, Kimi-VL, (Med)Gemma

Special tokens that end a reply (<|im_end|>, </s>) are ignored.

Thinking that an endpoint returns separately (`reasoning_content`, `reasoning`) does not reach this module.
"""

import re
from collections.abc import Iterator

from omniedit.vlm.loose_json import QUOTES, SCORE_KEYS, JsonSpan, LooseField, scan

_NAME = (
    r"\s?(?:\w{1,20}:)?(?:(?:inner_|ant)?(?:think(?:ing)?(?:_process)?|thoughts?)|reason(?:ing)?|reflection|analysis"
    r"|rationale|scratchpad|cot|chain_of_thought|monologue|planning)\s?"
)
_OPENING = (
    rf"(?i:<{_NAME}>|\[THINK\]|\u25c1think\u25b7|<\|begin_of_thought\|>|<\|START_THINKING\|>|<\|channel>thought|<unused94>)"
    r"|<\|channel\|>\s*(?:analysis|commentary)\b|\Aanalysis(?=[A-Z])"
)
_CLOSING = (
    rf"(?i:</{_NAME}>|\[/THINK\]|\u25c1/think\u25b7|<\|end_of_thought\|>|<\|END_THINKING\|>|<channel\|>|<unused95>)"
    r"|<\|channel\|>\s*final\b[^\n{}]{0,40}?<\|message\|>|assistantfinal"
)
_MARK = re.compile(rf"(?P<opening>{_OPENING})|(?P<closing>{_CLOSING})")
_FENCE = re.compile(r"\s*(?:```\w*\s*)?")
_WORD = re.compile(r"\w")
_SENTENCE_END = re.compile(r"\n(?!\s*[,;])")
_END_TOKEN = re.compile(r"\s*(?:<\|[\w\uff5c\u2581]{1,40}\|>|<\uff5c[^<>\n]{1,40}\uff5c>|</s>|<eos>|<end_of_turn>)\Z")
_LINE = 2000
"""Number of characters before and after a mark, on its line, that are searched for quotes."""
_SINGLE_QUOTES = re.compile(r"(?P<opening>(?<![^\s(\[{:])'(?=[^\s',]))|(?P<closing>(?<=[^\s'])'(?![\w']))")

MAX_MARKS = 100
"""Maximum number of marks, quoted ones included, because each is examined individually."""
CUT_OFF = "the reply ends while thinking"
UNCLEAR = "it is unclear where the thinking ends and the answer begins"


class UnclearReply(Exception):
    """Reply without an answer, or with one that cannot be separated from the thinking; the message gives the reason."""


def find_answers(reply: str) -> list[str]:
    """Return the parts of a reply that may be its answer, at least one; readers require them to agree.

    Several parts occur only if marks stand outside quoted text after the end of the thinking.

    Raises:
        UnclearReply: the reply ends while thinking, or the text after a mark is a quotation rather than an answer.
    """
    while end := _END_TOKEN.search(reply, len(reply) - 100 if len(reply) > 100 else 0):
        reply = reply[: end.start()]
    if _is_object(reply):
        return [reply]
    if (marks := sum(1 for _ in _MARK.finditer(reply))) > MAX_MARKS:
        raise UnclearReply(f"the reply has {marks} marks of thinking; at most {MAX_MARKS} are allowed")
    answers: list[str] = []
    offset, thinking_ended = 0, False
    while mark := _next_mark(reply, offset):
        before = reply[offset : mark.start()]
        if thinking_ended or _starts_with_object(before):
            answers.append(before)
        elif mark["closing"]:
            _check_end(reply, before, mark)
        closing = mark if mark["closing"] else _end_of_thinking(reply, mark.end())
        if closing is not None and (thinking_ended or closing is not mark):
            _check_quotation(reply, closing)
        if closing is None:
            if not thinking_ended and any(map(_starts_with_object, answers)):
                return answers
            raise UnclearReply(CUT_OFF)
        offset, thinking_ended = closing.end(), True
    rest = reply[offset:]
    if thinking_ended and (_continues(rest) or (answers and _WORD.search(rest) and not _has_scores(rest))):
        raise UnclearReply(CUT_OFF)
    return [*answers, rest, *(_objects_after_quoted_marks(reply, offset) if thinking_ended else ())]


def _continues(text: str) -> bool:
    """Return whether a sentence continues after the last object of a text, as around a quoted answer."""
    return re.match(r"\s*[,;]\s*\w", text[text.rfind("}") + 1 :]) is not None and "}" in text


def _objects_after_quoted_marks(reply: str, offset: int) -> list[str]:
    """Return the texts after quoted closing marks that follow the thinking, if they are one valid object each.

    An unclosed quotation mark can make the end of the thinking look quoted. A mark quoted in the thinking can then look
    like its end.
    """
    closing = (mark for mark in _MARK.finditer(reply, offset) if mark["closing"])
    return [after for mark in closing if _is_object(after := reply[mark.end() :])]


def has_thinking(reply: str) -> bool:
    """Return whether a mark of thinking occurs outside quoted text."""
    return _next_mark(reply, 0) is not None


def ends_with_object(text: str) -> bool:
    """Return whether only punctuation follows the last object or field of a text."""
    return not _WORD.search(text, max((piece.end for piece in scan(text)), default=0))


def _next_mark(reply: str, offset: int) -> re.Match[str] | None:
    """Find the next mark outside quotes in an answer that starts at `offset`."""
    texts = _texts(reply, offset)
    start, end = next(texts, (len(reply), len(reply)))
    for mark in _MARK.finditer(reply, offset):
        while end <= mark.start() and end < len(reply):
            start, end = next(texts, (len(reply), len(reply)))
        if mark.start() < start and not is_quoted(reply, *mark.span()):
            return mark
    return None


def _texts(reply: str, offset: int) -> Iterator[tuple[int, int]]:
    """Yield the positions of valid objects and loose texts; marks inside them are quoted."""
    for piece in scan(reply[offset:]):
        if isinstance(piece, JsonSpan) or reply[offset + piece.start : offset + piece.start + 1] in tuple(QUOTES):
            yield offset + piece.start, offset + piece.end


def _end_of_thinking(reply: str, offset: int) -> re.Match[str] | None:
    """Find the mark that closes thinking: the first outside quotes, else the first that only an object follows."""
    closing = [mark for mark in _MARK.finditer(reply, offset) if mark["closing"]]
    unquoted = (mark for mark in closing if not is_quoted(reply, *mark.span()))
    return next(unquoted, None) or next((mark for mark in closing if _is_object(reply[mark.end() :])), None)


def _check_end(reply: str, before: str, mark: re.Match[str]) -> None:
    """Check a closing mark without an opening one.

    Raises:
        UnclearReply: the mark stands within a sentence, as in a quotation.
    """
    line_before, line_after = _line(reply, mark)
    if not _WORD.search(line_before) or not line_after.strip():
        return
    if (_has_scores(before) and not ends_with_object(before)) or not ends_with_object(line_after):
        raise UnclearReply(UNCLEAR)


def _check_quotation(reply: str, mark: re.Match[str]) -> None:
    """Check a closing mark with an opening one.

    Raises:
        UnclearReply: the sentence continues after the object that follows the mark, as in a quoted instruction.
    """
    line_before, line_after = _line(reply, mark)
    if ends_with_object(line_after) or not _has_scores(line_after):
        return
    is_valid = any(isinstance(piece, JsonSpan) for piece in scan(line_after))
    if not is_valid or re.search(r"[\w,]\s*\Z", line_before):
        raise UnclearReply(CUT_OFF)


def _line(reply: str, mark: re.Match[str]) -> tuple[str, str]:
    """Return the text before and after a mark on its line, and on the next one if that begins within the sentence."""
    return reply[: mark.start()].rpartition("\n")[2], _SENTENCE_END.split(reply[mark.end() :], 1)[0]


def _has_scores(text: str) -> bool:
    """Return whether an object or a score occurs outside quotes."""
    scores = (piece for piece in scan(text) if isinstance(piece, JsonSpan) or piece.key in SCORE_KEYS)
    return any(not is_quoted(text, piece.start, piece.end) for piece in scores)


def _starts_with_object(text: str) -> bool:
    match = _FENCE.match(text)
    start = match.end() if match else 0
    first = next(scan(text), None) if text[start : start + 1] == "{" else None
    return first is not None and (isinstance(first, LooseField) or first.start == start)


def _is_object(text: str) -> bool:
    """Return whether a text is one valid object, with or without a code fence."""
    first = next(scan(text), None) if _starts_with_object(text) else None
    return isinstance(first, JsonSpan) and not text[first.end :].strip().strip("`")


def is_quoted(text: str, start: int, end: int) -> bool:
    """Return whether quotes on the same line enclose a position."""
    before = text[max(0, start - _LINE) : start].rpartition("\n")[2].replace("```", "")
    after = text[end : end + _LINE].partition("\n")[0].replace("```", "")
    if before.rfind("\u201c") > before.rfind("\u201d") and "\u201d" in after:
        return True
    if any(before.replace(f"\\{quote}", "").count(quote) % 2 and quote in after for quote in '"`'):
        return True
    singles = list(_SINGLE_QUOTES.finditer(before))
    closes = any(match["closing"] for match in _SINGLE_QUOTES.finditer(after))
    return bool(singles) and singles[-1]["opening"] is not None and closes
