"""Separate a model's answer from its thinking.

These marks enclose thinking:

    <think>..</think>, <thought>, <reasoning>, <analysis>    DeepSeek-R1, Qwen3, GLM, InternVL, Gemini and similar
    ..</think>                                               the same, if the chat template wrote the opening mark
    <|channel|>analysis<|message|>..<|channel|>final         gpt-oss (harmony), also without its special tokens
    <|begin_of_thought|>, <|START_THINKING|>, [THINK], ...    OpenThinker, Command A, Magistral, Kimi-VL, (Med)Gemma

A reply may quote another text, which may contain marks, objects and quotation marks. The rules:

1. A reply that begins with an object has no thinking; it is the answer.
2. Any other reply is divided at its marks. A mark within a valid object is text.
3. A part is thinking if an opening mark precedes it, or if it is the first part and a closing mark at the beginning or
   end of a line follows it. All other parts are answers, and readers require them to agree.
4. The last part must be a complete answer. If it is thinking, the reply was cut off. If a quotation mark follows its
   object, or its sentence continues there, then its mark may be part of a quoted text, and the reply is unclear.

So a quoted text can make a reply unclear, but it does not become the answer, because its closing quotation mark follows
it. One case remains: a model that does not think writes words, then an object, and copies a quotation mark and a
closing mark on its own line into the object's text without escaping them. Such a reply equals thinking with a draft.

Special tokens that end a reply (<|im_end|>, </s>) are ignored. Thinking that an endpoint returns separately
(`reasoning_content`, `reasoning`) does not reach this module.
"""

import re
from collections.abc import Iterator

from omniedit.vlm.loose_json import find_objects
from omniedit.vlm.quotes import UnclearReply, find_quoted_range

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
_OBJECT = re.compile(r"\s*(?:```\w*\s*)?\{")
_SCORE_LINE = re.compile(r"^[^\n:\uff1a]*[:\uff1a][ \t*_\[]*[0-9][0-9.,/ \t*_\]]*", re.MULTILINE)
_FIELD = re.compile(r"[\"'\u201d]\s*:")
_CONTINUES = re.compile(r"\s*[,;\uff0c\u3001]|[ \t]*[a-z]")
_END_TOKEN = re.compile(r"\s*(?:<\|[\w\uff5c\u2581]{1,40}\|>|<\uff5c[^<>\n]{1,40}\uff5c>|</s>|<eos>|<end_of_turn>)\Z")

MAX_MARKS = 100
"""Maximum number of marks, because each is examined individually."""
CUT_OFF = "the reply ends while thinking"
UNCLEAR_THINKING = "it is unclear where the thinking ends and the answer begins"


def find_answers(reply: str) -> list[str]:
    """Return the parts of a reply that may be its answer. The last part is the answer if no other part contradicts it.

    Raises:
        UnclearReply: the reply ends while thinking, or its last part may be the rest of a quoted text.
    """
    while end := _END_TOKEN.search(reply, max(0, len(reply) - 100)):
        reply = reply[: end.start()]
    answers: list[str] = []
    at, thinks = 0, False
    for count, mark in enumerate(_find_marks(reply)):
        if count == MAX_MARKS:
            raise UnclearReply(f"the reply has more than {MAX_MARKS} marks of thinking")
        if not thinks and (at or mark["opening"] or _is_within_line(reply, mark)):
            answers.append(reply[at : mark.start()])
        at, thinks = mark.end(), mark["opening"] is not None
    if thinks:
        raise UnclearReply(CUT_OFF)
    if at and _is_fragment(reply[at:]):
        raise UnclearReply(UNCLEAR_THINKING)
    return [*answers, reply[at:]]


def has_thinking(reply: str) -> bool:
    """Return whether a reply has a mark of thinking."""
    return next(_find_marks(reply), None) is not None


def _find_marks(reply: str) -> Iterator[re.Match[str]]:
    """Yield the marks outside valid objects; none if the reply begins with an object."""
    at = len(reply) if _OBJECT.match(reply) else 0
    while mark := _next_mark(reply, at):
        yield mark
        at = mark.end()


def _next_mark(reply: str, at: int) -> re.Match[str] | None:
    for each in find_objects(reply, at):
        if mark := _MARK.search(reply, at, each.start):
            return mark
        at = each.end
    return _MARK.search(reply, at)


def _is_within_line(reply: str, mark: re.Match[str]) -> bool:
    """Return whether words stand before and after a mark on its line."""
    text_before, text_after = reply[: mark.start()].rpartition("\n")[2], reply[mark.end() :].partition("\n")[0]
    return bool(text_before.strip() and text_after.strip())


def _is_fragment(answer: str) -> bool:
    """Return whether an answer may be the rest of a quoted text.

    A complete answer has no field outside braces. It ends with an object that is valid or the only one, or with a line
    that has a score. Neither a quotation mark nor the other half of a sentence may follow.
    """
    if _FIELD.search(answer.partition("{")[0]):
        return True
    if first := next(find_objects(answer), None):
        end = first.end
    elif answer.count("{") > 1:
        return True
    elif "}" in answer:
        end = answer.index("}") + 1
    else:
        end = max((line.end() for line in _SCORE_LINE.finditer(answer)), default=len(answer))
    return find_quoted_range(answer).last >= end or _CONTINUES.match(answer, end) is not None
