"""Part of the page "What the scores are worth": refusals, length bias, self-preference, and judges of an ensemble."""

import json
from array import array
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from omniedit.evaluation.agreement.correlations import Values, rank_correlations
from omniedit.evaluation.reward_benches.result import wilson
from omniedit.evaluation.trust.families import find_family
from omniedit.evaluation.trust.length_bias import measure_length_bias
from omniedit.evaluation.trust.self_preference import measure_self_preference
from omniedit.reporting.candidates import Candidate
from omniedit.reporting.page import NO_VALUE, PageRow, number, percent
from omniedit.scoring.outcomes import ScoringOutcome, classify_reason
from omniedit.tasks import Task, order_tasks

OUTCOMES = list(ScoringOutcome)
UNKNOWN, NO_FAMILY = "unknown", "other"
LIMITS = (1.0, 2.0, 3.0, 4.0, 5.0)
"""Limits of disagreement whose effect the page shows."""
KINDS = {"task": "h", "o_score": "d", "outcome": "b", "instruction": "i", "rationale": "i", "editor": "h"}
"""Type code of each column's array. Lengths are in words; `rationale` is 0 if the judge wrote no rationale."""


class JudgeColumns:
    """Columns of the pairs that one judge was asked about, which take about 30 bytes per pair."""

    def __init__(self) -> None:
        self.family: str | None = None
        """Family of the judge's model; None if unknown."""
        self._columns: dict[str, array[Any]] = {name: array(kind) for name, kind in KINDS.items()}

    def append(self, version: str, row: Mapping[str, Any]) -> None:
        self.family = self.family or find_family(version)
        for name, value in row.items():
            self._columns[name].append(value)

    def __getitem__(self, name: str) -> NDArray[Any]:
        return np.frombuffer(self._columns[name], self._columns[name].typecode)

    def __len__(self) -> int:
        return len(self._columns["task"])


class Trust:
    """Collector of the values that the trust measures need, one candidate at a time."""

    def __init__(self) -> None:
        self.judges: dict[str, JudgeColumns] = {}
        self.tasks: dict[Task, int] = {}
        self.editors: dict[str, int] = {UNKNOWN: 0}
        self._disagreement: array[float] = array("d")

    def add(self, candidate: Candidate) -> None:
        editor = self.editors.setdefault(find_editor_family(candidate), len(self.editors))
        about = {
            "task": self.tasks.setdefault(candidate.task, len(self.tasks)),
            "instruction": len(candidate.instruction.split()),
            "editor": editor,
        }
        if candidate.disagreement is not None:
            self._disagreement.append(candidate.disagreement)
        for name, version, o_score, reason, words in read_verdicts(candidate):
            outcome = ScoringOutcome.SCORED if o_score is not None else classify_reason(reason)
            row = {"o_score": np.nan if o_score is None else o_score, "outcome": OUTCOMES.index(outcome)}
            columns = self.judges.setdefault(name, JudgeColumns())
            columns.append(version, {**about, **row, "rationale": words})

    @property
    def disagreement(self) -> Values:
        """Disagreement of the judges of an ensemble on each scored pair."""
        return np.frombuffer(self._disagreement, "d")

    def values(self) -> dict[str, Any]:
        """Return the values for the page's template."""
        return {
            "refusals": list(self.refusal_rows()),
            "lengths": [length_row(name, columns) for name, columns in self.judges.items()],
            "preferences": list(self.preference_rows()),
            "families": {name: columns.family or UNKNOWN for name, columns in self.judges.items()},
            "ensemble": [row for pair in combinations(self.judges, 2) if (row := self.pair_row(*pair))],
            "disagreements": disagreement_rows(self.disagreement) if len(self.disagreement) else [],
        }

    def refusal_rows(self) -> Iterator[PageRow]:
        """Yield a row for each judge and task, and one for each judge."""
        for name, columns in self.judges.items():
            for task in order_tasks(self.tasks):
                yield _refusal_row(name, task.label, columns["outcome"][columns["task"] == self.tasks[task]], False)
            yield _refusal_row(name, "All tasks", columns["outcome"], True)

    def preference_rows(self) -> Iterator[PageRow]:
        """Yield a row for each judge whose model family is known and also made some of the edits."""
        for name, columns in self.judges.items():
            known_N = columns["editor"] > 0
            if columns.family not in self.editors:
                continue
            is_own_N = (columns["editor"] == self.editors[columns.family])[known_N]
            preference = measure_self_preference(columns["o_score"][known_N], is_own_N, columns["task"][known_N])
            means = [
                number(preference.own_mean),
                f"{preference.others:,}",
                number(preference.others_mean),
                number(preference.difference),
            ]
            yield PageRow([name, columns.family or "", f"{preference.own:,}", *means, _interval(preference.interval)])

    def pair_row(self, first: str, second: str) -> PageRow | None:
        """Return the agreement of two judges of an ensemble; None if they were asked about different pairs."""
        a, b = self.judges[first], self.judges[second]
        if len(a) != len(b):
            return None
        both_N = ~(np.isnan(a["o_score"]) | np.isnan(b["o_score"]))
        count = int(both_N.sum())
        (r,) = rank_correlations(a["o_score"], b["o_score"], np.ones((1, len(a))))
        difference_N = (a["o_score"] - b["o_score"])[both_N]
        cells = [float(difference_N.mean()), float(np.abs(difference_N).mean())] if count else [None, None]
        return PageRow(
            [f"{first}, {second}", f"{count:,}", number(None if np.isnan(r) else float(r)), *map(number, cells)]
        )


