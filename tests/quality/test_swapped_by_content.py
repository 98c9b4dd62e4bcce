"""Tests of clues about swapped pairs: their sign, and silence without evidence."""

import cv2
import numpy as np
import pytest

from omniedit.imaging.images import Image
from omniedit.quality.swapped_by_content import MAX_LOG_ODDS, find_clues
from omniedit.tasks import Task


@pytest.fixture(scope="module")
def photo() -> Image:
    rng = np.random.default_rng(1)
    smooth = cv2.resize(rng.random((5, 6, 3)).astype(np.float32), (240, 200), interpolation=cv2.INTER_CUBIC)
    return np.clip(120 + 60 * smooth, 0, 255).astype(np.uint8)


def paint(photo: Image, colour: tuple[int, int, int]) -> Image:
    painted = photo.copy()
    cv2.circle(painted, (120, 100), 30, colour, -1)
    return painted


def odds(source: Image, edited: Image, task: Task, instruction: str, captions: tuple[str, str] = ("", "")) -> float:
    return sum(clue.log_odds for clue in find_clues(source, edited, None, task, instruction, captions))


CASES = [
    (Task.ATTRIBUTE_MODIFICATION, "Make the ball blue instead of red.", (220, 30, 30), (30, 30, 220)),
    (Task.OBJECT_REMOVAL, "Remove the ball.", (220, 30, 30), None),
    (Task.OBJECT_ADDITION, "Add a ball.", None, (220, 30, 30)),
]


@pytest.mark.parametrize(("task", "instruction", "before", "after"), CASES)
def test_swapped_pair_has_the_opposite_sign(
    photo: Image, task: Task, instruction: str, before: tuple | None, after: tuple | None
) -> None:
    source, edited = (photo if colour is None else paint(photo, colour) for colour in (before, after))
    assert odds(source, edited, task, instruction) < -1
    assert odds(edited, source, task, instruction) > 1


@pytest.mark.parametrize(("instruction", "alpha"), [("Make it night.", 0.3), ("Turn this into a foggy morning.", 0.5)])
def test_weather_and_light_have_a_direction(photo: Image, instruction: str, alpha: float) -> None:
    other = cv2.convertScaleAbs(photo, alpha=alpha)
    assert odds(photo, other, Task.ENVIRONMENT_CHANGE, instruction) < 0
    assert odds(other, photo, Task.ENVIRONMENT_CHANGE, instruction) > 0


def test_captions_reveal_which_object_is_new(photo: Image) -> None:
    captions = "A cup on a table", "A vase on a table"
    assert odds(photo, photo, Task.OBJECT_SWAP, "Replace the cup with a vase", captions) == -MAX_LOG_ODDS
    assert odds(photo, photo, Task.OBJECT_SWAP, "Replace the cup with a vase", captions[::-1]) == MAX_LOG_ODDS
    assert odds(photo, photo, Task.OBJECT_SWAP, "Replace the cup with a vase", ("A room", "A room")) == 0


@pytest.mark.parametrize(
    ("task", "instruction"),
    [
        (Task.STYLE_TRANSFER, "Turn this into a painting."),
        (Task.ENVIRONMENT_CHANGE, "Make it nicer."),
        (Task.ATTRIBUTE_MODIFICATION, "Make the ball shiny."),
        (Task.OBJECT_SWAP, "Swap the ball for a cube."),
    ],
)
def test_no_clue_without_evidence(photo: Image, task: Task, instruction: str) -> None:
    assert list(find_clues(photo, paint(photo, (220, 30, 30)), None, task, instruction)) == []


def test_unchanged_pair_gives_no_clue_about_its_object(photo: Image) -> None:
    assert abs(odds(photo, photo, Task.OBJECT_REMOVAL, "Remove the ball.")) < 1e-6
