"""`proposals.source: api` through the workflow, with a local endpoint: proposals are requested once and shown."""

from pathlib import Path

import pyarrow.parquet as pq
import yaml

from helpers.chain import SMALL, checkout, rules_to_run, shrink_sample, snakemake, try_snakemake
from helpers.proposal_replies import answering
from helpers.vlm_server import Server, serving, status
from omniedit.imaging.images import Image
from omniedit.run.status import report
from omniedit.sources.photo_shard import PhotoShard
from omniedit.tasks import OMNIEDIT_TASKS

SHARD, PAGE = "results/small/proposals/00000.parquet", "results/small/report/proposals.html"
TARS = ["results/small/sources/00000.tar", "results/small/sources/bench.tar"]
PAIRS = 20


def configure(root: Path, endpoint: Server, learned: int = PAIRS, **proposals: object) -> None:
    tasks = {str(task): {"pairs_per_shard": learned, "specialist": "learned"} for task in OMNIEDIT_TASKS}
    api = {"url": endpoint.url, "model": "proposer", "key_env": None, **proposals.pop("api", {})}  # type: ignore[dict-item]
    judges = {"scoring": {"judge": "internvl", "teacher": None}, "bench": {**SMALL["bench"], "judge": "internvl"}}
    config = {**SMALL, **judges, "tasks": tasks, "proposals": {"source": "api", "api": api, **proposals}}
    (root / "small.yaml").write_text(yaml.safe_dump(config))


def read_photos(root: Path) -> dict[str, Image]:
    photos = {}
    for tar in TARS:
        with PhotoShard(root / tar) as shard:
            photos |= {Path(shard.metadata(row)["file"]).stem: shard[row].image for row in range(len(shard))}
    return photos


def test_proposals_are_requested_once_over_http_and_shown_on_a_page(tmp_path: Path) -> None:
    root = checkout(tmp_path, SMALL)
    shrink_sample(root / "photos")
    with serving(status(500, "Not yet.")) as endpoint:
        configure(root, endpoint)
        snakemake(root, *TARS)
        photos = read_photos(root)
        assert len(photos) == 9
        endpoint.behaviour = answering(photos)
        snakemake(root, PAGE)
        rows = pq.read_table(root / SHARD).to_pylist()
        assert {row["task"] for row in rows if row["proposal"]} == set(OMNIEDIT_TASKS)
        assert {row["prompt_hash"] for row in rows if row["proposal"]} == {rows[0]["prompt_hash"]}
        log = (root / "logs/small/propose/00000.log").read_text()
        assert "estimate for one pass over all photos: 21 requests" in log and "endpoint usage: " in log
        assert "enough proposals for every task from" in (root / "logs/small/propose/bench.log").read_text()
        page = (root / PAGE).read_text()
        assert all(task.label in page for task in OMNIEDIT_TASKS)
        assert "does not name the object" in page and "names the object" in page
        assert any(line.startswith("ask_for_proposals") for line in report("small", root))

        first, requests = (root / SHARD).read_bytes(), len(endpoint.bodies)
        snakemake(root, SHARD, "--forcerun", "ask_for_proposals")
        assert (root / SHARD).read_bytes() == first and len(endpoint.bodies) == requests
        configure(root, endpoint, api={"concurrency": 2, "max_requests": 500})
        assert rules_to_run(root, SHARD) == set()
        configure(root, endpoint, per_photo=1)
        assert rules_to_run(root, SHARD) == {"ask_for_proposals"}


def test_missing_api_key_stops_the_run_before_the_first_job(tmp_path: Path) -> None:
    root = checkout(tmp_path, SMALL)
    shrink_sample(root / "photos")
    with serving(status(500, "Never.")) as endpoint:
        configure(root, endpoint, api={"key_env": "NO_SUCH_KEY"})
        done = try_snakemake(root, SHARD)
    assert done.returncode == 1 and not (root / "results").exists()
    assert "error: the environment variable NO_SUCH_KEY is unset or empty; export the API key" in done.stderr


def test_local_proposals_fetch_the_model_and_use_their_own_rule(tmp_path: Path) -> None:
    root = checkout(tmp_path, SMALL)
    shrink_sample(root / "photos")
    with serving(status(500, "Never.")) as endpoint:
        configure(root, endpoint, source="local")
    assert rules_to_run(root, SHARD) == {"index_sources", "pack_sources", "fetch_model", "generate_proposals"}
