"""Layout of questions: texts in their places, labels, and examples with their replies before the case to judge."""

from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniedit.errors import UserError
from omniedit.imaging.images import Image
from omniedit.scoring.examples import Example
from omniedit.scoring.question_layout import CASE_HEADING, fill, lay_out
from omniedit.scoring.rubric import Question, Shot
from omniedit.scoring.rubric_registry import edit_rubric

SOURCE, EDITED = (np.full((4, 6, 3), value, np.uint8) for value in (10, 20))
EXAMPLE = Example({"source": SOURCE, "edited": EDITED}, {"instruction": "Make it night."})


def show(parts: list[str | Image]) -> list[str | int]:
    """Return the texts of a layout, and the first pixel's value of its images."""
    return [part if isinstance(part, str) else int(part[0, 0, 0]) for part in parts]


def test_a_plain_question_lists_its_text_then_named_images_then_named_texts() -> None:
    (question,) = edit_rubric().questions
    assert show(lay_out(question, EXAMPLE)) == [
        question.text,
        "source:",
        10,
        "edited:",
        20,
        "instruction: Make it night.",
    ]


def test_labels_replace_names_and_an_empty_label_shows_only_the_image() -> None:
    labels = {"source": "", "edited": "This is the edited image:"}
    question = Question("Follow <instruction>!", ("source", "edited"), ("instruction",), ("a",), labels=labels)
    assert show(lay_out(question, EXAMPLE)) == ["Follow Make it night.!", 10, "This is the edited image:", 20]


def test_examples_come_with_their_replies_before_the_case(tmp_path: Path) -> None:
    PIL.Image.fromarray(SOURCE + np.uint8(90)).save(tmp_path / "a.png")
    images = dict.fromkeys(("source", "edited"), str(tmp_path / "a.png"))
    shot = Shot(images, {"instruction": "Add fog."}, '{"score": [5]}')
    question = Question("Judge.", ("source", "edited"), ("instruction",), ("a",), shots=(shot,))
    case = ["source:", 10, "edited:", 20, "instruction: Make it night."]
    shown = ["source:", 100, "edited:", 100, "instruction: Add fog."]
    assert show(lay_out(question, EXAMPLE)) == [
        "Judge.",
        "Example 1:",
        *shown,
        'reply: {"score": [5]}',
        CASE_HEADING,
        *case,
    ]
    silent = Question("Judge.", ("source", "edited"), (), ("a",), shots=(Shot(images, {}),))
    assert show(lay_out(silent, EXAMPLE)) == ["Judge.", "source:", 100, "edited:", 100, *case[:4]]


def test_the_texts_of_an_example_are_shown_although_the_question_has_places_for_those_of_the_case(
    tmp_path: Path,
) -> None:
    PIL.Image.fromarray(SOURCE + np.uint8(90)).save(tmp_path / "a.png")
    shot = Shot({"edited": str(tmp_path / "a.png")}, {"instruction": "Add fog."}, "Success: 5")
    question = Question("Is <instruction> done?", ("edited",), ("instruction",), ("a",), shots=(shot,))
    example = ["Example 1:", "edited:", 100, "instruction: Add fog.", "reply: Success: 5"]
    assert show(lay_out(question, EXAMPLE)) == ["Is Make it night. done?", *example, CASE_HEADING, "edited:", 20]


def test_an_unreadable_example_image_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("no image")
    question = Question("Judge.", ("source",), (), ("a",), shots=(Shot({"source": str(tmp_path / "a.png")}, {}),))
    with pytest.raises(UserError, match=r"a\.png: .*give the rubric's example an image that can be read"):
        lay_out(question, EXAMPLE)


@given(st.text(), st.text())
def test_placeholders_inside_inserted_texts_are_not_replaced(first: str, second: str) -> None:
    text = "Say <a>, then <b>, not <c>."
    assert fill(text, ("a", "b"), {"a": first, "b": second}) == f"Say {first}, then {second}, not <c>."
    assert fill("<a>", ("a", "b"), {"a": "<b>", "b": "x"}) == "<b>"
