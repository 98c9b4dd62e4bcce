"""InternVL as judge and as student through the workflow, with a tiny model of the real classes."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from helpers.chain import SMALL, copy_results, fetched_record, rules_to_run, snakemake, try_snakemake
from helpers.tiny_internvl import make_internvl
from omniedit.models.registry import get_model
from omniedit.scoring.rubric_registry import edit_rubric

TARGET = "results/small/scores/environment_change/00000.parquet"


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_internvl(tmp_path_factory.mktemp("weights") / "internvl", numbers_only=True)


@pytest.fixture
def root(run: Path, weights: Path, tmp_path: Path) -> Path:
    root = copy_results(run, tmp_path, SMALL, "sources", "objects", "candidates/environment_change")
    configure(root, max_tiles=1)
    (root / "models").mkdir()
    record = fetched_record(get_model("judge", root / "config/models.yaml"), weights)
    (root / "models/judge.json").write_text(json.dumps(record))
    return root


def configure(root: Path, **internvl: object) -> None:
    scoring = {"judge": "internvl", "readout": "tokens", "internvl": internvl}
    (root / "small.yaml").write_text(yaml.safe_dump({**SMALL, "scoring": scoring}))


def configure_student(root: Path, max_tiles: int = 1, **finetune: object) -> None:
    """Enable one task only, and judge it with a student that is fine-tuned on a few of its pairs."""
    options = {"model": "judge", "held_out": 0.5, "batch_size": 4, "dtype": "float32", "method": "full", **finetune}
    scoring = {"judge": "student", "internvl": {"max_tiles": max_tiles}, "finetune": options}
    tasks = {task: {"pairs_per_shard": 2 if task == "environment_change" else 0} for task in SMALL["tasks"]}
    (root / "small.yaml").write_text(yaml.safe_dump({**SMALL, "tasks": tasks, "scoring": scoring}))


def test_shard_is_judged_by_a_fetched_model(root: Path) -> None:
    snakemake(root, TARGET, "--rerun-triggers", "mtime")
    rows = pq.read_table(root / TARGET).to_pylist()
    assert len(rows) == SMALL["tasks"]["environment_change"]["pairs_per_shard"]
    version = "OpenGVLab/InternVL3-8B-hf@259a3b64a14623c0ec91a045cb43f7c5af5fa6af"
    recorded = {(row["status"], row["judge"], row["prompt_hash"], row["judge_version"]) for row in rows}
    assert recorded == {("scored", "internvl", edit_rubric().digest, version)}
    # All ten digits are equally likely, also after a leading 1, which becomes 10 with probability 0.1.
    assert all(row["pq_score"] == pytest.approx(4.5 + 0.1 * 0.9, abs=0.01) for row in rows)

    triggers = ("--rerun-triggers", "mtime", "params")
    configure(root, max_tiles=1, batch_size=2)
    assert rules_to_run(root, TARGET, *triggers) == set()
    configure(root, max_tiles=2)
    assert rules_to_run(root, TARGET, *triggers) == {"score_shard"}
    (root / "models/judge.json").unlink()
    assert {"fetch_model", "score_shard"} <= rules_to_run(root, TARGET, *triggers)


def test_shard_is_judged_by_a_model_finetuned_in_the_run(root: Path) -> None:
    configure_student(root)
    snakemake(root, TARGET, "--rerun-triggers", "mtime")
    scorer = root / "results/small/scorer"
    report = json.loads((scorer / "agreement.json").read_text())
    assert report["learnt_from"] and report["held_out"] == report["before"]["held_out"] > 0
    assert "loss" in json.loads((scorer / "metrics.jsonl").read_text().splitlines()[-1])
    rows = pq.read_table(root / TARGET).to_pylist()
    assert {(row["status"], row["judge"]) for row in rows} == {("scored", "student")}
    assert len({row["judge_version"] for row in rows}) == 1 and rows[0]["judge_version"].startswith("student ")

    triggers = ("--rerun-triggers", "mtime", "params")
    assert rules_to_run(root, TARGET, *triggers) == set()
    configure_student(root, max_tiles=2)
    assert rules_to_run(root, TARGET, *triggers) == {"finetune_student", "score_shard"}


def test_indivisible_finetuning_batch_is_rejected_before_the_first_job(root: Path) -> None:
    configure_student(root, batch_size=6, accumulate=2)
    done = try_snakemake(root, TARGET)
    assert done.returncode and "small.yaml" in done.stderr
    assert "scoring.finetune.batch_size: 6 cannot be shared by the profile's 2 ranks of finetune_student" in done.stderr
