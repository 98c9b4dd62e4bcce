"""All seven learned specialists through the workflow, with the tiny models of the rehearsal."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from benchmarks import rehearsal
from helpers.chain import rules_to_run, snakemake
from omniedit.pairs import Shard
from omniedit.specialists.learned.shared_models import OWN_INPAINTING
from omniedit.storage.manifest import MANIFEST, checksum
from omniedit.tasks import OMNIEDIT_TASKS, Task

RESULTS = f"results/{rehearsal.RUN}"
SHARDS = {task: f"{RESULTS}/candidates/{task}/00000.h5" for task in OMNIEDIT_TASKS}
PAIRS = 3


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the rehearsal's folder, with one additional reply that is not a proposal."""
    root = rehearsal.prepare(tmp_path_factory.mktemp("learned") / "rehearsal")
    (root / "small.yaml").symlink_to("config/config.yaml")
    useless = {"source_id": "two_dogs", "task": Task.STYLE_TRANSFER, "reply": "I cannot help with that."}
    with (root / "replies.jsonl").open("a") as replies:
        replies.write(f"{json.dumps(useless)}\n")
    return root


def test_each_task_makes_pairs_from_recorded_replies(root: Path) -> None:
    snakemake(root, *SHARDS.values())
    for task, path in SHARDS.items():
        with Shard(root / path) as shard:
            assert shard.specialist == "learned" and len(shard) == PAIRS
            for pair in shard:
                proposal = rehearsal.proposals(rehearsal.THINGS[pair.provenance["source_id"]])[task]
                assert [pair.instruction] == proposal.pop("instructions")
                assert pair.provenance["truth"].items() >= proposal.items()
                assert pair.provenance["models"] and (pair.mask is not None) == task.is_local
            if task is Task.OBJECT_ADDITION:
                assert any("is still found where it was removed" in rejection.reason for rejection in shard.rejections)
    assert (
        "rejected style_transfer for two_dogs: no JSON" in (root / "logs/random-weights/propose/00000.log").read_text()
    )
    assert not list((root / "results").rglob("*.batches"))
    assert rules_to_run(root, *SHARDS.values()) == set()


def test_gallery_warns_that_the_weights_are_random(root: Path) -> None:
    others = {task.name: {"pairs_per_shard": 0} for task in OMNIEDIT_TASKS if task is not Task.STYLE_TRANSFER}
    page = f"{RESULTS}/report/gallery.style_transfer.html"
    snakemake(root, page, "--config", f"tasks={others}")
    shown = (root / page).read_text()
    assert "run random-weights" in shown
    assert "The weights are random: these images show that the chain runs, not how well it works." in shown
    assert shown.count("learned (random-weights/tiny-style, random-weights/tiny-style_configs)") == PAIRS


def test_run_trains_its_own_inpainting_and_uses_it(root: Path, tmp_path: Path) -> None:
    copied = shutil.copytree(root, tmp_path / "run", symlinks=True)
    (copied / "models/inpainting.json").unlink()
    path = SHARDS[Task.BACKGROUND_SWAP]
    (copied / path).unlink(missing_ok=True)
    own = ["--rerun-triggers", "mtime", "--config", "learned={'inpainting': 'own'}"]
    planned = snakemake(copied, "--dry-run", "--printshellcmds", f"{RESULTS}/report/training.html", *own)
    assert "train_inpainting.py" in planned
    assert f"--inpainting {RESULTS}/train/inpainting.metrics.jsonl" in planned
    snakemake(copied, path, *own)
    trained = copied / RESULTS / "train/inpainting"
    assert (trained / "model_index.json").is_file()
    with Shard(copied / path) as shard:
        assert len(shard) >= 1
        for pair in shard:
            assert pair.provenance["models"][OWN_INPAINTING] == checksum(trained / MANIFEST)["sha256"]
            outside = ~pair.mask
            assert np.array_equal(pair.source[outside], pair.edited[outside])
            assert not np.array_equal(pair.source, pair.edited)


def test_missing_models_are_fetched_first(root: Path, tmp_path: Path) -> None:
    record = (root / "models/style.json").rename(tmp_path / "style.json")
    planned = rules_to_run(root, f"{RESULTS}/bench/set/style_transfer.h5")
    record.rename(root / "models/style.json")
    assert planned == {"pack_sources", "propose_shard", "fetch_model", "synthesize_bench"}
