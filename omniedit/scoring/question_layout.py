"""Layout of a question about an example: its texts and images in the order in which a judge sees them."""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from omniedit.errors import UserError
from omniedit.imaging.decode import UnreadableImage
from omniedit.imaging.images import Image
from omniedit.scoring.examples import Example
from omniedit.scoring.rubric import Question, Shot
from omniedit.sources.photo_file import EncodedPhoto

CASE_HEADING = "Now the case to judge:"


def lay_out(question: Question, example: Example) -> list[str | Image]:
    """Return the question's text, its shots, then the example's images and the remaining texts."""
    parts: list[str | Image] = [fill(question.text, question.words, example.words)]
    for number, shot in enumerate(question.shots, 1):
        parts += _show_shot(question, shot, number)
    if any(shot.reply for shot in question.shots):
        parts.append(CASE_HEADING)
    return [*parts, *_show(question, example)]


def fill(text: str, names: Sequence[str], words: Mapping[str, str]) -> str:
    """Replace each `<name>` in a text by the words of that name, in one pass; the inserted words are not replaced."""
    if not names:
        return text
    places = re.compile(f"<({'|'.join(map(re.escape, names))})>")
    return places.sub(lambda place: words.get(place[1], place[0]), text)


def _show(question: Question, example: Example, in_text: bool = True) -> list[str | Image]:
    """Return the labelled images and the texts of an example.

    Args:
        in_text: whether texts with a placeholder in the question's text were inserted there, and are not shown again.
    """
    parts: list[str | Image] = []
    for name in question.images:
        label = question.labels.get(name, f"{name}:")
        parts += [label, example.images[name]] if label else [example.images[name]]
    placed = [name for name in question.words if in_text and f"<{name}>" in question.text]
    apart = [name for name in question.words if name in example.words and name not in placed]
    return [*parts, *(f"{name}: {example.words[name]}" for name in apart)]


def _show_shot(question: Question, shot: Shot, number: int) -> list[str | Image]:
    images = {name: _load_image(path, shot.digest) for name, path in shot.images.items()}
    parts = _show(question, Example(images, shot.words), in_text=False)
    return [f"Example {number}:", *parts, f"reply: {shot.reply}"] if shot.reply else parts


@cache
def _load_image(path: str, digest: str) -> Image:
    """Load the image of a shot; `digest` is part of the cache key, so a changed file is loaded again.

    Raises:
        UserError: the file is not a readable image.
    """
    try:
        with EncodedPhoto(Path(path)) as photo:
            return photo.decode()
    except UnreadableImage as error:
        raise UserError(f"{path}: {error}; give the rubric's example an image that can be read") from None
