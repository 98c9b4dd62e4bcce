"""Base of the judges that run a vision-language model on this machine, by any engine."""

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from omniedit.config.schema import VlmConfig
from omniedit.errors import UserError
from omniedit.scoring.examples import Example, RubricScores
from omniedit.scoring.reply_parser import Unscorable
from omniedit.scoring.rubric import Question, Rubric
from omniedit.scoring.vlm_judges.rubric_judge import Reading, RubricJudge


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

    def turn(self, question: Question, example: Example) -> str:
        """Return a question about an example as a turn of the model's chat, with one image token per image.

        The turn has the fixed text, then the named images, then the named texts; some chat templates move the images to
        the beginning.

        Raises:
            UserError: the chat template does not place images.
        """
        parts: list[dict[str, str]] = [{"type": "text", "text": question.text}]
        for name in question.images:
            parts += [{"type": "text", "text": f"{name}: "}, {"type": "image"}]
        parts += [{"type": "text", "text": f"{name}: {self._plain(example.words[name])}\n"} for name in question.words]
        parts += [{"type": "text", "text": self.suffix}] if self.suffix else []
        text = self.tokenizer.apply_chat_template(
            [{"role": "user", "content": parts}],
            chat_template=self.processor.chat_template,
            add_generation_prompt=True,
            tokenize=False,
        )
        if text.count(self.processor.image_token) != len(question.images):
            raise UserError(f"its chat template does not place images by the token {self.processor.image_token}")
        return text

    def combine_answers(self, answers: Sequence[Sequence[Reading | Unscorable]]) -> list[RubricScores | Unscorable]:
        """Return the verdict on each example.

        Args:
            answers: for each question, the readings of all examples.
        """
        return [self.combine(readings, self.version) for readings in zip(*answers, strict=True)]

    def _plain(self, words: str) -> str:
        """Replace special tokens in a text, such as images, turns and ends, by spaces."""
        special = [token.content for token in self.tokenizer.added_tokens_decoder.values() if token.special]
        for token in (*special, self.processor.image_token):
            words = words.replace(token, " ")
        return words
