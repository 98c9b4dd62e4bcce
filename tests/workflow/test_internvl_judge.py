"""`scoring.judge: internvl` through the workflow, on a tiny model of the real classes where the hub's would lie."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml
from scoring.tiny_internvl import make_internvl

from omniedit.scoring.rubric import edit_rubric
from omniedit.weights import model_of
from workflow.chain import SMALL, checkout, rules_to_run, shrink_sample, snakemake
from workflow.test_fetched_base import fetched

TARGET = "results/small/scores/environment_change/00000.parquet"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = checkout(tmp_path, SMALL)
    configure(root, max_tiles=1)
    shrink_sample(root / "photos")
    (root / "models").mkdir()
    record = fetched(
        model_of("judge", root / "config/models.yaml"), make_internvl(tmp_path / "internvl", numbers_only=True)
    )
    (root / "models/judge.json").write_text(json.dumps(record))
    return root


def configure(root: Path, **internvl: object) -> None:
    (root / "small.yaml").write_text(yaml.safe_dump({**SMALL, "scoring": {"judge": "internvl", "internvl": internvl}}))


def test_a_shard_is_judged_by_a_fetched_model(root: Path) -> None:
    snakemake(root, TARGET, "--rerun-triggers", "mtime")
    rows = pq.read_table(root / TARGET).to_pylist()
    assert len(rows) == SMALL["tasks"]["environment_change"]["pairs_per_shard"]
    version = "OpenGVLab/InternVL3-8B-hf@259a3b64a14623c0ec91a045cb43f7c5af5fa6af"
    told = {(row["status"], row["judge"], row["prompt_hash"], row["judge_version"]) for row in rows}
    assert told == {("scored", "internvl", edit_rubric().digest, version)}
    assert all(row["pq_score"] == pytest.approx(4.5 + 0.1 * 0.9, abs=0.01) for row in rows)  # a 1 is a 10 in 10 of 100

    triggers = ("--rerun-triggers", "mtime", "params")
    configure(root, max_tiles=1, batch_size=2)
    assert rules_to_run(root, TARGET, *triggers) == set()
    configure(root, max_tiles=2)
    assert rules_to_run(root, TARGET, *triggers) == {"score_shard"}
    (root / "models/judge.json").unlink()
    assert {"fetch_model", "score_shard"} <= rules_to_run(root, TARGET, *triggers)
