"""What a model that chats is asked about an example, and what becomes of its readings."""

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
    """
    Raises:
        UserError: there is none, or not one of an InternVL in transformers' form.
    """
    tokenizer = folder_tokenizer(folder)
    if tokenizer.chat_template is None or not hasattr(tokenizer, "context_image_token"):
        raise UserError(f"{folder}: no tokenizer of an InternVL in transformers' form (the names of such end in -hf)")
    return tokenizer


class ChatPromptBuilder:
    """
    Args:
        tokenizer: transformers', with a chat template and a name for the token of a picture.
        version: of the model, which stands with each score.
    """

    def __init__(self, tokenizer: Any, rubric: Rubric, version: str) -> None:
        self.tokenizer, self.rubric, self.version = tokenizer, rubric, version

    def asked(self, question: Question, example: Example) -> str:
        """The question's fixed text, each picture after its name, the words, as a turn of the model's chat; for each
        picture stands one token.

        Raises:
            UserError: the chat template is another model's.
        """
        parts: list[dict[str, str]] = [{"type": "text", "text": question.text}]
        for name in question.pictures:
            parts += [{"type": "text", "text": f"{name}: "}, {"type": "image"}]
        parts += [{"type": "text", "text": f"{name}: {self._plain(example.words[name])}\n"} for name in question.words]
        text = self.tokenizer.apply_chat_template(
            [{"role": "user", "content": parts}], add_generation_prompt=True, tokenize=False
        )
        if text.count(self.tokenizer.context_image_token) != len(question.pictures):
            raise UserError("its chat template does not place pictures as that of transformers' InternVL does")
        return text

    def marks(self, readings: Sequence[Reading | Unscorable]) -> RubricScores | Unscorable:
        """Of the readings of all questions about one example."""
        scores: list[float] = []
        for reading in readings:
            if isinstance(reading, Unscorable):
                return reading
            scores += reading.scores
        reasoning = " ".join(filter(None, (reading.reasoning for reading in readings if isinstance(reading, Reading))))
        return to_marks(self.rubric, dict(zip(self.rubric.scores, scores, strict=True)), reasoning, self.version)

    def _plain(self, words: str) -> str:
        """Words in which nothing is a picture, a turn or an end."""
        for token in self.tokenizer.added_tokens_decoder.values():
            if token.special:
                words = words.replace(token.content, " ")
        return words
