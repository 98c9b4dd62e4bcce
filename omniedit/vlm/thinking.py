"""Separate a model's answer from its thinking.

Thinking is a prefix of the reply. Its marks count only outside quoted text, so that a model may quote one:

    <think>..</think>, <thinking>, <thought>, <reasoning>    DeepSeek-R1, Qwen3, GLM, InternVL, Gemini and their like
    ..</think>                                               the same, where the chat template wrote the opening mark
    <|channel|>analysis<|message|>..<|channel|>final         gpt-oss (harmony), also without its special tokens
    <|begin_of_thought|>, <|START_THINKING|>, [THINK], ...    OpenThinker, Command A, Magistral, Kimi-VL, Gemma

Thinking that an endpoint returns apart from the content (`reasoning_content`, `reasoning`) never comes here.
"""

import re
from collections.abc import Iterator

from omniedit.vlm.loose_json import QUOTES, LooseField, WholeObject, scan

_NAME = r"(?:\w{1,20}:)?(?:think(?:ing)?|thoughts?|reason(?:ing)?|reflection)"
_OPENING = (
    rf"(?i:<{_NAME}>|\[THINK\]|\u25c1think\u25b7|<\|begin_of_thought\|>|<\|START_THINKING\|>|<\|channel>thought)"
    r"|<\|channel\|>\s*(?:analysis|commentary)\b|\Aanalysis(?=[A-Z])"
)
_CLOSING = (
    rf"(?i:</{_NAME}>|\[/THINK\]|\u25c1/think\u25b7|<\|end_of_thought\|>|<\|END_THINKING\|>|<channel\|>)"
    r"|<\|channel\|>\s*final\b[^\n{}]{0,40}?<\|message\|>|assistantfinal"
)
_MARK = re.compile(rf"(?P<opening>{_OPENING})|(?P<closing>{_CLOSING})")
_FENCE = re.compile(r"\s*(?:```\w*\s*)?")
_WORD = re.compile(r"\w")
_LINE = 2000
"""Characters of a line before and after a mark in which its quotes are looked for."""
_SINGLE_QUOTES = re.compile(r"(?P<opening>(?<![^\s(\[{:])'(?=[^\s',]))|(?P<closing>(?<=[^\s'])'(?![\w']))")

MAX_MARKS = 100
"""Quoted ones included: they are looked at one by one."""
CUT_OFF = "the reply ends while thinking"
UNCLEAR = "it is unclear where the thinking ends and the answer begins"


class Unclear(Exception):
    """Reply without an answer, or with one that cannot be separated from the thinking; the text says why."""


def find_answers(reply: str) -> list[str]:
    """Return the parts of a reply that may be its answer, at least one; a reader demands that they agree.

    There are several only where marks stand outside quoted text after the thinking has ended.

    Raises:
        Unclear: the reply ends while thinking, or what follows a mark is a quotation rather than an answer.
    """
    if _is_object(reply):
        return [reply]
    if (marks := sum(1 for _ in _MARK.finditer(reply))) > MAX_MARKS:
        raise Unclear(f"the reply has {marks} marks of thinking; {MAX_MARKS} are allowed")
    answers: list[str] = []
    at, thought = 0, False
    while mark := _next_mark(reply, at):
        before = reply[at : mark.start()]
        if thought or _starts_with_object(before):
            answers.append(before)
        elif mark["closing"]:
            _check_end(reply, before, mark)
        closing = mark if mark["closing"] else _end_of_thinking(reply, mark.end())
        if closing is not None and closing is not mark:
            _check_quotation(reply, closing)
        if closing is None:
            if any(map(_starts_with_object, answers)):
                return answers
            raise Unclear(CUT_OFF)
        at, thought = closing.end(), True
    return [*answers, reply[at:]]


def has_thinking(reply: str) -> bool:
    """Return whether a mark of thinking stands outside quoted text."""
    return _next_mark(reply, 0) is not None


def ends_with_object(text: str) -> bool:
    """Return whether nothing but signs follow the last object or field of a text."""
    return not _WORD.search(text, max((piece.end for piece in scan(text)), default=0))


