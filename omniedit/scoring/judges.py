"""The judges by name."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from omniedit.config import ApiConfig
from omniedit.errors import UserError
from omniedit.scoring.rubric import Rubric, rubric_of
from omniedit.scoring.score import Judge

if TYPE_CHECKING:
    from omniedit.scoring.api import ApiJudge

JUDGES = ("reference", "student", "api")


def load_judge(name: str, scorer: str | Path | None = None) -> Judge:
    """The judge of that name, of those that need no endpoint.

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


@contextmanager
def api_judge(config: ApiConfig, rubric: Rubric | None = None, spent: Path | None = None) -> Iterator["ApiJudge"]:
    """The judge `api` while the block lasts; at its end what was paid for is told, however it ends.

    Args:
        rubric: None for the config's.
        spent: folder of the run's ledger, where several jobs share the config's budget.
    """
    from omniedit.scoring.api import ApiJudge
    from omniedit.vlm.client import open_client

    with open_client(config, spent) as client:
        try:
            yield ApiJudge(client, rubric or rubric_of(config.rubric), config.max_side)
        finally:
            print(client.summary(), flush=True)


@contextmanager
def judging(
    name: str, pairs: int, scorer: Path | None = None, api: ApiConfig | None = None, spent: Path | None = None
) -> Iterator[Judge]:
    """A judge for so many pairs; what they may cost is told first.

    Raises:
        UserError: as `load_judge`; `api` without its config, or as `open_client`.
    """
    if name != "api":
        yield load_judge(name, scorer)
        return
    if api is None:
        raise UserError("judge 'api' needs --config, whose scoring.api names the endpoint")
    with api_judge(api, spent=spent) as judge:
        most = judge.estimate([{"instruction": "about as long as instructions are"}] * pairs)
        print(f"estimate, at most: {judge.client.budget.describe(most)}; less what the cache holds", flush=True)
        yield judge
