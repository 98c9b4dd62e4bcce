"""The small chain through a real Slurm: the same results as on one machine, whatever happens to its jobs."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from slurm.cluster import Cluster, install, wait_until
from slurm.cluster import run as slurm_command
from workflow.chain import REPOSITORY, SMALL, checkout, digest, environment

WANTED = "OMNIEDIT_TEST_SLURM"
"""Set it to run these tests: they start daemons as root, write /etc/slurm and take a quarter of an hour on 2 cores."""
pytestmark = pytest.mark.skipif(
    WANTED not in os.environ, reason=f"set {WANTED}=1 to start a private Slurm, as root, on Debian"
)

SITE = {"account": "lab", "gpu_model": "h100", "gpus_per_node": 1, "train_nodes": 2, "jobs": 8}
END = "results/small/train/editnet/manifest.json"
"""The student, the benchmark and the report are left out: they would be as many jobs again."""
SAME_BYTES = ("sources", "objects", "candidates", "scores", "decisions", "buckets")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    private = Cluster(tmp_path_factory.mktemp("slurm"))
    try:
        install()
        private.start()
        yield private
    finally:
        private.stop()


@pytest.fixture(scope="module")
def on_slurm(cluster: Cluster, run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like that of `run`, whose jobs go to Slurm; the chain went through there once."""
    root = slurm_checkout(tmp_path_factory.mktemp("on_slurm"), run)
    through_slurm(root, END)
    return root


def slurm_checkout(root: Path, run: Path) -> Path:
    checkout(root, {**SMALL, "sources": {**SMALL["sources"], "path": str(run / "photos")}})
    site = yaml.safe_load((REPOSITORY / "profiles/slurm/site.yaml").read_text())
    (root / "site.yaml").write_text(yaml.safe_dump(site | SITE))
    shutil.copyfile(REPOSITORY / "profiles/slurm/partitions.yaml", root / "partitions.yaml")
    return root


def slurm_snakemake(root: Path, *targets: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "snakemake", "--profile", "profiles/slurm", "--configfile", "small.yaml"]
    command += ["--slurm-init-seconds-before-status-checks", "2", "--set-threads", "train_editor=2", "--", *targets]
    variables = {**environment(), "OMNIEDIT_SITE": str(root / "site.yaml")}
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=root, env=variables, stdout=pipe, stderr=subprocess.STDOUT, text=True)


def through_slurm(root: Path, *targets: str, harm: Callable[[], None] = lambda: None) -> str:
    """Run until the targets are there, with `harm` done meanwhile; what the user saw."""
    controller = slurm_snakemake(root, *targets)
    try:
        harm()
        seen, _ = controller.communicate(timeout=600)
    finally:
        controller.kill()
    assert controller.returncode == 0, seen[-4000:]
    return seen


def running_job(rule: str) -> str:
    """The id of a job of a rule, once one runs."""
    found: list[str] = []

    def is_there() -> bool:
        lines = slurm_command("squeue", "--noheader", "--states=RUNNING", "--format=%i %k").splitlines()
        found.extend(line.split()[0] for line in lines if f"rule_{rule}" in line)
        return bool(found)

    wait_until(is_there, f"a job of {rule} to run", 120)
    return found[0]


def digests(root: Path) -> dict[str, str]:
    """Of what a run makes the same anywhere, by path."""
    results = root / "results/small"
    files = (path for stage in SAME_BYTES for path in (results / stage).rglob("*") if path.is_file())
    return {file.relative_to(root).as_posix(): digest(file) for file in files}


def test_the_chain_gives_the_same_files_as_on_one_machine(run: Path, on_slurm: Path) -> None:
    here, there = digests(run), digests(on_slurm)
    assert {path.split("/")[2] for path in there} == set(SAME_BYTES) and len(there) > 50
    assert there == {path: digest for path, digest in here.items() if path in there}


def test_two_nodes_train_as_one_does(run: Path, on_slurm: Path) -> None:
    metrics = [
        (root / "results/small/train/editnet.metrics.jsonl").read_text().splitlines() for root in (run, on_slurm)
    ]
    for line_here, line_there in zip(*metrics, strict=True):
        here, there = json.loads(line_here), json.loads(line_there)
        assert there["step"] == here["step"]
        assert there.get("loss", 0) == pytest.approx(here.get("loss", 0), rel=1e-3)
    logs = list((on_slurm / "logs/small/train_editor.log.ranks").rglob("stdout.log"))
    assert len(logs) == 2


def test_one_shard_again_by_name(on_slurm: Path, run: Path) -> None:
    target = "results/small/scores/style_transfer/00000.parquet"
    (on_slurm / target).unlink()
    seen = through_slurm(on_slurm, target)
    assert re.findall(r"Finished jobid: \d+ \(Rule: (\w+)\)", seen) == ["score_shard"]
    assert digest(on_slurm / target) == digest(run / target)


def harmed(root: Path, run: Path, harm: Callable[[str], None]) -> str:
    """Make a candidate file again and do harm to its job; the file must be the same. What the user saw."""
    target = "results/small/candidates/background_swap/00000.h5"
    (root / target).unlink()
    seen = through_slurm(root, target, harm=lambda: harm(running_job("synthesize_shard")))
    assert digest(root / target) == digest(run / target)
    assert not list(root.glob("results/**/.*.tmp"))
    return seen


def test_a_cancelled_job_is_tried_again(cluster: Cluster, on_slurm: Path, run: Path) -> None:
    seen = harmed(on_slurm, run, lambda job: slurm_command("scancel", job))
    assert "Trying to restart job" in seen