def find_editor_family(candidate: Candidate) -> str:
    """Return the family of the model that made a candidate's edit: `other` if it belongs to none, `unknown` if the
    model is unknown.
    """
    families = (find_family(name) for name in candidate.models)
    return next((family for family in families if family), NO_FAMILY if candidate.models else UNKNOWN)


def read_verdicts(candidate: Candidate) -> Iterator[tuple[str, str, float | None, str, int]]:
    """Yield each judge's name, version, O, reason of a missing score, and number of words of its rationale."""
    judges = json.loads(candidate.details or "{}").get("judges")
    if not judges:
        reason, words = (
            (candidate.reasoning, 0) if candidate.o_score is None else ("", len(candidate.reasoning.split()))
        )
        yield candidate.judge, candidate.judge_version or candidate.judge, candidate.o_score, reason, words
        return
    for name, judge in judges.items():
        yield name, f"{name} {judge.get('version', '')}", judge.get("o"), judge.get("reason", ""), judge.get("words", 0)


def length_row(name: str, columns: JudgeColumns) -> PageRow:
    """Return the correlations of a judge's O with the lengths of instruction and rationale."""
    cells: list[str] = []
    for text in ("instruction", "rationale"):
        lengths_N = columns[text].astype(np.float64)
        if text == "rationale":
            lengths_N[lengths_N == 0] = np.nan
        bias = measure_length_bias(columns["o_score"], lengths_N, columns["task"])
        cells += [f"{bias.pairs:,}", number(bias.correlation), _interval(bias.interval)]
    return PageRow([name, *cells])


def disagreement_rows(disagreement_N: Values) -> list[PageRow]:
    """Return the number and share of scored pairs within each limit of disagreement."""
    counts = [int((disagreement_N <= limit).sum()) for limit in LIMITS]
    return [
        PageRow([f"at most {limit:g}", f"{count:,}", percent(count / len(disagreement_N))])
        for limit, count in zip(LIMITS, counts, strict=True)
    ]


def _refusal_row(judge: str, task: str, outcomes_N: NDArray[np.int8], total: bool) -> PageRow:
    counts = {outcome: int((outcomes_N == place).sum()) for place, outcome in enumerate(OUTCOMES)}
    refused, count = counts[ScoringOutcome.REFUSED], len(outcomes_N)
    low, high = wilson(refused, count) if count else (None, None)
    shares = [percent(refused / count if count else None), f"{percent(low)} to {percent(high)}" if count else NO_VALUE]
    rest = [f"{counts[outcome]:,}" for outcome in (ScoringOutcome.SILENT, ScoringOutcome.OTHER)]
    return PageRow([judge, task, f"{count:,}", f"{refused:,}", *shares, *rest], total=total)


def _interval(interval: tuple[float, float] | None) -> str:
    return NO_VALUE if interval is None else f"{number(interval[0])} to {number(interval[1])}"
