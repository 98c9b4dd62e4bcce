"""Learned specialists through the workflow, one task of each technique, on tiny models where the hub's would lie."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from grounding.tiny_grounding import make_detector, make_segmenter

from models import tiny_sdxl
from omniedit.manifest import MANIFEST, checksum
from omniedit.pairs import Shard
from omniedit.sources.shard import PhotoShard
from omniedit.specialists.learned.toolbox import OWN
from omniedit.tasks import Task
from omniedit.weights import model_of
from workflow.chain import REPOSITORY, SMALL, checkout, rules_to_run, shrink_sample, snakemake
from workflow.test_fetched_base import fetched

MAKERS: dict[str, Callable[[Path], Path]] = {
    "detector": lambda folder: make_detector(folder, queries=1),
    "segmenter": make_segmenter,
    "inpainting": tiny_sdxl.make_inpainting,
    "generation": tiny_sdxl.make_generation,
    "style": tiny_sdxl.make_single_style,
    "style_configs": tiny_sdxl.make_style_configs,
}
PROMPTS = {"source_prompt": "the dog", "target_prompt": "the dog fog"}
REPLIES = {
    Task.BACKGROUND_SWAP: {"instructions": ["Put it in fog."], "object": "red car", "background": "the fog"},
    Task.ENVIRONMENT_CHANGE: {"instructions": ["Add fog."], "environment": "fog", **PROMPTS},
    Task.STYLE_TRANSFER: {"instructions": ["Make it night."], "style": "night"},
}
PAIRS = 3


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of three tasks, its photos dealt, its models in place, replies to its photos recorded."""
    folder = tmp_path_factory.mktemp("learned")
    tasks = {task: {"pairs_per_shard": PAIRS if task in REPLIES else 0, "specialist": "learned"} for task in Task}
    learned = {"replies": "replies.jsonl", "batch_size": 2, "resolution": 64, "steps": 2}
    root = checkout(folder, {**SMALL, "tasks": {str(task): each for task, each in tasks.items()}, "learned": learned})
    (root / "config").unlink()
    (root / "config").mkdir()
    for path in (REPOSITORY / "config").iterdir():
        (root / "config" / path.name).write_bytes(path.read_bytes())
    models = yaml.safe_load((root / "config/models.yaml").read_text())
    models["inpainting"]["class"] = "StableDiffusionXLInpaintPipeline"
    (root / "config/models.yaml").write_text(yaml.safe_dump(models, sort_keys=False))
    shrink_sample(root / "photos")
    (root / "models").mkdir()
    for role, make in MAKERS.items():
        record = fetched(model_of(role, root / "config/models.yaml"), make(folder / "weights" / role))
        (root / "models" / f"{role}.json").write_text(json.dumps(record))
    snakemake(root, "results/small/sources/00000.tar", "--rerun-triggers", "mtime")
    with PhotoShard(root / "results/small/sources/00000.tar") as photos:
        rows = [
            {"source_id": name, "task": task, "reply": json.dumps(reply)}
            for name in photos.names
            for task, reply in REPLIES.items()
        ]
    rows.append({**rows[0], "reply": "I cannot help with that."})
    (root / "replies.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return root


def test_pairs_of_each_technique_are_made_from_recorded_replies(root: Path) -> None:
    shards = {task: f"results/small/candidates/{task}/00000.h5" for task in REPLIES}
    snakemake(root, *shards.values(), "--rerun-triggers", "mtime")
    for task, path in shards.items():
        with Shard(root / path) as shard:
            assert shard.specialist == "learned" and len(shard) + len(shard.refusals) >= PAIRS
            # What random weights find is too large in some photos.
            assert 1 <= len(shard) <= PAIRS and (len(shard) == PAIRS or task is Task.BACKGROUND_SWAP)
            for pair in shard:
                assert set(pair.provenance["truth"]) >= set(REPLIES[task]) - {"instructions"}
                assert pair.provenance["models"] and pair.instruction == REPLIES[task]["instructions"][0]
    assert "refused" in (root / "logs/small/propose/00000.log").read_text()
    assert not list((root / "results").rglob("*.batches"))
    assert rules_to_run(root, *shards.values()) == set()


def test_the_run_trains_its_own_inpainting_and_paints_with_it(root: Path, tmp_path: Path) -> None:
    copied = shutil.copytree(root, tmp_path / "run", symlinks=True)
    shards = [f"results/small/candidates/{task}/00000.h5" for task in (Task.BACKGROUND_SWAP, Task.STYLE_TRANSFER)]
    (copied / "models/inpainting.json").unlink()
    for path in shards:
        (copied / path).unlink(missing_ok=True)
    own = ["--config", "learned={'inpainting': 'own'}", "inpainting={'steps': 2, 'batch_size': 4}"]
    planned = rules_to_run(copied, *shards, "--rerun-triggers", "mtime", *own)
    assert planned >= {"pretrain_base", "train_inpainting", "synthesize_shard"}
    snakemake(copied, shards[0], "--rerun-triggers", "mtime", *own)
    trained = copied / "results/small/train/inpainting"
    assert (trained / "model_index.json").is_file()
    with Shard(copied / shards[0]) as shard:
        assert len(shard) >= 1
        for pair in shard:
            assert pair.provenance["models"][OWN] == checksum(trained / MANIFEST)["sha256"]
            outside = ~pair.mask
            assert np.array_equal(pair.source[outside], pair.edited[outside])
            assert not np.array_equal(pair.source, pair.edited)


def test_models_that_are_not_there_are_fetched_first(root: Path, tmp_path: Path) -> None:
    record = (root / "models/style.json").rename(tmp_path / "style.json")
    planned = rules_to_run(root, "results/small/bench/set/style_transfer.h5")
    record.rename(root / "models/style.json")
    assert planned == {"pack_sources", "propose_shard", "fetch_model", "synthesize_bench"}
