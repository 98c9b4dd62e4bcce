"""Real DAG on small copies of the sample photos: what users do with a run, and the required results."""

import json
import re
import shlex
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from helpers.chain import (
    REPOSITORY,
    SAMPLE,
    SMALL,
    checkout,
    command,
    digest,
    environment,
    hold_jobs,
    make_holdable,
    rules_to_run,
    snakemake,
    try_snakemake,
)
from helpers.preloaded import run_snakemake
from omniedit.aspect import RATIOS
from omniedit.tasks import OMNIEDIT_TASKS, Task


def test_chain_reaches_an_editor_and_a_report(run: Path) -> None:
    results = run / "results/small"
    for task in OMNIEDIT_TASKS:
        assert (results / f"candidates/{task}/00000.h5").is_file()
        assert (results / f"decisions/{task}/00000.parquet").is_file()
    for ratio in RATIOS:
        assert (results / f"buckets/{ratio}.zarr/zarr.json").is_file()
    manifest = json.loads((results / "buckets/manifest.json").read_text())
    kept = sum(sum(pq.read_table(path)["kept"].to_pylist()) for path in results.glob("decisions/gathered/*.parquet"))
    assert sum(bucket["pairs"] for bucket in manifest["buckets"].values()) == kept > 0
    assert (results / "train/editnet/model_index.json").is_file()
    assert (results / "bench/table3.md").is_file()


def test_unusual_files_are_read_or_rejected_with_a_reason(run: Path) -> None:
    rows = {row["file"]: row for row in pq.read_table(run / "results/small/sources/index.parquet").to_pylist()}
    kept = {"cut out.png", "deep.tif", "again/print.jpg", *(path.name for path in SAMPLE.glob("*.jpg"))}
    assert {file for file, row in rows.items() if row["status"] == "kept"} == kept
    refused = {file: row["reason"] for file, row in rows.items() if row["status"] == "refused"}
    assert set(refused) == {"tiny.png", "print.jpg", "half.jpg", "words.png", "empty.webp", "bomb.png"}
    assert "decompression bomb" in refused["bomb.png"] and "duplicate" in refused["print.jpg"]


def test_second_run_plans_no_job(run: Path) -> None:
    """Allow the page that Slurm adds, in case the Slurm tests installed Slurm after this run."""
    assert rules_to_run(run, "all") <= {"report_efficiency"}


def test_deleted_files_are_rebuilt_bit_identically(run: Path, tmp_path: Path) -> None:
    """Include the files of training, which Slurm makes on another number of ranks."""
    root = shutil.copytree(run, tmp_path / "chain", symlinks=True)
    results = root / "results/small"
    files = [
        results / "scores/style_transfer/00000.parquet",
        results / "buckets/1x1.zarr/zarr.json",
        min(path for path in results.glob("buckets/*.zarr/edited/c/**/*") if path.is_file()),
        results / "scorer/model.safetensors",
        results / "train/base/transformer/diffusion_pytorch_model.safetensors",
        results / "train/editnet/transformer/diffusion_pytorch_model.safetensors",
    ]
    before = {path: digest(path) for path in files}
    for path in files:
        path.unlink()
    ends = [f"results/small/{end}/manifest.json" for end in ("scorer", "train/editnet")]
    ends.append("results/small/scores/style_transfer/00000.parquet")
    # Without the mtime trigger, Snakemake makes only these files and their dependents.
    snakemake(root, "--rerun-triggers", "input", "params", "code", "--", *ends)
    assert {path: digest(path) for path in files} == before


def test_threshold_change_reruns_decisions_but_not_synthesis_or_scoring(run: Path) -> None:
    rules = rules_to_run(run, "all", "--config", "filter={'min_score': 6}")
    assert {"decide_shard", "plan_buckets", "train_editor"} <= rules
    assert not rules & {"index_sources", "pack_sources", "synthesize_shard", "score_shard", "teach_shard"}


