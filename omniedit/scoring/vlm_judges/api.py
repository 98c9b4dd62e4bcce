"""Judge `api`: a vision-language model behind an endpoint answers the questions of a rubric."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

import numpy as np

from omniedit.config.schema import ApiConfig, reply_limit
from omniedit.imaging.images import resize_to_fit
from omniedit.scoring.examples import Example, RubricScores, average_passes
from omniedit.scoring.question_layout import lay_out
from omniedit.scoring.reply_form import ReplyForm
from omniedit.scoring.reply_parser import Unscorable
from omniedit.scoring.rubric import Question, Rubric
from omniedit.scoring.vlm_judges.rubric_judge import ParsedScores, RubricJudge, missing_input, parse_reading
from omniedit.vlm import Client, MissingReply, Prompt, PromptImage, Reply
from omniedit.vlm.budget import estimate
from omniedit.vlm.messages import LENGTH, Usage

USUAL_WORDS = {"instruction": "about as long as an instruction is"}
"""Texts of a typical pair, for estimates before the instructions are known."""
_BLANK = np.zeros((1, 1, 3), np.uint8)


class ApiJudge(RubricJudge):
    """Judge that sends all questions about a batch of examples to an endpoint at once, and reads each reply once.

    Args:
        max_side: images are scaled down until their longer side has at most this many pixels.
    """

    name, version = "api", ""

    def __init__(self, client: Client, rubric: Rubric, max_side: int) -> None:
        super().__init__(rubric, 2 * client.concurrency)
        self.client, self.max_side = client, max_side

    def mark(self, examples: Sequence[Example]) -> list[RubricScores | Unscorable]:
        """Return one verdict per example; `Unscorable` if it lacks an input, or one of its questions has no score.

        Raises:
            UserError: the endpoint does not answer, or the budget is spent.
        """
        prompts = [self._prompts(example) for example in examples]
        replies = iter(self.client.ask([prompt for each in prompts for prompt in each]))
        return [
            self._verdict(example, list(islice(replies, len(each))))
            for example, each in zip(examples, prompts, strict=True)
        ]

    def estimate(self, words: Sequence[dict[str, str]]) -> Usage:
        """Estimate the largest usage of examples with these texts, assuming an empty cache."""
        return sum((_largest(self.rubric, texts, self.client.estimate) for texts in words), Usage())

    def _prompts(self, example: Example) -> list[Prompt]:
        """Return the prompts of all passes over an example's questions; none if the rubric cannot be applied."""
        if missing_input(self.rubric, example):
            return []
        seeds = range(self.rubric.passes) if self.rubric.passes > 1 else [None]
        return [
            build_prompt(question, example, self.max_side, self.rubric.temperature, seed)
            for seed in seeds
            for question in self.variant(example.task).questions
        ]

    def _verdict(self, example: Example, replies: Sequence[Reply | MissingReply]) -> RubricScores | Unscorable:
        """Combine the replies of all passes over one example's questions."""
        if lack := missing_input(self.rubric, example):
            return lack
        rubric = self.variant(example.task)
        count = len(rubric.questions)
        return average_passes([self._marks(rubric, replies[i : i + count]) for i in range(0, len(replies), count)])

    def _marks(self, rubric: Rubric, replies: Sequence[Reply | MissingReply]) -> RubricScores | Unscorable:
        """Combine the replies to a rubric's questions about one example."""
        both = zip(rubric.questions, replies, strict=True)
        versions = dict.fromkeys(reply.model for reply in replies if isinstance(reply, Reply))
        return self.combine([read_reply(reply, part.reply_form) for part, reply in both], ", ".join(versions), rubric)


def build_prompt(
    question: Question, example: Example, max_side: int, temperature: float = 0, seed: int | None = None
) -> Prompt:
    """Build the prompt of a question: its fixed text, then the named images, then the named texts."""
    parts = lay_out(question, example)
    prompt_parts = (part if isinstance(part, str) else PromptImage(resize_to_fit(part, max_side)) for part in parts)
    return Prompt(tuple(prompt_parts), question.max_tokens, temperature, seed)


def estimate_usage(rubric: Rubric, words: Sequence[dict[str, str]], config: ApiConfig) -> Usage:
    """Estimate the largest usage of examples with these texts under a rubric."""

    def measure(prompt: Prompt) -> Usage:
        return estimate(prompt, config.tokens_per_picture, reply_limit(config.request, prompt.max_tokens))

    return sum((_largest(rubric, texts, measure) for texts in words), Usage())


def _largest(rubric: Rubric, texts: dict[str, str], measure: Callable[[Prompt], Usage]) -> Usage:
    """Return the usage of all passes over an example with these texts, for the task with the highest usage."""
    usages = (sum(map(measure, _blank_prompts(variant, texts)), Usage()) for variant in rubric.variants)
    return sum([max(usages, key=lambda usage: usage.tokens)] * rubric.passes, Usage())


def _blank_prompts(rubric: Rubric, texts: dict[str, str]) -> Iterator[Prompt]:
    """Yield the prompts of an example with these texts and images of one pixel; no estimate depends on pixels."""
    images = dict.fromkeys(rubric.images, _BLANK)
    return (build_prompt(part, Example(images, texts), 1) for part in rubric.questions)


def read_reply(reply: Reply | MissingReply, form: ReplyForm) -> ParsedScores | Unscorable:
    """Return the scores and the rationale in a model's reply, or the reason for a rejection."""
    if isinstance(reply, MissingReply):
        return Unscorable(reply.reason)
    if reply.missing:
        return Unscorable(reply.missing)
    return parse_reading(reply.text, form, reply.finish_reason == LENGTH)
