"""Scoring of edit pairs: rubrics, reply parser, judges, known defects and the student that is distilled from a judge.

Public names load on first use: parsing the workflow reads a rubric each time, and that needs no pyarrow.
"""

from typing import TYPE_CHECKING

from omniedit.lazy import load_on_first_use

if TYPE_CHECKING:
    from omniedit.scoring.judges import JUDGES, api_judge, load_judge, open_priced_judge
    from omniedit.scoring.reply_parser import Unscorable, parse_reply
    from omniedit.scoring.rubric_registry import edit_rubric
    from omniedit.scoring.verdict import Judge, Score

__all__ = [
    "JUDGES",
    "Judge",
    "Score",
    "Unscorable",
    "api_judge",
    "edit_rubric",
    "load_judge",
    "open_priced_judge",
    "parse_reply",
]


__getattr__, __dir__ = load_on_first_use(
    __name__,
    {
        "judges": ("JUDGES", "api_judge", "load_judge", "open_priced_judge"),
        "reply_parser": ("Unscorable", "parse_reply"),
        "rubric_registry": ("edit_rubric",),
        "verdict": ("Judge", "Score"),
    },
    earlier={"judging": "open_priced_judge"},
)