def test_decision_by_hand_reruns_decisions_but_not_synthesis_or_scoring(run: Path, tmp_path: Path) -> None:
    """Add the file, run the decisions, and remove it; a run without it has nothing to do before and after."""
    root = shutil.copytree(run, tmp_path / "chain", symlinks=True)
    decisions = root / "results/small/decisions"
    before = {path: digest(path) for path in decisions.glob("*/00000.parquet")}
    target = [str(path.relative_to(root)) for path in decisions.glob("gathered/*.parquet")]

    def read_reasons() -> dict[str, str]:
        files = [path for path in before if path.parent.name != "gathered"]
        return {row["pair_id"]: row["reason"] for path in files for row in pq.read_table(path).to_pylist()}

    of_reason = {reason: pair_id for pair_id, reason in read_reasons().items()}
    kept, rejected = of_reason["kept"], of_reason.get("below threshold") or of_reason["unscorable"]
    with (decisions / "human.jsonl").open("w") as file:
        for pair_id, decision in ((kept, "reject"), (rejected, "accept")):
            file.write(json.dumps({"pair_id": pair_id, "decision": decision, "who": "ada", "when": ""}) + "\nbroken\n")
    rules = rules_to_run(root, "all")
    assert {"decide_shard", "plan_buckets", "train_editor"} <= rules
    assert not rules & {"index_sources", "pack_sources", "synthesize_shard", "score_shard", "teach_shard"}
    snakemake(root, *target)
    assert "human.jsonl: line 2 is skipped" in (root / "logs/small/decide/00000.log").read_text()
    reasons = read_reasons()
    assert (reasons[kept], reasons[rejected]) == ("rejected by hand", "accepted by hand")
    assert rules_to_run(root, *target) == set()
    (decisions / "human.jsonl").unlink()
    snakemake(root, *target)
    assert {path: digest(path) for path in before} == before


def test_shipped_base_is_not_pretrained(run: Path, tmp_path: Path) -> None:
    assert {"pretrain_base", "train_editor"} <= rules_to_run(run, "all", "--forceall")
    shipped = {**SMALL, "train": {**SMALL["train"], "base": {"model": "shipped"}}}
    checkout(tmp_path, {**shipped, "sources": {**SMALL["sources"], "path": str(run / "photos")}})
    rules = rules_to_run(tmp_path, "all")
    assert "train_editor" in rules and "pretrain_base" not in rules


def test_single_shard_of_a_rule_can_be_rerun(run: Path) -> None:
    target = "results/small/scores/object_removal/00000.parquet"
    assert rules_to_run(run, target, "--forcerun", "score_shard") == {"score_shard"}


def test_canary_is_rescored_when_pairs_are(run: Path) -> None:
    forced = rules_to_run(run, "results/small/canary.json", "--forcerun", "score_shard")
    assert forced == {"score_shard", "score_canary"}


