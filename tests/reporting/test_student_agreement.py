"""Student judge page: agreement with the teacher, and the replies of both."""

import re

import numpy as np

from omniedit.imaging.images import encode_png
from omniedit.reporting.student_agreement import agreement_page
from omniedit.scoring.replies import NUMBERS
from omniedit.scoring.student.agreement import agreement, agreement_row
from omniedit.scoring.verdict import Score


def test_agreement_page_with_and_without_examples():
    rows = [agreement_row("p", "object_swap", "3x2", "", Score(9, 10, 10), Score(7, 9, 9))]
    rows += [agreement_row("q", "object_swap", "3x2", "no_change", Score(0, 9, 9), Score(1, 9, 9))]
    facts = {"teacher": "reference", "held_out_photos": ["dog"], "learnt_from": 10, "before": agreement([])}
    page = agreement_page("mini", facts | agreement(rows), rows, "reference", 9.0)
    assert page.count("<img") == 3
    cells = [re.findall(r">([^<>\n]*)</td>", row) for row in re.findall(r"<tr.*?</tr>", page, re.S)]
    assert ["80 %", "7.93", "100 %", "100 %", "1"] in cells
    ratio = next(row for row in cells if row[:2] == ["3:2", "2"])
    assert ratio[2] == "1.00" and re.fullmatch(r"2.2\d \(1.5\d to 3.00\)", ratio[3])
    assert "No held-out pair could be compared" in agreement_page("mini", facts | agreement([]), [], "student", 9.0)


def test_replies_of_teacher_and_student_are_shown_side_by_side():
    figures = {"teacher": "api", "held_out_photos": ["dog"], "learnt_from": 10, "before": agreement([])}
    rows = [agreement_row("p", "object_swap", "3x2", "", Score(9, 10, 10), Score(7, 9, 9))]
    numbers = {f"{who}_{name}": value for who, value in (("teacher", 9.0), ("student", None)) for name in NUMBERS}
    image = encode_png(np.zeros((8, 8, 3), np.uint8))
    reply = {
        "pair_id": "p",
        "task": "object_swap",
        "defect": "wrong_place",
        "instruction": "Swap <b>it</b>.",
        **numbers,
    }
    reply |= {"source": image, "edited": image, "teacher_reasoning": "Well done.", "student_reasoning": "no scores"}
    page = agreement_page("mini", figures | agreement(rows), rows, "student", 9.0, [reply])
    assert "Replies side by side" in page and "Swap &lt;b&gt;it&lt;/b&gt;." in page
    assert (
        "with a known defect: wrong place" in page and "<p>Well done.</p>" in page and "Unscorable: no scores" in page
    )
    assert page.count('src="data:image/webp') == 2
    assert "Replies side by side" not in agreement_page("mini", figures | agreement(rows), rows, "student", 9.0)
