"""Judge `api`: a vision-language model behind an endpoint answers the questions of a rubric."""

from collections.abc import Iterator, Sequence

import numpy as np

from omniedit.config.schema import ApiConfig, reply_limit
from omniedit.imaging.images import resize_to_fit
from omniedit.scoring.examples import Example, RubricScores
from omniedit.scoring.reply_parser import Unscorable
from omniedit.scoring.rubric import Question, Rubric
from omniedit.scoring.vlm_judges.rubric_judge import Reading, RubricJudge, parse_reading
from omniedit.vlm import Client, Prompt, PromptImage, Reply, Unanswered
from omniedit.vlm.budget import estimate
from omniedit.vlm.messages import LENGTH, Usage
from omniedit.vlm.thinking import ends_with_object, has_thinking

USUAL_WORDS = {"instruction": "about as long as instructions are"}
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
        """Return one verdict per example; `Unscorable` if one of its questions has no score.

        Raises:
            UserError: the endpoint does not answer, or the budget is spent.
        """
        questions = self.rubric.questions
        replies = self.client.ask(
            [build_prompt(question, example, self.max_side) for example in examples for question in questions]
        )
        return [self._marks(replies[i : i + len(questions)]) for i in range(0, len(replies), len(questions))]

    def estimate(self, words: Sequence[dict[str, str]]) -> Usage:
        """Estimate the largest usage of examples with these texts, assuming an empty cache."""
        return sum(map(self.client.estimate, _blank_prompts(self.rubric, words)), Usage())

    def _marks(self, replies: Sequence[Reply | Unanswered]) -> RubricScores | Unscorable:
        """Combine the replies to a rubric's questions about one example."""
        both = zip(self.rubric.questions, replies, strict=True)
        versions = dict.fromkeys(reply.model for reply in replies if isinstance(reply, Reply))
        return self.combine([read_reply(reply, len(part.scores)) for part, reply in both], ", ".join(versions))


def build_prompt(question: Question, example: Example, max_side: int) -> Prompt:
    """Build the prompt of a question: its fixed text, then the named images, then the named texts."""
    parts: list[str | PromptImage] = [question.text]
    for name in question.images:
        parts += [f"{name}:", PromptImage(resize_to_fit(example.images[name], max_side))]
    return Prompt((*parts, *(f"{name}: {example.words[name]}" for name in question.words)))


def estimate_usage(rubric: Rubric, words: Sequence[dict[str, str]], config: ApiConfig) -> Usage:
    """Estimate the largest usage of examples with these texts under a rubric."""
    usages = (
        estimate(prompt, config.tokens_per_picture, reply_limit(config.request, prompt.max_tokens))
        for prompt in _blank_prompts(rubric, words)
    )
    return sum(usages, Usage())


def _blank_prompts(rubric: Rubric, words: Sequence[dict[str, str]]) -> Iterator[Prompt]:
    """Yield the prompts of examples with these texts and images of one pixel; no estimate depends on pixels."""
    images = dict.fromkeys(rubric.images, _BLANK)
    return (build_prompt(part, Example(images, said), 1) for said in words for part in rubric.questions)


def read_reply(reply: Reply | Unanswered, num_scores: int) -> Reading | Unscorable:
    """Return the scores and the rationale in a model's reply, or the reason for a rejection."""
    if isinstance(reply, Unanswered):
        return Unscorable(reply.reason)
    if reply.missing:
        return Unscorable(reply.missing)
    reading = parse_reading(reply.text, num_scores)
    if reply.finish_reason != LENGTH:
        return reading
    if isinstance(reading, Unscorable):
        return Unscorable(f"{reading.reason}; the reply was cut off at the token limit")
    if has_thinking(reply.text) and not ends_with_object(reply.text):
        return Unscorable("the reply was cut off after a thinking tag, so its scores may be a quotation")
    return reading