def _next_mark(reply: str, at: int) -> re.Match[str] | None:
    """Find the next mark outside quotes, of an answer that starts at `at`."""
    texts = _texts(reply, at)
    start, end = next(texts, (len(reply), len(reply)))
    for mark in _MARK.finditer(reply, at):
        while end <= mark.start() and end < len(reply):
            start, end = next(texts, (len(reply), len(reply)))
        if mark.start() < start and not _is_quoted(reply, *mark.span()):
            return mark
    return None


def _texts(reply: str, at: int) -> Iterator[tuple[int, int]]:
    """Yield the places of valid objects and of loose texts; the marks in them are quoted."""
    for piece in scan(reply[at:]):
        if isinstance(piece, WholeObject) or reply[at + piece.start : at + piece.start + 1] in tuple(QUOTES):
            yield at + piece.start, at + piece.end


def _end_of_thinking(reply: str, at: int) -> re.Match[str] | None:
    """Find the mark that closes thinking: the first outside quotes, else the first before nothing but an object."""
    closing = [mark for mark in _MARK.finditer(reply, at) if mark["closing"]]
    unquoted = (mark for mark in closing if not _is_quoted(reply, *mark.span()))
    return next(unquoted, None) or next((mark for mark in closing if _is_object(reply[mark.end() :])), None)


def _check_end(reply: str, before: str, mark: re.Match[str]) -> None:
    """Check a mark that closes thinking which no mark has opened.

    Raises:
        Unclear: it stands within a sentence, as a quotation does.
    """
    line_before, line_after = _line(reply, mark)
    if not _WORD.search(line_before) or not line_after.strip():
        return
    if (_has_scores(before) and not ends_with_object(before)) or not ends_with_object(line_after):
        raise Unclear(UNCLEAR)


def _check_quotation(reply: str, mark: re.Match[str]) -> None:
    """Check a mark that closes thinking which a mark has opened.

    Raises:
        Unclear: words of its sentence follow the object behind it, as where an instruction is quoted.
    """
    line_before, line_after = _line(reply, mark)
    if ends_with_object(line_after) or not _has_scores(line_after):
        return
    is_valid = any(isinstance(piece, WholeObject) for piece in scan(line_after))
    if not is_valid or re.search(r"[\w,]\s*\Z", line_before):
        raise Unclear(CUT_OFF)


def _line(reply: str, mark: re.Match[str]) -> tuple[str, str]:
    """Return what stands on a mark's line before it and after it."""
    return reply[: mark.start()].rpartition("\n")[2], reply[mark.end() :].partition("\n")[0]


def _has_scores(text: str) -> bool:
    """Return whether an object or a score stands outside quotes."""
    scores = (piece for piece in scan(text) if isinstance(piece, WholeObject) or piece.key == "score")
    return any(not _is_quoted(text, piece.start, piece.end) for piece in scores)


def _starts_with_object(text: str) -> bool:
    found = _FENCE.match(text)
    start = found.end() if found else 0
    first = next(scan(text), None) if text[start : start + 1] == "{" else None
    return first is not None and (isinstance(first, LooseField) or first.start == start)


def _is_object(text: str) -> bool:
    """Return whether a text is one valid object, in a code fence or not."""
    first = next(scan(text), None) if _starts_with_object(text) else None
    return isinstance(first, WholeObject) and not text[first.end :].strip().strip("`")


def _is_quoted(text: str, start: int, end: int) -> bool:
    """Return whether quotes on one line open before a place and close after it."""
    before = text[max(0, start - _LINE) : start].rpartition("\n")[2].replace("```", "")
    after = text[end : end + _LINE].partition("\n")[0].replace("```", "")
    if before.rfind("\u201c") > before.rfind("\u201d") and "\u201d" in after:
        return True
    if any(before.replace(f"\\{quote}", "").count(quote) % 2 and quote in after for quote in '"`'):
        return True
    singles = list(_SINGLE_QUOTES.finditer(before))
    closes = any(found["closing"] for found in _SINGLE_QUOTES.finditer(after))
    return bool(singles) and singles[-1]["opening"] is not None and closes
