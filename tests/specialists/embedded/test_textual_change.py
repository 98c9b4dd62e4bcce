"""Tests of textual change: letters taken off their ground and drawn anew, and the judge's reading of both images."""

from dataclasses import replace

import cv2
import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont
import pytest

from omniedit.grounding import text as reader
from omniedit.grounding.text import TextLine, can_read, read_text
from omniedit.imaging.images import Image
from omniedit.imaging.lettering import (
    letters_width,
    make_upright,
    match_face,
    match_softness,
    rewrite,
    separate_ink,
    steepness,
)
from omniedit.instructions.templates.printed_text import same_letters, text_instructions
from omniedit.pairs import EditPair
from omniedit.scoring.reference import score_pair
from omniedit.scoring.reference import texts as judge
from omniedit.scoring.reply_parser import Unscorable
from omniedit.scoring.verdict import Score
from omniedit.sources.photo import Photo
from omniedit.specialists.base import EditResult, NotApplicable
from omniedit.specialists.embedded import textual_change as specialist
from omniedit.specialists.embedded.textual_change import TextualChange

CORNERS = np.array([(96, 94), (338, 94), (338, 150), (96, 150)], np.float32)


def sign(text: str = "PARKING", frame: bool = True) -> Image:
    """Return a photo of a grainy, shaded sign with a word, a frame and a line below it."""
    image = PIL.Image.new("RGB", (440, 240), (212, 214, 205))
    draw = PIL.ImageDraw.Draw(image)
    if frame:
        draw.rectangle((40, 60, 400, 220), outline=(40, 20, 60), width=6)
    draw.text((100, 142), text, (30, 30, 110), PIL.ImageFont.load_default(58), anchor="ls", stroke_width=1)
    draw.text((110, 200), "mind the step", (30, 30, 110), PIL.ImageFont.load_default(30), anchor="ls")
    shade = np.linspace(0.85, 1.0, 440)[None, :, None]
    noise = np.random.default_rng(0).normal(0, 1.5, (240, 440, 3))
    return np.clip(np.asarray(image) * shade + noise, 0, 255).astype(np.uint8)


def as_photo(image: Image) -> Photo:
    return Photo("sign", image, "3x2", sha256=f"{image.sum()}")


def rewritten(new: str) -> tuple[Image, np.ndarray]:
    """Return the sign with another word, and the mask."""
    image = sign()
    patch = make_upright(image, CORNERS)
    ink = separate_ink(patch)
    assert ink is not None
    face, alike = match_face(ink, "PARKING")
    assert alike > 0.9, "the same font"
    face = match_softness(image, patch, ink, "PARKING", face)
    return rewrite(image, patch, ink, new, face, np.random.default_rng(0))


def to_pair(edited: Image, mask: np.ndarray, text: str = "PARKING", new: str = "MARKETS") -> EditPair:
    box = [float(edge) for edge in (*(CORNERS[0] / (440, 240)), *(CORNERS[2] / (440, 240)))]
    about = {"source_id": "sign", "truth": {"text": text, "new_text": new, "box": box}}
    instructions = text_instructions(text, new, np.random.default_rng(0))
    return EditPair("0", TextualChange.task, instructions, sign(), edited, mask, about)


def test_new_letters_replace_the_old_ones_with_their_colour_and_height() -> None:
    edited, mask = rewritten("FACTORY")
    assert (edited[~mask] == sign()[~mask]).all(), "outside the mask nothing changes"
    assert mask[70:90].sum() == mask[160:].sum() == 0, "the frame and the other line are untouched"
    rows = [np.flatnonzero(np.asarray((image[92:152, ..., 0] < 100).any(axis=1))) for image in (sign(), edited)]
    assert abs(int(rows[0][0]) - int(rows[1][0])) <= 2 and abs(int(rows[0][-1]) - int(rows[1][-1])) <= 2
    ink = [np.median(image[92:152, 96:338][image[92:152, 96:338, 0] < 70], axis=0) for image in (sign(), edited)]
    assert np.abs(ink[0] - ink[1]).max() < 12


