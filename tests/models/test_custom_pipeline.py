"""Test that diffusers' own loader finds an editor's pipeline by the file in its folder."""

from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import DiffusionPipeline
from PIL import Image

from helpers.tiny_editor import make_pipeline
from omniedit.models.pipeline import EditPipeline


def test_diffusion_pipeline_loads_an_editor_by_its_custom_pipeline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("diffusers.utils.dynamic_modules_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    made, folder = make_pipeline(), tmp_path / "editor"
    made.save_pretrained(folder)
    options = {"custom_pipeline": str(folder), "trust_remote_code": True, "local_files_only": True}
    loaded = DiffusionPipeline.from_pretrained(folder, **options)
    assert type(loaded) is EditPipeline
    loaded.set_progress_bar_config(disable=True)
    photo = Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8))
    edits = [
        pipeline(photo, "Add fog.", 2, generator=torch.Generator().manual_seed(0)).images[0]
        for pipeline in (made, loaded)
    ]
    assert np.array_equal(*map(np.asarray, edits))
