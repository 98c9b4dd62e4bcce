"""Small chain through a real Slurm: the same results as on one machine, whatever happens to its jobs and nodes.

The end of pytest's output shows the duration of each case and the messages that the user saw.
"""

import csv
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from benchmarks.rehearsal import RUN
from helpers.chain import SHOWN, digest, environment, hold_jobs, snakemake
from helpers.rival_editors import SIX, serving_rivals
from helpers.slurm_chain import (
    CONFIG,
    IMPATIENT,
    LONG_S,
    NO_CONTROLLER,
    TASKS,
    Ended,
    digests,
    keep_tasks,
    processes,
    rehearsal_checkout,
    running_job,
    slurm_checkout,
    snakemake_on_slurm,
)
from helpers.slurm_cluster import Cluster, NoCluster, install, wait_until
from helpers.slurm_cluster import run as slurm_command
from omniedit.pairs import Shard
from omniedit.run.slurm_queue import FINAL_STATES, ask
from omniedit.tasks import Task

Show = Callable[[str, Ended], None]

SHARD = "candidates/background_swap/00000.h5"
TELLING = re.compile(r"error|fail|restart|Finished jobid|preempt|cancel|TIMEOUT|NODE_FAIL|damaged", re.IGNORECASE)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    private = Cluster(tmp_path_factory.mktemp("slurm"))
    try:
        install()
        private.start()
    except NoCluster as reason:
        private.stop()
        if os.environ.get("CI"):  # under .ci/run it must not be skipped
            raise
        pytest.skip(f"no Slurm here: {reason}")
    yield private
    private.stop()


@pytest.fixture(scope="module")
def chain(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ended]:
    """Run the whole chain, including pages, through Slurm once; return the folder and how Snakemake ended."""
    root = slurm_checkout(tmp_path_factory.mktemp("on_slurm"))
    with serving_rivals(root) as rivals:
        (root / "small.yaml").write_text(yaml.safe_dump(CONFIG | {"bench": CONFIG["bench"] | rivals}))
        ended = snakemake_on_slurm(root, "all", preloaded=True)
    assert ended.status == 0, ended.screen[-4000:]
    return root, ended


