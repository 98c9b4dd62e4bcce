"""Canary: it is the same in every run, and it detects a judge that drifts but not one that is only noisy."""

import runpy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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


PAIRS = canary_pairs()
SCRIPT = runpy.run_path(str(Path(__file__).parents[2] / "scripts/score_canary.py"))["load_judges"].__globals__


def record(judge: MovingJudge) -> list[dict]:
    return [row for number in range(2) for row in score_canary(judge, PAIRS, number)]


def test_the_pairs_are_fixed_and_the_reference_judge_tells_the_good_ones() -> None:
    assert len(PAIRS) == len({pair.pair_id for pair in PAIRS}) == 36
    again = canary_pairs()
    assert all((a.edited == b.edited).all() and (a.source == b.source).all() for a, b in zip(PAIRS, again, strict=True))
    verdicts = load_judge("reference").judge(PAIRS[:4])
    scores = {pair.pair_id.rpartition("-")[2]: verdict for pair, verdict in zip(PAIRS, verdicts, strict=False)}
    assert all(isinstance(score, Score) for score in scores.values())
    assert scores["unchanged"].o_score == 0 and scores["blurred"].pq_score < scores["asked"].pq_score - 1


@pytest.mark.parametrize(("judge", "loads"), [("reference", 1), ("student", 1), ("api", 2)])
def test_the_judge_is_loaded_once_and_an_endpoint_is_asked_anew_each_time(
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
    scored = [each.name for each in SCRIPT["load_judges"](scoring, len(PAIRS), None, None)]
    assert scored == ["moving"] * 2 and len(caches) == len(set(caches)) == loads
    assert (scoring.api.cache in caches) == (judge != "api")


def test_a_judge_that_stays_is_no_alarm_and_its_passes_are_in_one_order() -> None:
    first = record(MovingJudge())
    told = drift(record(MovingJudge()), first)
    assert (told["moved"], told["noise"], told["scored"], told["alarm"]) == (0, 0, 36, False)
    assert [row["pair_id"] for row in first[:36]] == [row["pair_id"] for row in first[36:]]


def test_a_move_is_an_alarm_and_its_direction_is_told() -> None:
    told = drift(record(MovingJudge(move=-0.3)), record(MovingJudge()))
    assert told["alarm"] and told["moved"] == pytest.approx(0.3) and told["bias"] == pytest.approx(-0.3)
    assert not drift(record(MovingJudge(move=0.08)), record(MovingJudge()))["alarm"]


def test_a_noisy_judge_is_given_twice_its_noise() -> None:
    told = drift(record(MovingJudge(noise=0.5)), record(MovingJudge()))
    assert told["moved"] > 0.1 and told["noise"] == pytest.approx(0.5 * 2 / np.pi**0.5, rel=0.4) and not told["alarm"]


def test_a_judge_that_lost_its_voice_is_an_alarm() -> None:
    told = drift(record(MovingJudge(blind_to="dogs")), record(MovingJudge()))
    assert told["alarm"] and (told["scored"], told["scored_in_one_only"], told["moved"]) == (32, 4, 0)
    silent = drift(record(MovingJudge(blind_to="canary")), record(MovingJudge(blind_to="canary")))
    assert (silent["moved"], silent["noise"], silent["alarm"]) == (None, None, True)


def test_a_record_is_read_back_and_kept_for_what_was_asked(tmp_path: Path) -> None:
    rows = record(MovingJudge())
    write_record(tmp_path / "a.parquet", rows, "july")
    assert read_record(tmp_path / "a.parquet") == (rows, "july")
    (tmp_path / "b.parquet").write_bytes((tmp_path / "a.parquet").read_bytes()[:-40])
    with pytest.raises(DamagedFile):
        read_record(tmp_path / "b.parquet")
    keys = {canary_key(MovingJudge(), asked, pairs) for asked in ("tokens", "reply") for pairs in (PAIRS, PAIRS[1:])}
    assert len(keys) == 4 and canary_key(MovingJudge(), "tokens", PAIRS) in keys
