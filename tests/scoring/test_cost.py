"""Cost estimate of a run: its requests to an endpoint, counted by hand."""

import re
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from helpers.chain import REPOSITORY
from omniedit.cli.main import main
from omniedit.config.loading import load
from omniedit.config.schema import BenchConfig, Config
from omniedit.scoring.cost import cost, endpoint_questions
from omniedit.tasks import OMNIEDIT_TASKS, Task

API = {"url": "https://example.org/v1", "model": "gpt", "prompt_price": 2.0, "completion_price": 10.0}
TASKS = {task: {"pairs_per_shard": 0} for task in OMNIEDIT_TASKS} | {
    Task.OBJECT_SWAP: {"pairs_per_shard": 40},
    Task.STYLE_TRANSFER: {"pairs_per_shard": 6},
}


def config(**scoring: Any) -> Config:
    values = {"sources": {"shards": 5}, "tasks": TASKS, "bench": {"pairs_per_task": 7}}
    return Config.model_validate(values | {"scoring": {"api": API} | scoring})


def pairs(of: Config) -> dict[str, int]:
    return {each.what: each.pairs for each in endpoint_questions(of)}


def test_requests_cover_candidates_benchmark_and_canary() -> None:
    assert pairs(config(judge="api")) == {"candidates": 5 * 46, "canary, twice": 72}
    benched = config().model_copy(update={"bench": BenchConfig(judge="api", pairs_per_task=7)})
    assert pairs(benched) == {"benchmark": 3 * 2 * 7}
    assert "canary, twice" not in pairs(config(judge="api", canary=None))
    assert pairs(config(judge="reference")) == {} and cost(config(judge="student")) == []


@pytest.mark.parametrize(
    ("scoring", "lessons"),
    [
        ({}, 5 * 46 * 3),
        ({"teacher_shards": 2, "teacher_defects": 0}, 2 * 46),
        ({"teacher_shards": 9, "teacher_defects": 1}, 5 * 46 * 2),
        ({"teacher_pairs": 100, "teacher_defects": 0}, 5 * 20 + 5 * 6),
        ({"teacher_pairs": 7, "teacher_defects": 1}, (7 + 7) * 2),
        ({"judge": "api"}, 5 * 46 * 2),
    ],
)
def test_requests_of_a_teacher_cover_its_sample_and_defects(scoring: dict[str, Any], lessons: int) -> None:
    assert pairs(config(teacher="api", **scoring))["lessons"] == lessons


def test_paper_config_requests_50_000_lessons_per_task() -> None:
    paper = load(REPOSITORY / "config/paper.yaml")
    assert pairs(paper) == {"lessons": 7 * 50_000, "benchmark": 3 * 7 * 62}
    assert not [line for line in cost(paper) if "may end the run" in line]


def test_each_endpoint_of_an_ensemble_has_its_own_estimate() -> None:
    judges = {"a": {"judge": "api"}, "b": {"judge": "api", "api": API | {"model": "other", "max_requests": 9}}}
    found = config(judge="ensemble", ensemble={"judges": judges | {"c": {"judge": "student"}}}, teacher="api")
    assert pairs(found).keys() == {
        "candidates by a",
        "canary by a, twice",
        "candidates by b",
        "canary by b, twice",
        "lessons",
    }
    lines = cost(found)
    assert [line for line in lines if line.startswith("requests to")] == [
        f"requests to {model} with rubric 'edit', at most; cached replies are free:" for model in ("gpt", "other")
    ]
    assert "  scoring.ensemble.judges.b.api.max_requests: 9 may end the run before all requests are sent" in lines


def join_lines(lines: list[str]) -> tuple[int, int, int, float]:
    (line,) = [line for line in lines if "total:" in line]
    count, requests, tokens = (int(number.replace(",", "")) for number in re.findall(r"([\d,]+) [prt]", line))
    return count, requests, tokens, float(re.findall(r"([\d.]+) in money", line)[0])


def test_cost_covers_prompts_and_replies_and_an_exceeded_limit_is_reported() -> None:
    """Check two questions per pair, with three images and two full replies in all."""
    api = API | {"rubric": "viescore_editing", "tokens_per_picture": 1000, "max_money": 0.5, "max_requests": 1000}
    lines = cost(config(teacher="api", teacher_pairs=10, api=api))
    count, requests, tokens, money = join_lines(lines)
    replies, prompts = 800 * count, tokens - 800 * count
    assert (count, requests) == (60, 120) and 3000 * count < prompts < 4500 * count
    assert money == pytest.approx((2 * prompts + 10 * replies) / 1e6, rel=1e-3)
    assert [line for line in lines if "may end" in line] == [
        "  scoring.api.max_money: 0.5 may end the run before all requests are sent"
    ]


def test_plan_prints_requests_first_and_reports_an_unknown_cost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Replace the training plan, which takes seconds."""
    budget = SimpleNamespace(Machine=lambda *_: None, plan=lambda *_: ["the training"])
    monkeypatch.setitem(sys.modules, "omniedit.run.plan", budget)
    values = {"scoring": {"teacher": "api", "api": {"url": API["url"], "model": "gpt"}}}
    (tmp_path / "my.yaml").write_text(yaml.safe_dump(values))
    monkeypatch.setattr(sys, "argv", ["omniedit", "plan", "--config", str(tmp_path / "my.yaml")])
    main()
    first, *_, unknown, _, training = capsys.readouterr().out.splitlines()
    assert "requests to gpt with rubric 'edit', at most" in first and "the cost is unknown" in unknown
    assert training == "the training"