@pytest.fixture(scope="module")
def local(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the expected results: a copy of `run` with the same tasks, made on this machine alone."""
    return keep_tasks(shutil.copytree(run, tmp_path_factory.mktemp("local") / "chain", symlinks=True))


@pytest.fixture(scope="module")
def on_slurm(chain: tuple[Path, Ended]) -> Path:
    return chain[0]


@pytest.fixture
def show(record_property: Callable[[str, object], None]) -> Callable[[str, Ended], None]:
    """Return a function that records the duration of a case and the messages that the user saw."""

    def record_case(case: str, ended: Ended) -> None:
        lines = [line.strip()[:200] for line in ended.screen.splitlines() if TELLING.search(line)]
        record_property(SHOWN, "\n    ".join([f"{case}: {ended.seconds:.0f} s", *lines[:12]]))

    return record_case


def test_results_respect_the_umask_of_the_user(on_slurm: Path) -> None:
    files = [path for path in (on_slurm / "results").rglob("*") if path.is_file()]
    assert all(path.stat().st_mode & stat.S_IWGRP for path in files)


def test_jobs_request_the_resources_of_the_profile(on_slurm: Path) -> None:
    columns = "Account,Partition,ReqTRES,Timelimit,SubmitLine"
    lines = slurm_command("sacct", "--allocations", "--noheader", "--parsable2", f"--format={columns}").splitlines()
    (first, *_) = [line.split("|") for line in lines if "rule_synthesize_shard_" in line]
    account, partition, requested, limit, line = first
    assert (account, partition, limit) == ("lab", "gpu", "04:00:00")
    assert {"cpu=8", "mem=48000M", "gres/gpu=1"} <= set(requested.split(",")) and "h100:1" in line


def test_chain_makes_the_same_files_as_on_one_machine(local: Path, chain: tuple[Path, Ended], show: Show) -> None:
    on_slurm, ended = chain
    show(f"the chain, {len(ended.finished)} jobs", ended)
    here, there = digests(local), digests(on_slurm)
    assert len(there) > 50 and there == here
    assert (on_slurm / "results/small/bench/table3.md").is_file()


def test_six_editors_are_compared_on_a_set_by_slurm_jobs(on_slurm: Path) -> None:
    rows = list(csv.DictReader((on_slurm / "results/small/bench/sets/mine/table.csv").open()))
    scored = {row["row"]: row["value"] for row in rows if row["table"] == "Items" and row["column"] == "scored"}
    assert scored == {**dict.fromkeys(SIX, "2"), "outside": "1"}
    submitted = slurm_command("sacct", "--allocations", "--noheader", "--parsable2", "--format=SubmitLine")
    assert all(f"rule_compare_{step}_" in submitted for step in ("edit", "score", "measure", "table"))


def test_report_has_the_runtimes_of_all_rules(on_slurm: Path) -> None:
    command = [sys.executable, "-m", "snakemake", "--configfile", "small.yaml", "--report", "report.html", "all"]
    subprocess.run(command, cwd=on_slurm, env=environment(), check=True, capture_output=True)
    report = (on_slurm / "report.html").read_text()
    assert all(f'"{rule}"' in report for rule in ("index_sources", "train_editor"))


def test_efficiency_page_shows_slurm_accounting(on_slurm: Path) -> None:
    page = (on_slurm / "results/small/report/efficiency.html").read_text()
    assert "no answer" not in page
    assert all(rule in page for rule in ("synthesize_shard", "train_editor", "score_shard"))


def test_training_on_two_nodes_matches_one_machine(local: Path, on_slurm: Path) -> None:
    for here, there in zip(losses(local), losses(on_slurm), strict=True):
        assert there["step"] == here["step"]
        assert there.get("loss", 0) == pytest.approx(here.get("loss", 0), rel=1e-3)
    assert len(list((on_slurm / "logs/small/train_editor/editnet.log.ranks").rglob("stdout.log"))) == 4


def losses(root: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (root / "results/small/train/editnet.metrics.jsonl").read_text().splitlines()]


def test_single_shard_can_be_rerun_by_name(on_slurm: Path, local: Path, show: Show) -> None:
    ended = make_again(on_slurm, local, "scores/style_transfer/00000.parquet")
    assert ended.finished == ["score_shard"]
    show("undisturbed", ended)


def active_jobs(states: str = "all") -> set[str]:
    """Return the ids of the queued jobs that have not ended, optionally only of those in the given states."""
    jobs = ask("squeue", ["--noheader", f"--states={states}"], ["%i", "%T"])
    return {number for number, state in jobs if state not in FINAL_STATES}


def make_again(root: Path, local: Path, *results: str, disturb: Callable[[], None] = lambda: None) -> Ended:
    """Rebuild files of the run while `disturb` runs; check that all results are unchanged, without partial files."""
    targets = [f"results/small/{result}" for result in results]
    for target in targets:
        (root / target).unlink(missing_ok=True)
    ended = snakemake_on_slurm(root, *targets, disturb=disturb)
    assert ended.status == 0, ended.screen[-4000:]
    assert digests(root) == digests(local)
    assert not list(root.glob("results/**/.*.tmp"))
    return ended


def test_cancelled_hanging_and_disk_full_jobs_are_retried(on_slurm: Path, local: Path, show: Show) -> None:
    """Disturb three jobs at once: one is cancelled, one hangs until its time limit, one has too little disk space."""
    full = on_slurm / "results/small/candidates/style_transfer"
    log = on_slurm / "logs/small/synthesize/style_transfer/00000.log"

    def disturb() -> None:
        with hold_jobs(on_slurm) as release:
            cancelled = running_job("synthesize_shard", "background_swap")
            hung = running_job("synthesize_shard", "environment_change")
            slurm_command("scancel", cancelled)
            wait_until(lambda: cancelled not in active_jobs(), "the job to be cancelled", LONG_S)
            for pid in processes(on_slurm, "scripts/run.sh synthesize.py .*environment_change"):
                os.kill(pid, signal.SIGSTOP)
            release()
        slurm_command("scontrol", "update", f"JobId={hung}", "EndTime=now+1")  # time limits are in minutes
        wait_until(lambda: log.is_file() and "No space left" in log.read_text(), "the disk to be full", LONG_S)
        subprocess.run(["mount", "-o", "remount,size=64m", full], check=True)

    log.unlink()
    (full / "00000.h5").unlink()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", full], check=True)
    try:
        ended = make_again(on_slurm, local, *(f"candidates/{task}/00000.h5" for task in TASKS), disturb=disturb)
    finally:
        subprocess.run(["umount", full], check=True)
    show("scancel, a job that hangs until its time limit, a full disk, side by side", ended)
    assert ended.screen.count("Trying to restart job") >= 3
    make_again(on_slurm, local, "candidates/style_transfer/00000.h5")


def test_next_run_cancels_leftover_jobs_of_a_killed_controller(on_slurm: Path, local: Path, show: Show) -> None:
    left: list[str] = []

    def kill_controller() -> None:
        left.append(running_job("synthesize_shard"))
        os.kill(processes(on_slurm, IMPATIENT.name)[0], signal.SIGKILL)

    (on_slurm / "results/small" / SHARD).unlink()
    with hold_jobs(on_slurm) as release:

        def release_when_cancelled() -> None:
            wait_until(lambda: left[0] not in active_jobs(), "the job that was left to be cancelled", LONG_S)
            release()

        killed = snakemake_on_slurm(on_slurm, f"results/small/{SHARD}", disturb=kill_controller)
        assert killed.status == -signal.SIGKILL
        ended = make_again(on_slurm, local, SHARD, disturb=release_when_cancelled)
    show("SIGKILL of the controller, then the same command", ended)
    assert f"Slurm job {left[0]} (synthesize_shard" in ended.screen
    requested = ["--allocations", "--noheader", "--parsable2", f"--jobs={left[0]}", "--format=State"]
    assert slurm_command("sacct", *requested).startswith("CANCELLED")


def test_preempted_job_is_waited_for(on_slurm: Path, local: Path, show: Show) -> None:
    def preempt() -> None:
        with hold_jobs(on_slurm):
            job = running_job("synthesize_shard")
            urgent = ["--partition=urgent", "--account=lab", "--nodes=2", "--exclusive", "--wrap=sleep 5"]
            slurm_command("sbatch", "--output=/dev/null", *urgent)
            wait_until(lambda: job not in active_jobs("RUNNING"), "the job to be preempted", LONG_S)

    ended = make_again(on_slurm, local, SHARD, disturb=preempt)
    show("preemption", ended)
    assert not ended.tried_again


def test_lost_node_loses_only_its_job(cluster: Cluster, on_slurm: Path, local: Path, show: Show) -> None:
    def lose() -> None:
        with hold_jobs(on_slurm):
            job = running_job("synthesize_shard")
            node = slurm_command("squeue", "--noheader", f"--jobs={job}", "--format=%N").strip()
            cluster.kill_daemon(node)
            subprocess.run(["pkill", "-KILL", "-f", f"slurmstepd: .{job}"], check=False)
        time.sleep(5)
        cluster.start_daemon(node)

    ended = make_again(on_slurm, local, SHARD, disturb=lose)
    show("SIGKILL of slurmd and its job", ended)


def test_unavailable_slurm_controller_is_waited_for(cluster: Cluster, on_slurm: Path, local: Path, show: Show) -> None:
    def down() -> None:
        with hold_jobs(on_slurm):
            processes(on_slurm, "scripts/run.sh synthesize.py")
            cluster.kill_daemon("slurmctld", signal.SIGTERM)
        screen = on_slurm / "screen.txt"
        wait_until(lambda: NO_CONTROLLER in screen.read_text(), "Snakemake to ask in vain", LONG_S)
        wait_until((on_slurm / "results/small" / SHARD).is_file, "the job to end meanwhile", LONG_S)
        cluster.start_daemon("slurmctld")

    ended = make_again(on_slurm, local, SHARD, disturb=down)
    show("slurmctld down while a job ends", ended)


def test_damaged_shard_is_detected_and_made_again(on_slurm: Path, local: Path, show: Show) -> None:
    shard = on_slurm / "results/small" / SHARD
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    scores = "results/small/scores/background_swap/00000.parquet"
    (on_slurm / scores).unlink()

    found = snakemake_on_slurm(on_slurm, scores, preloaded=True)
    show("damaged shard", found)
    log = (on_slurm / "logs/small/score/background_swap/00000.log").read_text()
    assert found.status != 0 and "00000.h5: damaged" in log

    ended = make_again(on_slurm, local, "scores/background_swap/00000.parquet")
    show("the same command again", ended)
    assert "synthesize_shard" in ended.finished and digest(shard) == digest(local / "results/small" / SHARD)


def test_lost_rank_stops_training_and_the_retry_resumes(on_slurm: Path, local: Path, show: Show) -> None:
    results = on_slurm / "results/small/train"
    (results / "editnet/manifest.json").unlink()
    newest = max((results / "editnet.checkpoints").glob("step-*"))
    subprocess.run(["rm", "-r", newest], check=True)

    def kill_rank() -> None:
        running_job("train_editor")
        os.kill(processes(on_slurm, r"-u \S*scripts/train.py")[0], signal.SIGKILL)

    ended = snakemake_on_slurm(on_slurm, "results/small/train/editnet/manifest.json", disturb=kill_rank)
    show("a rank of two nodes killed", ended)
    assert ended.status == 0 and ended.tried_again and "(SIGKILL)" in ended.screen
    assert [line["loss"] for line in losses(on_slurm) if "loss" in line] == pytest.approx(
        [line["loss"] for line in losses(local) if "loss" in line], rel=1e-3
    )


def test_learned_specialists_make_the_same_pairs_as_on_one_machine(
    cluster: Cluster, tmp_path: Path, show: Show
) -> None:
    """Run the rehearsal on tiny models with random weights, one task for each way to edit.

    Each job uses one thread on both sides, because sums in another order would change grey levels.
    """
    on_slurm = rehearsal_checkout(tmp_path / "on_slurm")
    here = shutil.copytree(on_slurm, tmp_path / "here", symlinks=True)
    tasks = (Task.OBJECT_SWAP, Task.ENVIRONMENT_CHANGE, Task.STYLE_TRANSFER)
    shards = [f"results/{RUN}/candidates/{task}/00000.h5" for task in tasks]
    ended = snakemake_on_slurm(on_slurm, *shards, options=["--set-threads", "synthesize_shard=1"], preloaded=True)
    show(f"{len(tasks)} learned specialists, {len(ended.finished)} jobs", ended)
    assert ended.status == 0, ended.screen[-4000:]
    assert ended.finished.count("synthesize_shard") == len(tasks)
    snakemake(here, *shards)
    assert [digest(on_slurm / path) for path in shards] == [digest(here / path) for path in shards]
    for path in shards:
        with Shard(on_slurm / path) as shard:
            assert len(shard) and all(name.startswith(RUN) for pair in shard for name in pair.provenance["models"])
