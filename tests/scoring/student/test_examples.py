"""Training examples of the student."""

import json
from dataclasses import replace

from omniedit.scoring.student.examples import format_answer
from omniedit.scoring.verdict import Score


def test_measured_figures_are_removed_from_training_answers() -> None:
    measured = Score(8.4, 10, 9.6, "The wall is blue: 96% of it; the rest is as it was: 2.1 of 255")
    short = {"score": [8, 10, 10], "reasoning": "The wall is blue; the rest is as it was"}
    assert json.loads(format_answer(measured, "reference")) == short
    assert json.loads(format_answer(measured, "api")) == short | {"reasoning": measured.reasoning}
    plain = replace(measured, reasoning="The wall is blue. Nothing else changed.")
    assert json.loads(format_answer(plain, "reference")) == short | {"reasoning": plain.reasoning}
