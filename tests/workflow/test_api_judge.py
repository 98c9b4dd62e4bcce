"""`scoring.judge: api` through the workflow, with a local endpoint: each request is sent only once."""

from pathlib import Path

import pyarrow.parquet as pq
import yaml

from helpers.chain import (
    SMALL,
    checkout,
    copy_results,
    rules_to_run,
    shrink_sample,
    snakemake,
    try_snakemake,
)
from helpers.vlm_server import MODEL, says, serving
from omniedit.run.status import report

TARGET = "results/small/scores/environment_change/00000.parquet"
REPLY = '{"score": [8, 9, 7], "reasoning": "Fine."}'


TEACHER_GROUPS = "results/small/teacher/environment_change/00000.parquet"


def configure(root: Path, teacher: str = "reference", **api: object) -> None:
    scoring = {"judge": "api", "teacher": teacher, "teacher_defects": 1, "api": api}
    (root / "small.yaml").write_text(yaml.safe_dump({**SMALL, "scoring": scoring}))


def test_shard_is_judged_over_http_and_a_rerun_sends_no_request(run: Path, tmp_path: Path) -> None:
    root = copy_results(run, tmp_path, SMALL, "sources", "objects", "candidates/environment_change")
    with serving(says(REPLY)) as endpoint:
        configure(root, url=endpoint.url, model="judge", key_env=None)
        snakemake(root, TARGET)
        rows = pq.read_table(root / TARGET).to_pylist()
        requests = len(endpoint.bodies)
        assert requests == len(rows) == SMALL["tasks"]["environment_change"]["pairs_per_shard"]
        assert {(row["status"], row["judge"], row["judge_version"]) for row in rows} == {("scored", "api", MODEL)}
        log = (root / "logs/small/score/environment_change/00000.log").read_text()
        assert "estimate, at most: 2 requests" in log and "endpoint usage: 2 requests, 2,100 tokens; 0 replies" in log
        first = (root / TARGET).read_bytes()

        snakemake(root, TARGET, "--forcerun", "ask_shard")
        assert (root / TARGET).read_bytes() == first and len(endpoint.bodies) == requests

        configure(root, "api", url=endpoint.url, model="judge", key_env=None)
        snakemake(root, TEACHER_GROUPS)
        lessons = pq.read_table(root / TEACHER_GROUPS).to_pylist()
        defects = [row for row in lessons if row["defect"]]
        assert len(lessons) == len(rows) + len(defects) and len(endpoint.bodies) == requests + len(defects) > requests
        assert {(row["judge"], row["reasoning"]) for row in lessons} == {("api", "Fine.")}

        assert any(line.startswith("ask_teacher") for line in report("small", root))
        assert any(line.startswith("ask_shard") for line in report("small", root))
        configure(root, url=endpoint.url, model="judge", key_env=None, max_requests=1, concurrency=2)
        assert rules_to_run(root, TARGET) == set()
        configure(root, url=endpoint.url, model="judge", key_env=None, rubric="viescore_editing")
        assert rules_to_run(root, TARGET) == {"ask_shard"}


def test_missing_api_key_stops_the_run_before_the_first_job(tmp_path: Path) -> None:
    root = checkout(tmp_path, SMALL)
    shrink_sample(root / "photos")
    configure(root, url="http://127.0.0.1:1/v1", model="judge", key_env="NO_SUCH_KEY")
    done = try_snakemake(root, TARGET)
    assert done.returncode == 1 and not (root / "results").exists()
    assert "error: the environment variable NO_SUCH_KEY is unset or empty; export the API key" in done.stderr
