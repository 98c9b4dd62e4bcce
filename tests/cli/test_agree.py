"""`omniedit agree` and `omniedit reward-bench`: published files as they are, both outputs, one line for errors."""

import json
from pathlib import Path
from typing import Any

import pytest

from omniedit.cli import main as cli

PUBLISHED = Path(__file__).parents[1] / "evaluation/published"
SCORES, RATINGS = PUBLISHED / "viescore/gpt4o_0shot.csv", PUBLISHED / "viescore/imagenhub_ratings"
EDITING = RATINGS / "ImagenHub_Text-Guided_IE"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    def run_command(*words: object) -> str:
        monkeypatch.setattr("sys.argv", ["omniedit", *map(str, words)])
        cli.main()
        return capsys.readouterr().out

    return run_command


@pytest.mark.parametrize(
    ("protocol", "people", "judge"),
    [
        ("viescore", (0.4230, 0.5052, 0.4184), (0.4062, 0.4863, 0.3822)),
        ("raters", (0.512, 0.570, 0.506), (0.371, 0.460, 0.332)),
    ],
)
def test_published_figures_of_text_guided_editing_are_reproduced_by_both_protocols(
    run: Any, protocol: str, people: tuple, judge: tuple
) -> None:
    figures = json.loads(run("agree", SCORES, EDITING, "--protocol", protocol, "--json"))
    for who, expected in (("people", people), ("judge", judge)):
        assert [figures[who][score] for score in ("sc", "pq", "o")] == pytest.approx(expected, abs=6e-4)
        low, high = figures["intervals"][who]["o"]
        assert low < figures[who]["o"] < high
    assert figures["images"] == 1432 and figures["protocol"] == protocol and "cannot be compared" in figures["reason"]


def test_json_has_tasks_mean_and_thresholds(run: Any) -> None:
    figures = json.loads(run("agree", SCORES, RATINGS, "--json"))
    assert list(figures) == [
        "protocol",
        "reason",
        "scores",
        "ratings",
        "images",
        "models",
        "raters",
        "judge",
        "people",
    ] + [*("intervals", "tasks", "skipped", "good", "thresholds")]
    assert [(row["task"], row["images"], row["models"]) for row in figures["tasks"]] == [
        ("ImagenHub_Control-Guided_IG", 300, 2),
        ("ImagenHub_Text-Guided_IE", 1432, 8),
    ]
    assert figures["skipped"] == {"rated_without_score": 179, "scored_without_rating": 0} and figures["good"] == 0.7
    five = next(row for row in figures["thresholds"] if row["task"].endswith("_IE") and row["threshold"] == 5)
    assert (five["kept"], five["share"], five["precision"], five["all_good"]) == (248, 0.1732, 0.3306, 114)


def test_text_states_the_protocol_and_shows_thresholds_and_tasks_on_request(run: Any) -> None:
    text = run("agree", SCORES, RATINGS)
    assert text.startswith("| task | images | people SC |") and "--protocol viescore compares" in text
    assert "| all | 5 |" in text and "| ImagenHub\\_Text-Guided\\_IE | 5 |" not in text
    text = run("agree", SCORES, RATINGS, "--thresholds", "--good", "0.9")
    assert "| ImagenHub\\_Text-Guided\\_IE | 5 | 248 | 17.3% |" in text and "people's mean O is at least 0.9" in text


def test_ratings_above_1_require_the_option_good(
    run: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("s.csv").write_text("pair_id,status,sc_score,pq_score,o_score\np,scored,9,9,9\nq,scored,1,1,1\n")
    for ratings in ("p,ann,8,8\nq,ann,2,2\n", "p,ann,5,0\nq,ann,2,0.5\n"):
        Path("r.csv").write_text(f"pair_id,rater,sc,pq\n{ratings}")
        assert "thresholds: ratings exceed 1; give --good" in run("agree", "s.csv", "r.csv")
    Path("r.csv").write_text("pair_id,rater,sc,pq\np,ann,8,8\nq,ann,2,2\n")
    assert json.loads(run("agree", "s.csv", "r.csv", "--json"))["thresholds"] == []
    assert "| all | 5 | 1 | 50.0% | 1 | 1.00 | - | 1.00 |" in run("agree", "s.csv", "r.csv", "--good", "7")
    for words, error in (
        (["r.csv", "--thresholds"], "r.csv: ratings exceed 1; give --good"),
        (["s.csv", "--thresholds"], "--thresholds: needs people's ratings, but s.csv is a table of scores"),
        (["s.csv", "--protocol", "viescore"], "--protocol: needs people's ratings"),
        (["none"], "none: no such file; give a .parquet, .csv or .tsv file"),
    ):
        with pytest.raises(SystemExit):
            run("agree", "s.csv", *words)
        assert error in capsys.readouterr().err
    assert json.loads(run("agree", "s.csv", "s.csv", "--json"))["pairs"] == 2


def test_a_reward_bench_prints_text_and_json(run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    votes = PUBLISHED / "genai_bench/gpt4o_votes.jsonl"
    figures = json.loads(run("reward-bench", "genai", votes, "--json"))
    assert (figures["bench"], figures["total"], figures["correct"], figures["accuracy"]) == ("genai", 100, 58, 58.0)
    assert "| all | 100 | 58 | 58.00 | 48.21 to 67.20 |" in run("reward-bench", "genai", votes)
    with pytest.raises(SystemExit):
        run("reward-bench", "genai", "none.jsonl")
    assert "none.jsonl: no such file" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        run("reward-bench", "gedit2", votes)
    error = "has no row of VCReward-Bench of GEditBench v2 (100 rows: no vote of people); docs/agreement.md"
    assert error in capsys.readouterr().err


def test_self_preference_is_measured_if_both_families_are_known(run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    lines = run("agree", SCORES, EDITING, "--judge-model", "gpt-4o").splitlines()
    assert "self-preference: no task has rated edits by models of OpenAI and by others" in lines
    figures = json.loads(run("agree", SCORES, EDITING, "--judge-model", "gpt-4o", "--json"))["self_preference"]
    assert figures == {"family": "OpenAI", "own": 0, "others": 0, "difference": None, "interval": None}
    with pytest.raises(SystemExit):
        run("agree", SCORES, EDITING, "--judge-model", "mine")
    assert "--judge-model: no known family in 'mine'" in capsys.readouterr().err
