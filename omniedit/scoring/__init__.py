"""What an edit is worth: rubric, reply parser, judges, known defects and the student that learns to judge."""

from omniedit.scoring.judges import JUDGES, api_judge, judging, load_judge
from omniedit.scoring.parser import Unscorable, parse_reply
from omniedit.scoring.rubric import edit_rubric
from omniedit.scoring.score import Judge, Score

__all__ = [
    "JUDGES",
    "Judge",
    "Score",
    "Unscorable",
    "api_judge",
    "edit_rubric",
    "judging",
    "load_judge",
    "parse_reply",
]
