"""The judges by name."""

from pathlib import Path

from omniedit.errors import UserError
from omniedit.scoring.score import Judge

JUDGES = ("reference", "student")


def load_judge(name: str, scorer: str | Path | None = None) -> Judge:
    """The judge of that name.

    Args:
        scorer: folder of a trained student; needed for `student`, read by no other judge.

    Raises:
        UserError: no such judge, or a student without its folder.
    """
    if name == "reference":
        from omniedit.scoring.reference import ReferenceJudge

        return ReferenceJudge()
    if name == "student":
        from omniedit.scoring.student import StudentJudge

        if scorer is None:
            raise UserError("judge 'student' needs --scorer, the folder that scripts/train_student.py wrote")
        return StudentJudge.from_pretrained(scorer)
    raise UserError(f"no judge '{name}'; there are: {', '.join(JUDGES)}")
