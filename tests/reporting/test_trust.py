"""Trust part of the thresholds page: refusals, biases and the ensemble, counted by hand from candidates."""

import json
import re
from dataclasses import replace
from typing import Any

from reporting.test_thresholds import candidate

from omniedit.reporting.candidates import Candidate, to_columns
from omniedit.reporting.page import NO_VALUE
from omniedit.reporting.thresholds import thresholds_page
from omniedit.reporting.trust import Trust

REFUSAL = "the model refuses: 'No.'"


def collect(candidates: list[Candidate]) -> Trust:
    trust = Trust()
    for each in candidates:
        trust.add(each)
    return trust


def rows(trust: Trust, name: str) -> list[list[str]]:
    return [row.cells for row in trust.values()[name]]


def by_judges(number: int, scores: dict[str, float | str], disagreement: float | None = None) -> Candidate:
    """Build a candidate of an ensemble; a text in place of a judge's O is the reason why it has none."""
    judges: dict[str, Any] = {
        name: {"reason": score} if isinstance(score, str) else {"o": score, "version": "gpt-4o", "words": number + 1}
        for name, score in scores.items()
    }
    made = candidate(number, 5.0, "dog")
    return replace(made, judge="ensemble", details=json.dumps({"judges": judges}), disagreement=disagreement)


def test_refusals_are_counted_by_judge_and_task() -> None:
    pairs = [candidate(0, 9.5, "dog"), candidate(1, 9.1, "dog")]
    refused = replace(candidate(2, None, "cat", reason="unscorable"), reasoning=REFUSAL)
    unread = replace(candidate(3, None, "cat", reason="unscorable"), reasoning='no "score" field')
    found = rows(collect([*pairs, refused, unread]), "refusals")
    assert found == [
        ["student", task, "4", "1", "25 %", "5 % to 70 %", "0", "1"] for task in ("Object removal", "All tasks")
    ]


def test_every_judge_of_an_ensemble_has_its_own_rows() -> None:
    pairs = [by_judges(n, {"a": float(n), "b": 9.0 - n if n else REFUSAL}, 1.5 * n) for n in range(6)]
    trust = collect(pairs)
    assert [row[0] for row in rows(trust, "refusals")] == ["a", "a", "b", "b"]
    assert rows(trust, "refusals")[3][2:4] == ["6", "1"]
    assert rows(trust, "ensemble") == [["a, b", "5", "-1.00", "-3.00", "3.40"]]
    assert rows(trust, "disagreements")[0] == ["at most 1", "1", "17 %"]
    assert rows(trust, "lengths")[0][4:6] == ["6", "1.00"], "longer rationales for higher scores"
    page = thresholds_page("mini", to_columns(pairs), [], 9.0, trust=trust)
    assert "Judges of the ensemble" in page and "by a model of a judge's own family (a: OpenAI" in page


def test_self_preference_is_measured_within_tasks() -> None:
    own = [replace(candidate(n, 9.0 - n % 2, "dog"), models=("openai/dall-e-3",)) for n in range(4)]
    others = [replace(candidate(n, 6.0 - n % 2, "dog"), models=("flux",)) for n in range(4, 8)]
    unknown = [candidate(n, 1.0, "dog") for n in range(8, 12)]
    trust = collect([replace(each, judge="api", judge_version="gpt-4o") for each in (*own, *others, *unknown)])
    ((name, family, mine, own_mean, theirs, others_mean, difference, interval),) = rows(trust, "preferences")
    assert (name, family, mine, own_mean, theirs, others_mean) == ("api", "OpenAI", "4", "8.50", "4", "5.50")
    assert difference == "3.00" and interval != NO_VALUE


def test_a_single_judge_gets_no_section_on_ensembles() -> None:
    trust = collect([candidate(0, 9.5, "dog")])
    page = thresholds_page("mini", to_columns([candidate(0, 9.5, "dog")]), [], 9.0, trust=trust)
    assert "Judges of the ensemble" not in page and re.search("<h2>Refusals", page)
