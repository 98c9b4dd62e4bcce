"""Editor whose instructions a language model reads, through the workflow, with a tiny Qwen2.5-VL of the real class."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from helpers.chain import SMALL, checkout, fetched_record, rules_to_run, snakemake
from helpers.tiny_vlm import PATCH, make_qwen
from omniedit.models.loading import load_editor
from omniedit.models.registry import get_model

ROLE = "qwen25_vl"
READER = {"model": ROLE, "image_side": 4 * PATCH, "image_tokens": 3, "layers": 1, "heads": 2, "width": 16}
EDITOR = "results/small/train/editnet/manifest.json"


def test_a_language_model_is_aligned_and_then_trained_with_the_editor(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "chain"
    root.mkdir()
    options = {**SMALL["train"], "instruction_encoder": {**READER, "steps": 2, "batch_size": 4}}
    checkout(root, {**SMALL, "train": options})
    shutil.copytree(run / "results", root / "results", symlinks=True)
    shutil.copytree(run / "photos", root / "photos")
    for trained in (root / "results/small/train").glob("editnet*"):
        shutil.rmtree(trained) if trained.is_dir() else trained.unlink()
    (root / "models").mkdir()
    record = fetched_record(get_model(ROLE, root / "config/models.yaml"), make_qwen(tmp_path / "qwen"))
    (root / f"models/{ROLE}.json").write_text(json.dumps(record))

    assert {"align_encoder", "train_editor"} <= set(rules_to_run(root, EDITOR))
    snakemake(root, EDITOR, "--rerun-triggers", "mtime")
    monkeypatch.chdir(root)
    editor = load_editor(root / "results/small/train/editnet")
    assert editor.instruction_encoder.reader.source == ROLE
    photo = np.full((64, 64, 3), 128, np.uint8)
    night, removed = (
        editor(photo, text, 2, output_type="np").images[0] for text in ("make it night", "remove the cat")
    )
    assert night.shape == (64, 64, 3) and not np.array_equal(night, removed)
