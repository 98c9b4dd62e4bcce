"""Passes of the judge `api` that the config sets: `scoring.api.passes`."""

from pathlib import Path

import pytest
from scoring.vlm_judges.test_api import GOOD, PAIRS

from helpers import vlm_server as server
from helpers.vlm_server import serving
from omniedit.config.schema import ApiConfig, ScoringConfig
from omniedit.scoring import Score
from omniedit.scoring.judges import api_judge
from omniedit.scoring.rubric_registry import api_rubric, judge_fingerprint


def test_each_pass_sends_its_own_request_and_is_cached(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(server.says(GOOD)) as running:
        config = ApiConfig(url=running.url, model="judge", key_env=None, cache=str(tmp_path), passes=3)
        for _ in range(2):
            with api_judge(config) as judge:
                (verdict,) = judge.judge(PAIRS[:1])
        assert isinstance(verdict, Score) and (verdict.o_spread, verdict.pq_score) == (0, 7)
        assert len(running.bodies) == 3 and len({body["seed"] for body in running.bodies}) == 3
    assert "3 replies from the cache" in capsys.readouterr().out


def test_the_fingerprint_includes_the_number_of_passes() -> None:
    def fingerprint(passes: int | None) -> str:
        return judge_fingerprint(ScoringConfig(api=ApiConfig(passes=passes)), "api")

    assert fingerprint(None) == fingerprint(1) != fingerprint(2) != fingerprint(3)


def test_the_passes_of_a_rubric_take_precedence() -> None:
    own = api_rubric(ApiConfig()).replace_passes(5)
    assert [api_rubric(ApiConfig(passes=2), rubric).passes for rubric in (None, own)] == [2, 5]
    assert api_rubric(ApiConfig()).passes == 1
