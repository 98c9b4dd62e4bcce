"""`scoring.judge: ensemble` in the workflow: each judge's scores once, then their combination and the filter."""

import json
import shutil
import sys
from pathlib import Path
from runpy import run_path

import numpy as np
import pytest
import yaml

from helpers.chain import REPOSITORY, SMALL, checkout, environment, shrink_sample
from helpers.preloaded import run_snakemake
from omniedit.config.schema import Config
from omniedit.pairs import EditPair, write_shard
from omniedit.scoring.score_table import SCORES_SCHEMA
from omniedit.storage.parquet import read_rows, write_rows
from omniedit.tasks import Task

JUDGES = {
    "truth": {"judge": "reference"},
    "tiny": {"judge": "student", "readout": "tokens"},
    "gpt": {"judge": "api", "api": {"url": "http://127.0.0.1:1/v1", "model": "m", "key_env": None}},
}
SCORING = {"judge": "ensemble", "ensemble": {"judges": JUDGES}}
PAIR = "results/small/judges/{judge}/style_transfer/00000.parquet"


def test_dry_run_plans_scores_by_each_judge_and_their_combination(tmp_path: Path) -> None:
    config = {**SMALL, "scoring": {**SMALL["scoring"], **SCORING}, "filter": {"max_disagreement": 2}}
    root = checkout(tmp_path, config)
    shrink_sample(root / "photos")
    done = run_snakemake(["--configfile", "small.yaml", "--cores", "1", "-n", "-p", "all"], root, environment())
    assert done.returncode == 0, done.stderr
    planned = done.stdout + done.stderr
    counts = {
        name: int(count)
        for name, count in (
            line.split() for line in planned.splitlines() if len(line.split()) == 2 and line.split()[1].isdecimal()
        )
    }
    tasks = len(SMALL["tasks"])
    assert (counts["score_by_judge"], counts["ask_by_judge"], counts["combine_scores"]) == (2 * tasks, tasks, tasks)
    assert counts["score_canary_by_judge"] == 3 and not {"score_shard", "ask_shard", "score_canary"} & counts.keys()
    assert "--judge reference --out" in planned and "--max-disagreement 2" in planned
    assert "--judge student --config results/small/config.json --scorer results/small/scorer --member tiny" in planned
    assert "--judge api --config results/small/config.json --spent results/small/spent/gpt --member gpt" in planned


def run_script(name: str, *arguments: object) -> None:
    sys.argv = [name, *map(str, arguments)]
    run_path(str(REPOSITORY / "scripts" / name), run_name="__main__")


def test_the_scripts_score_by_one_judge_combine_and_decide(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Score by a student that writes replies, with two readouts, next to a table of scores by hand."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [])
    photos = np.random.default_rng(0).integers(0, 255, (3, 32, 32, 3), np.uint8)
    pairs = [
        EditPair(
            f"p{n}", Task.STYLE_TRANSFER, (f"Style {n}.",), photo, photo // 2, None, {"source_id": "s", "ratio": "1x1"}
        )
        for n, photo in enumerate(photos)
    ]
    shard = write_shard(tmp_path / "pairs.h5", Task.STYLE_TRANSFER, "embedded", 0, pairs)
    judges = {"mean": {"judge": "student", "readout": "tokens"}, "whole": {"judge": "student", "readout": "median"}}
    values = {"judge": "ensemble", "ensemble": {"judges": judges}, "student": {"start": "shipped"}, "teacher": None}
    config = Config.model_validate({"scoring": values})
    Path("config.json").write_text(json.dumps(config.model_dump(mode="json")))
    shipped = shutil.copytree(
        REPOSITORY / "omniedit/scoring/shipped", tmp_path / "student", ignore=shutil.ignore_patterns("head.npz")
    )
    for name in judges:
        run_script(
            "score.py",
            "pairs.h5",
            "--judge",
            "student",
            "--scorer",
            shipped,
            "--config",
            "config.json",
            "--member",
            name,
            "--out",
            f"{name}.parquet",
        )
    mean, whole = read_rows("mean.parquet"), read_rows("whole.parquet")
    assert all(row["o_score"] == 0 or row["pq_score"] == round(row["pq_score"]) for row in whole)
    assert [row["pq_score"] for row in mean] != [row["pq_score"] for row in whole], "each has its own readout"
    strict = [row | {"o_score": 0.0, "sc_score_1": 0.0} for row in whole]
    write_rows("strict.parquet", strict, SCORES_SCHEMA)
    combination = json.dumps({"average": "mean", "disagreement": "range"})
    run_script(
        "combine_scores.py",
        "mean.parquet",
        "whole.parquet",
        "strict.parquet",
        "--judges",
        "mean",
        "whole",
        "strict",
        "--combination",
        combination,
        "--out",
        "scores.parquet",
    )
    rows = read_rows("scores.parquet")
    for row, *each in zip(rows, mean, whole, strict, strict=True):
        own = [judge["o_score"] for judge in each]
        assert row["o_score"] == pytest.approx(sum(own) / 3) and row["disagreement"] == pytest.approx(
            max(own) - min(own)
        )
    write_rows("bench.parquet", [], SCORES_SCHEMA)
    most = sorted(row["disagreement"] for row in rows)[1]
    run_script(
        "decide.py",
        "--scores",
        "scores.parquet",
        "--candidates",
        "pairs.h5",
        "--bench",
        "bench.parquet",
        "--min-score",
        0,
        "--max-disagreement",
        most,
        "--out",
        "d.parquet",
    )
    reasons = [row["reason"] for row in read_rows("d.parquet")]
    assert reasons.count("the judges disagree") == sum(row["disagreement"] > most for row in rows) > 0
    assert shard is None or shard


def test_the_scripts_reject_unknown_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [])
    write_rows("a.parquet", [], SCORES_SCHEMA)
    with pytest.raises(SystemExit):
        run_script("combine_scores.py", "a.parquet", "--judges", "a", "b", "--out", "o.parquet")
    assert "give one name for each file" in capsys.readouterr().err
    Path("config.json").write_text(yaml.safe_dump({}))
    Path("config.json").write_text("{}")
    with pytest.raises(SystemExit):
        run_script(
            "score.py", "a.h5", "--judge", "student", "--config", "config.json", "--member", "b", "--out", "o.parquet"
        )
    assert "no judge 'b'; available: none" in capsys.readouterr().err
