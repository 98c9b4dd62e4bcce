"""Tests of the judges of a bench."""

import pytest

from omniedit.config.bench import BenchConfig
from omniedit.config.schema import ScoringConfig
from omniedit.config.scoring import SHIPPED_STUDENT
from omniedit.errors import UserError
from omniedit.evaluation.bench.judges import choose_judges, describe_sampling
from omniedit.scoring.rubric_registry import edit_rubric

URL = "http://localhost:1/v1"
RUN = ScoringConfig.model_validate({"api": {"url": URL, "model": "gpt-4o-2024-08-06", "max_side": 512}})
BENCH = BenchConfig.model_validate(
    {
        "judges": {
            "gemini": {"judge": "api", "scoring": {"api": {"model": "gemini-2.5-pro"}}, "rubric": "viescore_editing"}
        }
    }
)


def test_a_judge_inherits_the_settings_of_the_run_and_overrides_them() -> None:
    gemini, api = choose_judges(["gemini", "api"], BENCH, RUN)
    assert (gemini.name, gemini.kind, gemini.rubric) == ("gemini", "api", "viescore_editing")
    assert (gemini.scoring.api.model, gemini.scoring.api.url, gemini.scoring.api.max_side) == (
        "gemini-2.5-pro",
        URL,
        512,
    )
    assert api.scoring.api.model == "gpt-4o-2024-08-06"


def test_local_judges_find_their_models() -> None:
    student, vlm = choose_judges(["student", "vlm"], BENCH, RUN)
    assert student.scorer == SHIPPED_STUDENT and str(vlm.scorer) == "models/qwen3_vl.json"


def test_none_selects_no_judge() -> None:
    assert choose_judges(["none"], BENCH, RUN) == []


@pytest.mark.parametrize(
    "name, problem", [("reference", "the truth of outside edits is unknown"), ("claude", "available: gemini, student")]
)
def test_an_unknown_judge_is_an_error(name: str, problem: str) -> None:
    with pytest.raises(UserError, match=problem):
        choose_judges([name], BENCH, RUN)


def test_invalid_settings_of_a_judge_raise_a_one_line_error() -> None:
    bench = BenchConfig.model_validate({"judges": {"x": {"judge": "api", "scoring": {"api": {"colour": "red"}}}}})
    with pytest.raises(UserError, match="colour: unknown key"):
        choose_judges(["x"], bench, RUN)


def test_sampling_description_states_the_request_options() -> None:
    (gemini,) = choose_judges(["gemini"], BENCH, RUN)
    assert (
        describe_sampling(gemini, edit_rubric()) == "1 pass at temperature 0, images at most 512 px a side, request {}"
    )
    assert "3 passes at temperature 0.7" in describe_sampling(gemini, edit_rubric().replace_passes(3))


ENSEMBLE = {"judges": {"small": {"judge": "student"}, "large": {"judge": "api"}}, "average": "mean"}


def test_an_ensemble_has_its_judges_and_their_sampling() -> None:
    own = {"judge": "ensemble", "scoring": {"ensemble": ENSEMBLE}, "rubric": "edit"}
    (both,) = choose_judges(["both"], BenchConfig.model_validate({"judges": {"both": own}}), RUN)
    assert {name: (each.name, each.kind, each.rubric) for name, each in both.members.items()} == {
        "small": ("both/small", "student", "edit"),
        "large": ("both/large", "api", "edit"),
    }
    assert both.kinds == {"student", "api"} and both.members["small"].scorer == SHIPPED_STUDENT
    sampling = describe_sampling(both, edit_rubric())
    assert sampling.startswith("mean of 2 judges, at least 2; small: readout median; large: 1 pass at temperature 0")


def test_ensemble_of_the_config_needs_no_entry() -> None:
    scoring = ScoringConfig.model_validate(RUN.model_dump() | {"ensemble": ENSEMBLE})
    (found,) = choose_judges(["ensemble"], BENCH, scoring)
    assert list(found.members) == ["small", "large"]


@pytest.mark.parametrize(
    "judges, problem",
    [
        ({"one": {"judge": "student"}}, "needs two or more judges in scoring.ensemble.judges"),
        ({"one": {"judge": "student"}, "two": {"judge": "reference"}}, "ensemble.judges.two: reference cannot score"),
    ],
)
def test_an_ensemble_that_cannot_score_is_an_error(judges: dict, problem: str) -> None:
    scoring = ScoringConfig.model_validate(RUN.model_dump() | {"ensemble": {"judges": judges}})
    with pytest.raises(UserError, match=problem):
        choose_judges(["ensemble"], BENCH, scoring)
