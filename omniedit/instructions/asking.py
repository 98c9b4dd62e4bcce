"""Questions to a vision-language model until their replies can be used, a bounded number of times, each time with what
was wrong told."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Generic

from omniedit.instructions.questions import retry_prompt
from omniedit.instructions.replies import ParsedReply, Part, ReplyIssue
from omniedit.vlm import Model, Prompt, Reply, Unanswered


@dataclass(frozen=True)
class ModelQuestion(Generic[Part]):
    """
    Args:
        read: what of a reply's text can be used.
    """

    prompt: Prompt
    read: Callable[[str], ParsedReply[Part]]


def ask(model: Model, questions: Sequence[ModelQuestion[Part]], tries: int) -> list[ParsedReply[Part]]:
    """The best that each question came to, in order: all of it usable, else the most.

    A question that is refused or gets no answer is not asked again.
    """
    best: list[ParsedReply[Part]] = [ParsedReply()] * len(questions)
    waiting = {place: question.prompt for place, question in enumerate(questions)}
    for _ in range(tries):
        again: dict[int, Prompt] = {}
        for place, answer in zip(list(waiting), model.ask(list(waiting.values())), strict=True):
            heard = _parse_answer(answer, questions[place])
            best[place] = max(best[place], heard, key=_worth) if best[place].model else heard
            if heard.flaws and isinstance(answer, Reply) and _why_none(answer) is None:
                again[place] = retry_prompt(questions[place].prompt, answer.text, list(map(str, heard.flaws)))
        waiting = again
        if not waiting:
            break
    return best


def _parse_answer(answer: Reply | Unanswered, question: ModelQuestion[Part]) -> ParsedReply[Part]:
    if reason := _why_none(answer):
        return ParsedReply(flaws=(ReplyIssue(reason),))
    assert isinstance(answer, Reply)
    heard = question.read(answer.text)
    cut = "; the reply was cut off at its largest length" if answer.finish_reason == "length" else ""
    flaws = tuple(replace(flaw, reason=flaw.reason + cut) for flaw in heard.flaws)
    return replace(heard, flaws=flaws, model=answer.model)


def _why_none(answer: Reply | Unanswered) -> str | None:
    """Return why there is no text to read, None where there is."""
    return answer.reason if isinstance(answer, Unanswered) else answer.missing


def _worth(heard: ParsedReply[Part]) -> tuple[bool, int, int]:
    return not heard.flaws, len(heard.parts), -len(heard.flaws)
