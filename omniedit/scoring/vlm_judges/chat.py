"""Prompts for a chat model about an example, and scores from its readings."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omniedit.errors import UserError
from omniedit.models.folder import load_tokenizer as folder_tokenizer
from omniedit.scoring.examples import Example, RubricScores, to_marks
from omniedit.scoring.reply_parser import Unscorable
from omniedit.scoring.rubric import Question, Rubric
from omniedit.scoring.vlm_judges.readout import Reading


def load_tokenizer(folder: Path) -> Any:
    """Load the tokenizer of an InternVL.

    Raises:
        UserError: the folder has no tokenizer, or not that of an InternVL in transformers' form.
    """
    tokenizer = folder_tokenizer(folder)
    if tokenizer.chat_template is None or not hasattr(tokenizer, "context_image_token"):
        raise UserError(f"{folder}: no tokenizer of an InternVL for transformers; use a checkpoint named ...-hf")
    return tokenizer


class ChatPromptBuilder:
    """Builder of a rubric's chat prompts, and of scores from the model's readings.

    Args:
        tokenizer: transformers tokenizer with a chat template and a named image token.
        version: version of the model, stored with each score.
    """

    def __init__(self, tokenizer: Any, rubric: Rubric, version: str) -> None:
        self.tokenizer, self.rubric, self.version = tokenizer, rubric, version

    def asked(self, question: Question, example: Example) -> str:
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

    def marks(self, readings: Sequence[Reading | Unscorable]) -> RubricScores | Unscorable:
        """Combine the readings of all questions about one example."""
        scores: list[float] = []
        for reading in readings:
            if isinstance(reading, Unscorable):
                return reading
            scores += reading.scores
        reasoning = " ".join(filter(None, (reading.reasoning for reading in readings if isinstance(reading, Reading))))
        return to_marks(self.rubric, dict(zip(self.rubric.scores, scores, strict=True)), reasoning, self.version)

    def _plain(self, words: str) -> str:
        """Replace special tokens in a text, such as images, turns and ends, by spaces."""
        for token in self.tokenizer.added_tokens_decoder.values():
            if token.special:
                words = words.replace(token.content, " ")
        return words
