"""Editor over a fetched SD3 through the workflow, with a tiny model of the real classes."""

import json
import shutil
from pathlib import Path

from diffusers import AutoencoderKL

from helpers.chain import SMALL, checkout, fetched_record, rules_to_run, snakemake
from helpers.tiny_folders import make_sd3
from omniedit.models.pipeline import EditPipeline
from omniedit.models.registry import get_model

EDITOR = "results/small/train/editnet/manifest.json"


def test_editnet_is_trained_over_a_fetched_sd3(run: Path, tmp_path: Path) -> None:
    root = tmp_path / "chain"
    root.mkdir()
    checkout(root, {**SMALL, "train": {**SMALL["train"], "base": {"model": "base"}, "encode_once": True}})
    shutil.copytree(run / "results", root / "results", symlinks=True)
    shutil.copytree(run / "photos", root / "photos")
    shutil.rmtree(root / "results/small/train")
    (root / "models").mkdir()
    record = fetched_record(get_model("base", root / "config/models.yaml"), make_sd3(tmp_path / "sd3"))
    (root / "models/base.json").write_text(json.dumps(record))

    assert "pretrain_base" not in rules_to_run(root, "all")
    assert {"encode_pairs", "train_editor"} <= set(rules_to_run(root, EDITOR))
    snakemake(root, EDITOR, "--rerun-triggers", "mtime")
    editor = EditPipeline.from_pretrained(root / "results/small/train/editnet")
    assert isinstance(editor.vae, AutoencoderKL) and editor.text_encoder_3 is not None
