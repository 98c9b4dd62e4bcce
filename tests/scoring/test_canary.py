"""Canary: it is the same in every run, and it detects a judge that drifts but not one that is only noisy."""

import runpy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from omniedit.config.schema import ApiConfig, ScoringConfig
from omniedit.errors import DamagedFile
from omniedit.pairs import EditPair
from omniedit.scoring import Score, Unscorable, load_judge
from omniedit.scoring.canary import canary_key, canary_pairs, drift, read_record, score_canary, write_record


class MovingJudge:
    """Judge that scores a pair's grey level, with an offset and noise."""

    name, version, prompt_hash, batch_size = "moving", "1", "hash", 7

    def __init__(self, move: float = 0.0, noise: float = 0.0, blind_to: str = "none") -> None:
        self.move, self.noise, self.blind_to, self.rng = move, noise, blind_to, np.random.default_rng(0)

    def judge(self, pairs: Sequence[EditPair]) -> list[Score | Unscorable]:
        return [self._verdict(pair) for pair in pairs]

    def _verdict(self, pair: EditPair) -> Score | Unscorable:
        if self.blind_to in pair.pair_id:
            return Unscorable("cut off")
        score = float(np.clip(pair.edited.mean() / 40 + self.move + self.rng.normal(0, self.noise), 0, 10))
        return Score(score, score, score)


SCRIPT = runpy.run_path(str(Path(__file__).parents[2] / "scripts/score_canary.py"))["load_judges"].__globals__


@cache
def canary() -> list[EditPair]:
    return list(canary_pairs())


def record(judge: MovingJudge) -> list[dict]:
    return [row for number in range(2) for row in score_canary(judge, canary(), number)]


def test_pairs_are_fixed_and_the_reference_judge_recognises_the_good_ones() -> None:
    assert len(canary()) == len({pair.pair_id for pair in canary()}) == 36
    again = canary_pairs()
    assert all(
        (a.edited == b.edited).all() and (a.source == b.source).all() for a, b in zip(canary(), again, strict=True)
    )
    verdicts = load_judge("reference").judge(canary()[:4])
    scores = {pair.pair_id.rpartition("-")[2]: verdict for pair, verdict in zip(canary(), verdicts, strict=False)}
    assert all(isinstance(score, Score) for score in scores.values())
    assert scores["unchanged"].o_score == 0 and scores["blurred"].pq_score < scores["asked"].pq_score - 1


@pytest.mark.parametrize(("judge", "loads"), [("reference", 1), ("student", 1), ("api", 2)])
def test_a_judge_is_loaded_once_and_an_endpoint_is_asked_without_its_cache(
    judge: str, loads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    caches: list[str] = []

    @contextmanager
    def open_priced_judge(
        name: str, pairs: int, scorer: Path | None, scoring: ScoringConfig, spent: Path | None
    ) -> Iterator:
        caches.append(scoring.api.cache)
        yield MovingJudge()

    monkeypatch.setitem(SCRIPT, "open_priced_judge", open_priced_judge)
    scoring = ScoringConfig(judge=judge, api=ApiConfig(url="http://localhost/v1", model="judge"))
    scored = [each.name for each in SCRIPT["load_judges"](scoring, len(canary()), None, None)]
    assert scored == ["moving"] * 2 and len(caches) == len(set(caches)) == loads
    assert (scoring.api.cache in caches) == (judge != "api")


def test_an_unchanged_judge_raises_no_alarm() -> None:
    first = record(MovingJudge())
    change = drift(record(MovingJudge()), first)
    assert (change["moved"], change["noise"], change["scored"], change["alarm"]) == (0, 0, 36, False)
    assert [row["pair_id"] for row in first[:36]] == [row["pair_id"] for row in first[36:]]


def test_a_drift_raises_an_alarm_with_its_direction() -> None:
    change = drift(record(MovingJudge(move=-0.3)), record(MovingJudge()))
    assert change["alarm"] and change["moved"] == pytest.approx(0.3) and change["bias"] == pytest.approx(-0.3)
    assert not drift(record(MovingJudge(move=0.08)), record(MovingJudge()))["alarm"]


def test_the_alarm_tolerates_twice_the_noise() -> None:
    change = drift(record(MovingJudge(noise=0.5)), record(MovingJudge()))
    assert (
        change["moved"] > 0.1
        and change["noise"] == pytest.approx(0.5 * 2 / np.pi**0.5, rel=0.4)
        and not change["alarm"]
    )


def test_fewer_scored_pairs_raise_an_alarm() -> None:
    change = drift(record(MovingJudge(blind_to="dogs")), record(MovingJudge()))
    assert change["alarm"] and (change["scored"], change["scored_in_one_only"], change["moved"]) == (32, 4, 0)
    silent = drift(record(MovingJudge(blind_to="canary")), record(MovingJudge(blind_to="canary")))
    assert (silent["moved"], silent["noise"], silent["alarm"]) == (None, None, True)


def test_records_read_back_unchanged_and_their_key_depends_on_settings_and_pairs(tmp_path: Path) -> None:
    rows = record(MovingJudge())
    write_record(tmp_path / "a.parquet", rows, "july")
    assert read_record(tmp_path / "a.parquet") == (rows, "july")
    (tmp_path / "b.parquet").write_bytes((tmp_path / "a.parquet").read_bytes()[:-40])
    with pytest.raises(DamagedFile):
        read_record(tmp_path / "b.parquet")
    keys = {
        canary_key(MovingJudge(), mode, pairs) for mode in ("tokens", "reply") for pairs in (canary(), canary()[1:])
    }
    assert len(keys) == 4 and canary_key(MovingJudge(), "tokens", canary()) in keys