@pytest.mark.parametrize("blur", [0.0, 0.5, 0.8, 2.0])
@pytest.mark.parametrize("scale", [1.0, 0.6])
def test_new_letters_are_as_crisp_as_the_old_ones(blur: float, scale: float) -> None:
    image = cv2.resize(sign(), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    image = np.asarray(cv2.GaussianBlur(image, (0, 0), blur) if blur else image, np.uint8)
    patch = make_upright(image, CORNERS * scale)
    ink = separate_ink(patch)
    assert ink is not None
    face = match_softness(image, patch, ink, "PARKING", match_face(ink, "PARKING")[0])
    edited, _ = rewrite(image, patch, ink, "FACTORY", face, np.random.default_rng(0))
    rows, columns = (slice(round(start * scale), round(stop * scale)) for start, stop in ((92, 152), (92, 344)))
    slopes = [steepness(each[rows, columns, 1].astype(np.float32)) for each in (edited, image)]
    assert 0.9 < slopes[0] / slopes[1] < 1.1


def test_an_empty_text_leaves_only_the_ground() -> None:
    edited, _ = rewritten(".")
    place = edited[98:138, 100:330].astype(float)
    ground = sign("")[98:138, 100:330].astype(float)
    assert np.abs(place - ground).mean() < 4


def test_letters_of_two_colours_on_a_busy_ground_are_not_separated() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (240, 440, 3)).astype(np.uint8)
    assert separate_ink(make_upright(noise, CORNERS)) is None


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Stand in for the reader of the specialist: it reads 'PARKING' in the sign, and the table's text elsewhere."""
    said, source = {"edited": "MARKETS"}, sign()

    def read(image: Image) -> tuple[TextLine, ...]:
        return (TextLine("PARKING" if np.array_equal(image, source) else said["edited"], 0.99, CORNERS),)

    monkeypatch.setattr(specialist, "read_text", read)
    return said


def score(pair: EditPair, said: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Score | Unscorable:
    """Score a pair whose source says `said["source"]` and whose edited image says `said["edited"]`."""
    texts = iter((said["source"], said["edited"]))
    monkeypatch.setattr(judge, "can_read", lambda: True)
    monkeypatch.setattr(judge, "read_text", lambda image: (TextLine(next(texts), 0.99, CORNERS),))
    return score_pair(pair)


@pytest.mark.parametrize(
    ("edited", "instruction", "passes"),
    [
        ("MARKETS", None, True),
        ("PARKING", None, False),
        ("MARKING", None, False),
        ("FACTORY", None, False),
        ("MARKETS", "Change the text 'PARKING' to 'FACTORY'.", False),
    ],
    ids=["right", "old text", "some old letters", "another word", "another instruction"],
)
def test_judge_accepts_only_the_new_text(
    edited: str, instruction: str | None, passes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = to_pair(*rewritten("MARKETS"))
    pair = pair if instruction is None else replace(pair, instructions=(instruction,))
    verdict = score(pair, {"source": "PARKING", "edited": edited}, monkeypatch)
    assert isinstance(verdict, Score)
    assert verdict.o_score >= 9 if passes else verdict.sc_score_1 < 5, verdict


def test_judge_abstains_if_the_source_has_another_text(monkeypatch: pytest.MonkeyPatch) -> None:
    verdict = score(to_pair(*rewritten("MARKETS")), {"source": "BAKERY", "edited": "MARKETS"}, monkeypatch)
    assert isinstance(verdict, Unscorable) and "does not show" in verdict.reason


def test_judge_abstains_without_a_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge, "can_read", lambda: False)
    verdict = score_pair(to_pair(*rewritten("MARKETS")))
    assert isinstance(verdict, Unscorable) and "omniedit[text]" in verdict.reason


def test_an_illegible_edit_fails(reads: dict[str, str]) -> None:
    maker = TextualChange()
    request = maker.propose(as_photo(sign()), np.random.default_rng(0))
    reads["edited"] = "ILLEGIBLE"
    (edited,) = maker.edit([request])
    assert isinstance(edited, NotApplicable) and "read back" in str(edited)
    reads["edited"] = request.truth["new_text"]
    (edited,) = maker.edit([request])
    assert isinstance(edited, EditResult)
    assert request.parts is not None
    face = request.parts["line"].face
    assert 0.7 < letters_width(request.truth["new_text"], face) / letters_width("PARKING", face) < 1.15


def test_judge_rejects_blurred_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    edited, mask = rewritten("MARKETS")
    blurred = np.where(mask[..., None], cv2.GaussianBlur(edited, (0, 0), 3.0), edited).astype(np.uint8)
    verdict = score(to_pair(blurred, mask), {"source": "PARKING", "edited": "MARKETS"}, monkeypatch)
    assert isinstance(verdict, Score) and verdict.sc_score_1 < 7


@pytest.mark.skipif(not can_read(), reason="the extra `text` is not installed")
def test_the_new_text_is_read_back() -> None:
    edited, _ = rewritten("FACTORY")
    lines = {same_letters(line.text) for line in read_text(edited)}
    assert {"factory", "mindthestep"} <= lines and "parking" not in lines
    assert reader.read_text(np.full((64, 64, 3), 200, np.uint8)) == ()
