"""Scoring of edit pairs: rubrics, reply parser, judges, known defects and the student that is distilled from a judge.

Public names load on first use: parsing the workflow reads a rubric each time, and that needs no pyarrow.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from omniedit.scoring.judges import JUDGES, api_judge, load_judge, open_priced_judge
    from omniedit.scoring.reply_parser import Unscorable, parse_reply
    from omniedit.scoring.rubric import edit_rubric
    from omniedit.scoring.verdict import Judge, Score

_HOME = {
    "JUDGES": "judges",
    "Judge": "verdict",
    "Score": "verdict",
    "Unscorable": "reply_parser",
    "api_judge": "judges",
    "edit_rubric": "rubric",
    "open_priced_judge": "judges",
    "load_judge": "judges",
    "parse_reply": "reply_parser",
}

EARLIER = {"judging": "open_priced_judge"}
"""Earlier name -> the name now."""

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


def __getattr__(name: str) -> Any:
    name = EARLIER.get(name, name)
    if name not in _HOME:
        raise AttributeError(f"module 'omniedit.scoring' has no attribute {name!r}")
    return getattr(import_module(f"omniedit.scoring.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
