"""Judges of `omniedit score`: a function that scores examples for each judge, and the judges of an ensemble one after
another."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from omniedit.config.endpoint import EndpointConfig
from omniedit.config.schema import SHIPPED, ScoringConfig
from omniedit.errors import UserError
from omniedit.models.registry import RECORDS
from omniedit.pairs import EditPair
from omniedit.scoring.examples import Example, Marker, RubricScores, to_marks
from omniedit.scoring.judges import api_judge, load_judge, local_judge
from omniedit.scoring.reply_parser import Unscorable
from omniedit.scoring.rubric import Rubric
from omniedit.scoring.verdict import Judge, Score
from omniedit.tasks import Task
from omniedit.vlm.budget import Prices


@contextmanager
def open_marker(
    judge: str,
    rubric: Rubric,
    scorer: Path | None,
    scoring: ScoringConfig,
    words: Sequence[dict[str, str]],
    agreed: bool,
    spent: Path | None = None,
) -> Iterator[tuple[Marker, int]]:
    """Open a judge that marks examples under a rubric; yield its marker and batch size.

    For an endpoint, an upper estimate of the cost is printed first.

    Args:
        words: texts of the examples to mark.
        agreed: whether the user accepts costs without a budget.
        spent: folder of a run's ledger, if several jobs share the budget.

    Raises:
        UserError: the judge does not support the rubric, money would be spent without agreement, or as in `load_judge`
            and `open_client`.
    """
    if judge in ("internvl", "vlm"):
        local = local_judge(judge, scorer, scoring, rubric)
        yield local.mark, local.batch_size
        return
    if judge != "api":
        of_pairs = load_judge(judge, scorer, scoring)
        yield pair_marker(of_pairs, rubric), of_pairs.batch_size
        return
    with api_judge(scoring.api, rubric, spent) as api:
        limit = api.client.budget.describe(api.estimate(words))
        print(f"estimate, at most: {limit}; cached replies are free", flush=True)
        check_agreed([scoring.api], agreed)
        yield api.mark, api.batch_size


def pair_marker(judge: Judge, rubric: Rubric) -> Marker:
    """Wrap a judge of edit pairs as a marker of examples.

    Raises:
        UserError: the rubric is not the judge's own.
    """
    if judge.prompt_hash != rubric.digest:
        raise UserError(
            f"judge '{judge.name}' supports only the rubric 'edit', not '{rubric.name}'; use --judge api or vlm"
        )

    def mark(examples: Sequence[Example]) -> list[RubricScores | Unscorable]:
        pairs = [_pair(example) for example in examples if not _uneven(example)]
        judged = iter(judge.judge(pairs) if pairs else [])
        return [_uneven(example) or _marks(rubric, next(judged)) for example in examples]

    return mark


def judge_readable(
    loaded: Iterable[Any], bad: type[Exception], judge: Callable[[Sequence[Any]], Sequence[Any]], size: int
) -> Iterator[Any]:
    """Yield a verdict for each input, in order, with one batch in memory. An invalid input is yielded as its own
    verdict.
    """
    remaining = iter(loaded)
    while batch := list(islice(remaining, size)):
        readable = [each for each in batch if not isinstance(each, bad)]
        verdicts = iter(judge(readable) if readable else [])
        yield from (each if isinstance(each, bad) else next(verdicts) for each in batch)


def check_agreed(endpoints: Iterable[EndpointConfig], agreed: bool, section: str = "scoring") -> None:
    """Check that no endpoint would cost money without a budget or the user's agreement.

    Args:
        section: section of the config that names the endpoints.

    Raises:
        UserError: an endpoint would.
    """
    for api in endpoints:
        has_price = Prices(api.prompt_price, api.completion_price).known
        if has_price and api.max_money is None and not agreed:
            raise UserError(
                f"{section}: costs money; accept it with --yes, or set {section}.api.max_money in the config"
            )


def member_scorers(scoring: ScoringConfig, student: Path | None) -> dict[str, tuple[ScoringConfig, Path | None]]:
    """Return the options of each judge of an ensemble, and its student or model.

    Args:
        student: folder of the student; None for the shipped one.

    Raises:
        UserError: the config has no ensemble, or one of its judges needs a run's own pairs.
    """
    if len(scoring.members) < 2:
        raise UserError("--judge ensemble needs --config with two or more judges in scoring.ensemble.judges")
    if measuring := [name for name, each in scoring.members.items() if each.judge == "reference"]:
        problem = f"{measuring[0]}: the judge `reference` measures only pairs of a run, whose truth is known"
        raise UserError(f"scoring.ensemble.judges.{problem}; leave it out")
    return {name: (each, _find_scorer(each, student)) for name, each in scoring.members.items()}


def _find_scorer(scoring: ScoringConfig, student: Path | None) -> Path | None:
    if roles := scoring.roles(scoring.judge):
        return RECORDS / f"{roles[0]}.json"
    return (student or Path(SHIPPED)) if scoring.judge == "student" else None


def ensemble_columns(scoring: ScoringConfig) -> tuple[str, ...]:
    """Return the columns with scores that an ensemble adds: each judge's O, and their disagreement."""
    return (*(f"o_{name}" for name in scoring.members), "disagreement")


def _pair(example: Example) -> EditPair:
    """Build an edit pair for a judge that uses only images and instruction; its task is a placeholder."""
    source, edited = example.images["source"], example.images["edited"]
    return EditPair("", Task.STYLE_TRANSFER, (example.words["instruction"],), source, edited, None, {})


def _uneven(example: Example) -> Unscorable | None:
    sizes = [f"{name} {p.shape[1]} x {p.shape[0]}" for name, p in example.images.items()]
    shapes = {image.shape for image in example.images.values()}
    return Unscorable(f"{' and '.join(sizes)} differ in size; make them equal") if len(shapes) > 1 else None


def _marks(rubric: Rubric, verdict: Score | Unscorable) -> RubricScores | Unscorable:
    if isinstance(verdict, Unscorable):
        return verdict
    scores = (verdict.sc_score_1, verdict.sc_score_2, verdict.pq_score)
    return to_marks(rubric, dict(zip(rubric.scores, scores, strict=True)), verdict.reasoning, verdict.judge_version)
