"""Ask a vision-language model until its replies are usable, a limited number of times. Each retry lists the flaws of
the last reply."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Generic

from omniedit.instructions.edit_proposals.prompt_builder import retry_prompt
from omniedit.instructions.edit_proposals.replies import ParsedReply, Part, ReplyIssue
from omniedit.vlm import ChatModel, MissingReply, Prompt, Reply


@dataclass(frozen=True)
class ModelQuestion(Generic[Part]):
    """Prompt with the reader of its replies.

    Args:
        read: returns the usable parts of a reply's text.
    """

    prompt: Prompt
    read: Callable[[str], ParsedReply[Part]]


def ask(model: ChatModel, questions: Sequence[ModelQuestion[Part]], tries: int) -> list[ParsedReply[Part]]:
    """Return the best reply to each question, in order: a flawless reply, else the reply with the most usable parts.

    A rejected question, or one without an answer, is not repeated.
    """
    best: list[ParsedReply[Part]] = [ParsedReply()] * len(questions)
    waiting = {index: question.prompt for index, question in enumerate(questions)}
    for _ in range(tries):
        retries: dict[int, Prompt] = {}
        for index, answer in zip(list(waiting), model.ask(list(waiting.values())), strict=True):
            parsed = _parse_answer(answer, questions[index])
            best[index] = max(best[index], parsed, key=_rank_reply) if best[index].model else parsed
            if parsed.flaws and isinstance(answer, Reply) and _missing_text_reason(answer) is None:
                retries[index] = retry_prompt(questions[index].prompt, answer.text, list(map(str, parsed.flaws)))
        waiting = retries
        if not waiting:
            break
    return best


def _parse_answer(answer: Reply | MissingReply, question: ModelQuestion[Part]) -> ParsedReply[Part]:
    if reason := _missing_text_reason(answer):
        return ParsedReply(flaws=(ReplyIssue(reason),))
    assert isinstance(answer, Reply)
    parsed = question.read(answer.text)
    cut = "; the reply was cut off at its maximum length" if answer.finish_reason == "length" else ""
    flaws = tuple(replace(flaw, reason=flaw.reason + cut) for flaw in parsed.flaws)
    return replace(parsed, flaws=flaws, model=answer.model)


def _missing_text_reason(answer: Reply | MissingReply) -> str | None:
    """Return why an answer has no text, or None if it has text."""
    return answer.reason if isinstance(answer, MissingReply) else answer.missing


def _rank_reply(parsed: ParsedReply[Part]) -> tuple[bool, int, int]:
    return not parsed.flaws, len(parsed.parts), -len(parsed.flaws)
