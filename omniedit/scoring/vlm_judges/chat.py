"""Base of the judges that run a vision-language model on this machine, by any engine."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from omniedit.config.schema import VlmConfig
from omniedit.errors import UserError
from omniedit.imaging.images import Image
from omniedit.models.adaptive_batches import map_by_size
from omniedit.models.processors import remove_special_tokens
from omniedit.scoring.examples import Example, RubricScores, average_passes
from omniedit.scoring.question_layout import lay_out
from omniedit.scoring.reply_parser import Unscorable
from omniedit.scoring.rubric import Question, Rubric
from omniedit.scoring.vlm_judges.rubric_judge import ParsedScores, RubricJudge, missing_input


class ChatJudge(RubricJudge):
    """Judge that is a vision-language model on this machine: its settings, chat prompts and verdicts.

    Args:
        processor: transformers processor with tokenizer, image processor and chat template.
        readout: a value of `scoring.readout`.
        version: version of the model, stored with each score.
        name: name of the judge.
    """

    suffix = ""
    """Text at the end of each turn."""

    def __init__(
        self,
        processor: Any,
        rubric: Rubric,
        options: VlmConfig,
        readout: str = "tokens",
        version: str = "",
        name: str = "vlm",
    ) -> None:
        super().__init__(rubric, options.batch_size)
        check_rubric(rubric, readout == "reply" and options.head is None)
        self.processor, self.tokenizer, self.options = processor, processor.tokenizer, options
        self.readout, self.version, self.name = readout, version, name

    @classmethod
    @abstractmethod
    def load(cls, folder: Path, rubric: Rubric, options: VlmConfig, *settings: str) -> Self:
        """Load a judge from a model's folder.

        Args:
            settings: readout, version and name.

        Raises:
            UserError: the folder has no complete image-text-to-text model, or its engine is missing.
        """

    def mark(self, examples: Sequence[Example]) -> list[RubricScores | Unscorable]:
        """Return one verdict per example, averaged over the rubric's passes."""
        passes = [self._mark_once(examples, seed) for seed in range(self.rubric.passes)]
        return [average_passes(each) for each in zip(*passes, strict=True)]

    @abstractmethod
    def mark_task(self, task: str, examples: Sequence[Example], seed: int) -> list[RubricScores | Unscorable]:
        """Return one verdict per example of a task.

        Args:
            task: key of `rubric.tasks`, or ''.
            seed: number of the pass, for sampled replies.
        """

    def parts(self, question: Question, example: Example) -> list[str | Image]:
        """Return the texts and images of a question about an example, in order.

        A plain question has the fixed text, then the named images, then the named texts. Texts of the example have no
        special tokens.
        """
        words = {name: remove_special_tokens(self.processor, text) for name, text in example.words.items()}
        cleaned = replace(example, words=words)
        if question.is_plain:
            return [*_plain_parts(question, cleaned), *([self.suffix] if self.suffix else [])]
        parts = [f"{part}\n" if isinstance(part, str) else part for part in lay_out(question, cleaned)]
        return [*parts, *([self.suffix] if self.suffix else [])]

    def turn(self, parts: Sequence[str | Image]) -> str:
        """Return texts and images as a turn of the model's chat, with one image token per image.

        Some chat templates move the images to the beginning.

        Raises:
            UserError: the chat template does not place images.
        """
        content = [{"type": "text", "text": part} if isinstance(part, str) else {"type": "image"} for part in parts]
        text = self.tokenizer.apply_chat_template(
            [{"role": "user", "content": content}],
            chat_template=self.processor.chat_template,
            add_generation_prompt=True,
            tokenize=False,
        )
        if text.count(self.processor.image_token) != sum(part["type"] == "image" for part in content):
            raise UserError(f"its chat template does not mark images with the token {self.processor.image_token}")
        return text

    def combine_answers(
        self, task: str, answers: Sequence[Sequence[ParsedScores | Unscorable]]
    ) -> list[RubricScores | Unscorable]:
        """Return the verdict on each example of a task.

        Args:
            answers: readings of all examples, for each question.
        """
        rubric = self.variant(task)
        return [self.combine(readings, self.version, rubric) for readings in zip(*answers, strict=True)]

    def _mark_once(self, examples: Sequence[Example], seed: int) -> list[RubricScores | Unscorable]:
        missing = [missing_input(self.rubric, example) for example in examples]
        ready = [example for example, lack in zip(examples, missing, strict=True) if lack is None]
        tasks = list(self.rubric.tasks)

        def place(example: Example) -> tuple[int, ...]:
            return (tasks.index(example.task),) if example.task in tasks else ()

        def mark(together: Sequence[Example]) -> list[RubricScores | Unscorable]:
            task = together[0].task
            return self.mark_task(task if task in tasks else "", together, seed)

        marks = iter(map_by_size(mark, ready, place))
        return [lack or next(marks) for lack in missing]


def check_rubric(rubric: Rubric, written: bool) -> None:
    """Check that a rubric's scores can be read.

    Args:
        written: whether the model generates its reply as text.

    Raises:
        UserError: the rubric needs a written reply.
    """
    forms = [question.form for variant in rubric.variants for question in variant.questions]
    if not written and (rubric.passes > 1 or any(forms)):
        problem = f"rubric '{rubric.name}' asks for several passes, or for scores other than plain numbers from 0 to 10"
        raise UserError(f"{problem}; these need a written reply: set scoring.readout: reply, or use --judge api")


def _plain_parts(question: Question, example: Example) -> list[str | Image]:
    parts: list[str | Image] = [question.text]
    for name in question.images:
        parts += [f"{name}: ", example.images[name]]
    return [*parts, *(f"{name}: {example.words[name]}\n" for name in question.words)]
