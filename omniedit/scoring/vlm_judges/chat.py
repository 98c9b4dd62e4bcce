"""Base of the judges that run an InternVL on this machine, by any engine."""

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from omniedit.config.schema import InternvlConfig
from omniedit.errors import UserError
from omniedit.models.folder import load_tokenizer as folder_tokenizer
from omniedit.scoring.examples import Example, RubricScores
from omniedit.scoring.reply_parser import Unscorable
from omniedit.scoring.rubric import Question, Rubric
from omniedit.scoring.vlm_judges.rubric_judge import Reading, RubricJudge


def load_tokenizer(folder: Path) -> Any:
    """Load the tokenizer of an InternVL.

    Raises:
        UserError: the folder has no tokenizer, or not that of an InternVL in transformers' form.
    """
    tokenizer = folder_tokenizer(folder)
    if tokenizer.chat_template is None or not hasattr(tokenizer, "context_image_token"):
        raise UserError(f"{folder}: no tokenizer of an InternVL for transformers; use a checkpoint named ...-hf")
    return tokenizer


class ChatJudge(RubricJudge):
    """Judge that is an InternVL on this machine: its settings, chat prompts and verdicts.

    Args:
        tokenizer: transformers tokenizer with a chat template and a named image token.
        readout: a value of `scoring.readout`.
        version: version of the model, stored with each score.
        name: name of the judge.
    """

    def __init__(
        self,
        tokenizer: Any,
        rubric: Rubric,
        options: InternvlConfig,
        readout: str = "tokens",
        version: str = "",
        name: str = "internvl",
    ) -> None:
        super().__init__(rubric, options.batch_size)
        self.tokenizer, self.readout, self.version, self.name = tokenizer, readout, version, name

    @classmethod
    @abstractmethod
    def load(cls, folder: Path, rubric: Rubric, options: InternvlConfig, *settings: str) -> Self:
        """Load a judge from a model's folder.

        Args:
            settings: readout, version and name.

        Raises:
            UserError: the folder has no complete InternVL, or its engine is missing.
        """

    def turn(self, question: Question, example: Example) -> str:
        """Return a question about an example as a turn of the model's chat, with one image token per image.

        The turn has the fixed text, then the named images, then the named texts.

        Raises:
            UserError: the chat template is that of another model.
        """
        parts: list[dict[str, str]] = [{"type": "text", "text": question.text}]
        for name in question.images:
            parts += [{"type": "text", "text": f"{name}: "}, {"type": "image"}]
        parts += [{"type": "text", "text": f"{name}: {self._plain(example.words[name])}\n"} for name in question.words]
        text = self.tokenizer.apply_chat_template(
            [{"role": "user", "content": parts}], add_generation_prompt=True, tokenize=False
        )
        if text.count(self.tokenizer.context_image_token) != len(question.images):
            raise UserError("its chat template does not place images as that of transformers' InternVL does")
        return text

    def combine_answers(self, answers: Sequence[Sequence[Reading | Unscorable]]) -> list[RubricScores | Unscorable]:
        """Return the verdict on each example.

        Args:
            answers: for each question, the readings of all examples.
        """
        return [self.combine(readings, self.version) for readings in zip(*answers, strict=True)]

    def _plain(self, words: str) -> str:
        """Replace special tokens in a text, such as images, turns and ends, by spaces."""
        for token in self.tokenizer.added_tokens_decoder.values():
            if token.special:
                words = words.replace(token.content, " ")
        return words
