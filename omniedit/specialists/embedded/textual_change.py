"""Textual change: a printed text is read, removed from its ground and redrawn with another word (AnyEdit)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from omniedit.grounding.text import MODEL, TextLine, read_text
from omniedit.imaging.lettering import (
    Face,
    Ink,
    Patch,
    letters_width,
    make_upright,
    match_face,
    match_softness,
    rewrite,
    separate_ink,
)
from omniedit.instructions.templates.printed_text import is_usable, other_text, same_letters, text_instructions
from omniedit.sources.photo import Photo, round_box
from omniedit.specialists.base import EditRequest, EditResult, EmbeddedSpecialist, NotApplicable
from omniedit.tasks import Task

MIN_CONFIDENCE = 0.9
"""Minimum confidence of the text reader for a text to be changed."""
MIN_HEIGHT = 16
"""Minimum height of a line, in pixels."""
MIN_CORRELATION = 0.7
"""Minimum correlation between a line and the same text redrawn; handwriting and ornate letters have less."""
WIDTHS = (0.72, 1.03)
"""Range of the new text's width, relative to the old one's."""
TRIES = 24
"""Number of texts that are drawn until one has about the old one's width."""
LINES = 6
"""Number of lines of a photo that are considered, in order of decreasing height."""


@dataclass(frozen=True)
class Line:
    """Line of text that can be redrawn.

    Args:
        starts_left: whether it is aligned at the left with another line; otherwise it counts as centred.
    """

    read: TextLine
    starts_left: bool
    patch: Patch
    ink: Ink
    face: Face


class TextualChange(EmbeddedSpecialist):
    """Change of one word or number of a printed line.

    Truth: `text` and `new_text` (the whole line), `box` (fractions).
    """

    task = Task("textual_change")

    def __init__(self) -> None:
        self._lines: dict[tuple[str, str], list[Line]] = {}
        self._used: set[tuple[str, str]] = set()

    def propose(self, photo: Photo, rng: np.random.Generator) -> EditRequest:
        lines = self._find(photo)
        if not lines:
            raise NotApplicable("no printed text in plain letters on plain ground")
        for _ in range(TRIES):
            line = lines[rng.integers(len(lines))]
            new = other_text(line.read.text, rng)
            suits = new != line.read.text and _has_similar_width(line, new)
            if suits and (photo.source_id, new) not in self._used:
                self._used.add((photo.source_id, new))
                return _request(photo, line, new, rng)
        raise NotApplicable("no other word has about the width of the text")

    def _edit(self, request: EditRequest) -> EditResult | NotApplicable:
        assert request.parts is not None
        line, new = request.parts["line"], request.truth["new_text"]
        rng = np.random.default_rng(list(new.encode()))
        edited, mask = rewrite(request.photo.image, line.patch, line.ink, new, _align(line, new), rng)
        if not any(same_letters(each.text) == same_letters(new) for each in read_text(edited)):
            return NotApplicable("the new text cannot be read back")
        return EditResult(edited, mask, MODEL)

    def _find(self, photo: Photo) -> list[Line]:
        key = photo.source_id, photo.sha256
        if key not in self._lines:
            self._lines[key] = list(find_lines(photo))
        return self._lines[key]


def find_lines(photo: Photo) -> Iterator[Line]:
    """Yield the lines of a photo that can be redrawn: plain letters of one colour on plain ground."""
    lines = [line for line in read_text(photo.image) if line.score >= MIN_CONFIDENCE and is_usable(line.text)]
    texts = [same_letters(line.text) for line in lines]
    unique = [line for line in lines if texts.count(same_letters(line.text)) == 1]
    tall = sorted((line for line in unique if _height(line) >= MIN_HEIGHT), key=_height, reverse=True)
    for line in tall[:LINES]:
        patch = make_upright(photo.image, line.corners)
        ink = separate_ink(patch)
        if ink is None:
            continue
        face, likeness = match_face(ink, line.text)
        if likeness >= MIN_CORRELATION:
            face = match_softness(photo.image, patch, ink, line.text, face)
            yield Line(line, _starts_like_another(line, lines), patch, ink, face)


def _starts_like_another(line: TextLine, lines: Sequence[TextLine]) -> bool:
    """Return whether a line shares its left edge with another line, but not its right edge."""
    height = _height(line)
    for other in lines:
        left, right = (abs(float(line.corners[corner, 0] - other.corners[corner, 0])) for corner in (0, 1))
        if other is not line and left < 0.25 * height and right > 0.8 * height:
            return True
    return False


def _height(line: TextLine) -> float:
    return float(np.linalg.norm(line.corners[3] - line.corners[0]))


def _align(line: Line, new: str) -> Face:
    """Return the style of a new text. If the line is aligned at the left, the text is moved to begin where the old one
    does.
    """
    if not line.starts_left:
        return line.face
    x, y = line.face.origin
    wider = letters_width(new, line.face) - letters_width(line.read.text, line.face)
    return replace(line.face, origin=(x + wider / 2, y))


def _has_similar_width(line: Line, new: str) -> bool:
    ratio = letters_width(new, line.face) / letters_width(line.read.text, line.face)
    return WIDTHS[0] <= ratio <= WIDTHS[1]


def _request(photo: Photo, line: Line, new: str, rng: np.random.Generator) -> EditRequest:
    height, width = photo.image.shape[:2]
    (left, top), (right, bottom) = line.read.corners.min(axis=0), line.read.corners.max(axis=0)
    return EditRequest(
        photo=photo,
        task=TextualChange.task,
        instructions=text_instructions(line.read.text, new, rng),
        truth={
            "text": line.read.text,
            "new_text": new,
            "box": round_box((left / width, top / height, right / width, bottom / height)),
        },
        parts={"line": line},
    )
