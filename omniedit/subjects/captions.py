"""Names and captions of a cluster: from the words of its texts, or from a model that sees its images together."""

import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Protocol

from omniedit.imaging.images import Image, resize_to_fit
from omniedit.instructions.edit_proposals.prompt_builder import text
from omniedit.instructions.edit_proposals.replies import ParsedReply, reject_unusable
from omniedit.instructions.edit_proposals.reply_retries import ModelQuestion, ask
from omniedit.instructions.edit_proposals.table import json_object
from omniedit.instructions.grammar import with_article
from omniedit.plain_text import clean_line
from omniedit.vlm import ChatModel, Prompt, PromptImage

MAX_NAME_LENGTH, MAX_CAPTION_LENGTH = 60, 400
"""Length limits of a name and of a caption, in characters."""
_TOKENS, _TOKENS_PER_CAPTION = 60, 60
_STOP = frozenset(
    (
        *("a", "an", "the", "of", "in", "on", "at", "with", "and", "or", "for", "to", "from", "by"),
        *("photo", "picture", "image", "img", "view", "front", "back", "side", "detail", "new", "sale", "buy", "free"),
        *("our", "your", "this", "that", "is", "are", "it", "its", "no", "size", "colour", "color"),
    )
)
"""Words that are never part of a name."""


class Captioner(Protocol):
    """Writer of names and captions."""

    def describe(self, images: Sequence[Image], texts: Sequence[str]) -> tuple[str, list[str], str]:
        """Return a cluster's name, a caption for each image, and the reason if both are missing, else ''.

        Args:
            texts: text of each image's row, '' without one.
        """
        ...


class NamesFromTexts:
    """Names from the words that most texts of a cluster share; the captions are the rows' own texts."""

    def describe(self, images: Sequence[Image], texts: Sequence[str]) -> tuple[str, list[str], str]:
        texts = [clean_line(each, MAX_CAPTION_LENGTH) for each in texts]
        name = common_name(texts)
        if not name:
            return "", [], "its texts share no word that names the subject"
        return name, [each or f"a photo of {with_article(name)}" for each in texts], ""


def common_name(texts: Sequence[str]) -> str:
    """Return the longest sequence of up to three words that occurs in more than half of the texts; '' if there is
    none.
    """
    each = [split_words(text.lower()) for text in texts]
    runs: Counter[tuple[str, ...]] = Counter(
        run
        for words in each
        for run in {tuple(words[i : i + length]) for length in (1, 2, 3) for i in range(len(words) - length + 1)}
        if not _STOP & set(run)
    )
    common = [run for run, count in runs.items() if 2 * count > len(texts)]
    longest = max(common, key=lambda run: (len(run), runs[run], run), default=())
    return " ".join(longest)[:MAX_NAME_LENGTH]


def split_words(text: str) -> list[str]:
    """Return the words of a text that have two letters or more, in any script.

    Vowel signs and tones belong to the words of Hindi, Arabic or Thai; `\\w` of `re` would split words there.
    """
    letters = "".join(each if unicodedata.category(each)[0] in "LM" or each in "'-" else " " for each in text)
    words = (word.strip("'-") for word in letters.split())
    return [word for word in words if len(word) > 1]


class ModelCaptioner:
    """Names and captions by a vision-language model that sees all images of a cluster at once.

    Args:
        tries: maximum number of attempts until a reply is usable.
        max_side: longer side at which the images are sent.
    """

    def __init__(self, model: ChatModel, tries: int, max_side: int) -> None:
        self._model, self._tries, self._max_side = model, tries, max_side

    def describe(self, images: Sequence[Image], texts: Sequence[str]) -> tuple[str, list[str], str]:
        prompt_images = [PromptImage(resize_to_fit(image, self._max_side)) for image in images]
        lines = "\n".join(f"{number}. {clean_line(each, 200)}" for number, each in enumerate(texts, 1))
        facts = f"images: {len(images)}\ntexts of their pages:\n{lines}"
        prompt = Prompt((text("subject_captions"), facts, *prompt_images), _TOKENS + _TOKENS_PER_CAPTION * len(images))
        (reply,) = ask(self._model, [ModelQuestion(prompt, partial(read_captions, count=len(images)))], self._tries)
        if not reply.parts:
            return "", [], f"no captions: {'; '.join(map(str, reply.flaws))}"
        ((name, captions),) = reply.parts
        return name, list(captions), ""


@reject_unusable
def read_captions(reply: str, count: int) -> ParsedReply[tuple[str, tuple[str, ...]]]:
    """Return the name and the captions of a reply, or its fault: no single subject, or a missing caption."""
    answer = json_object(reply)
    name, captions = answer.get("name"), answer.get("captions")
    if str(answer.get("same_subject")).lower() in ("false", "no"):
        raise ValueError("the images show several subjects")
    if not isinstance(name, str) or not any(character.isalpha() for character in name):
        raise ValueError('no text under "name"')
    if (
        not isinstance(captions, list)
        or len(captions) != count
        or not all(isinstance(caption, str) for caption in captions)
    ):
        raise ValueError(f'not {count} texts under "captions"')
    cleaned = tuple(clean_line(caption, MAX_CAPTION_LENGTH) for caption in captions)
    if not all(cleaned):
        raise ValueError("a caption is empty")
    return ParsedReply(((clean_line(name, MAX_NAME_LENGTH).lower(), cleaned),))