def test_killed_run_resumes_to_the_same_result(run: Path, tmp_path: Path) -> None:
    root = checkout(tmp_path, {**SMALL, "sources": {**SMALL["sources"], "path": str(run / "photos")}})
    targets = [f"results/small/scores/{task}/00000.parquet" for task in (Task.STYLE_TRANSFER, Task.OBJECT_REMOVAL)]
    make_holdable(root)
    for program, begun in (("pack_sources.py", "pack_sources/*.log"), ("synthesize.py", "synthesize/*/*.log")):
        with hold_jobs(root, program):
            killed = subprocess.Popen(
                command(*targets), cwd=root, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            while killed.poll() is None and not list((root / "logs/small").glob(begun)):
                time.sleep(0.01)
            killed.kill()
            assert killed.wait() == -signal.SIGKILL
    snakemake(root, *targets)
    for target in targets:
        assert digest(root / target) == digest(run / target)
    assert not list(root.glob("results/**/.*.tmp"))


def read_commands(page: str) -> list[str]:
    """Return the Snakemake commands that a page shows, as a shell would receive them."""
    lines = (REPOSITORY / page).read_text().splitlines()
    shown = [line.strip().partition(" # ")[0] for line in lines if line.startswith("    snakemake ")]
    return shown + [match for line in lines for match in re.findall("`(snakemake [^`]*)`", line)]


@pytest.mark.parametrize(
    "page",
    [
        *("README.md", "config/README.md"),
        *("docs/quickstart.md", "docs/your-own-data.md", "docs/slurm.md", "docs/specialists.md", "docs/training.md"),
        *("docs/judging.md", "docs/agreement.md", "docs/benchmarks.md", "docs/design.md"),
    ],
)
def test_documented_commands_work_as_shown(page: str, tmp_path: Path) -> None:
    root = checkout(tmp_path, SMALL)
    (root / "my.yaml").write_text("seed: 1")
    (root / "unfiltered.yaml").write_text("run: unfiltered")
    (root / "benchmarks").symlink_to(REPOSITORY / "benchmarks")
    home = tmp_path / "home"
    home.mkdir()
    (home / "omniedit").symlink_to(REPOSITORY)
    env = environment() | {"HOME": str(home)}
    # The inputs of config/smartedit.yaml take a command of their own; tests/workflow/test_smartedit.py plans it.
    shown = [line for line in read_commands(page) if "--report" not in line and "smartedit.yaml" not in line]
    assert shown
    for line in shown:
        program, *words = shlex.split(line.replace("~", str(home)))
        done = run_snakemake([*words, "--dry-run"], root, env)
        assert program == "snakemake" and done.returncode == 0, (line, done.stdout, done.stderr)


def test_second_concurrent_run_is_rejected(run: Path, tmp_path: Path) -> None:
    root = checkout(tmp_path, {**SMALL, "sources": {**SMALL["sources"], "path": str(run / "photos")}})
    target = f"results/small/candidates/{Task.ENVIRONMENT_CHANGE}/00000.h5"
    make_holdable(root)
    with hold_jobs(root):  # the first run is held until the second one has ended
        first = subprocess.Popen(
            command(target), cwd=root, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            lock = root / "results/small/omniedit.lock"
            while first.poll() is None and not (lock.is_file() and lock.read_text()):
                time.sleep(0.1)
            second = try_snakemake(root, target)
            assert second.returncode != 0
            (line,) = [line for line in second.stderr.splitlines() if line.startswith("error: ")]
            assert f"process {first.pid}" in line
        finally:
            first.kill()
            first.wait()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"sources": {"kind": "folder", "path": "nowhere"}}, ["small.yaml", "sources.path", "nowhere"]),
        ({"filter": {"min_score": 11}}, ["small.yaml", "filter.min_score", "11", "less than or equal to 10"]),
        ({"tasks": {"object_swop": {}}}, ["small.yaml", "tasks.object_swop", "object_swap"]),
        ({"scoring": {"judge": "gpt"}}, ["small.yaml", "scoring.judge", "'reference', 'student'"]),
    ],
)
def test_invalid_config_stops_with_one_line(change: dict, words: list[str], tmp_path: Path) -> None:
    line = dry_run_error(checkout(tmp_path, change))
    assert all(word in line for word in words), line


def test_batch_size_not_divisible_by_the_ranks_stops_with_one_line(tmp_path: Path) -> None:
    root = checkout(tmp_path, {"train": {"batch_size": 15}})
    line = dry_run_error(root, "--set-resources", "train_editor:ranks=2")
    assert all(word in line for word in ("small.yaml", "train.batch_size", "15", "2 ranks")), line


def dry_run_error(root: Path, *options: str) -> str:
    """Return the single error line of a failing dry run."""
    done = try_snakemake(root, "--dry-run", "all", *options)
    assert done.returncode != 0
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    return line


def test_empty_source_folder_error_names_key_and_remedy(tmp_path: Path) -> None:
    root = checkout(tmp_path, SMALL)
    (root / "photos").mkdir()
    done = try_snakemake(root, "all")
    assert done.returncode != 0
    assert "sources.path" in done.stderr and "jpeg png webp tiff" in done.stderr
