"""Schedulers of diffusers: those of a flow sample, the others are rejected."""

import json
import shutil
from pathlib import Path

import diffusers
import numpy as np
import pytest
import torch

from helpers.random_photos import photo, seed_generator
from omniedit.errors import UserError
from omniedit.models.loading import load_editor
from omniedit.models.pipeline import EditPipeline

FLOW = {"use_flow_sigmas": True, "prediction_type": "flow_prediction"}


@pytest.mark.parametrize(
    "scheduler",
    [
        diffusers.FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        diffusers.FlowMatchEulerDiscreteScheduler(stochastic_sampling=True),
        diffusers.FlowMatchHeunDiscreteScheduler(),
        diffusers.FlowMatchLCMScheduler(),
        diffusers.FlowMapEulerDiscreteScheduler(),
        diffusers.DPMSolverMultistepScheduler(**FLOW),
        diffusers.DPMSolverMultistepScheduler(**FLOW, algorithm_type="sde-dpmsolver++"),
        diffusers.DPMSolverSinglestepScheduler(**FLOW, algorithm_type="sde-dpmsolver++"),
        diffusers.UniPCMultistepScheduler(**FLOW, use_dynamic_shifting=True),
    ],
)
def test_seed_determines_the_edit_with_any_scheduler(
    pipeline: EditPipeline, monkeypatch: pytest.MonkeyPatch, scheduler: object
) -> None:
    """Check with any state of torch's global generator, and alone or in a batch with another image."""
    monkeypatch.setattr(pipeline, "scheduler", scheduler)
    edits = []
    for state, images in ((1, [photo(64, 48)]), (2, [photo(64, 48)]), (3, [photo(64, 48), photo(64, 48)])):
        torch.manual_seed(state)
        seeds = [seed_generator(seed) for seed in range(len(images))]
        edits.append(pipeline(images, "Add fog.", 3, generator=seeds, output_type="np").images)
    assert np.array_equal(edits[0][0], edits[1][0]) and np.allclose(edits[0][0], edits[2][0], atol=1e-5)
    assert not np.allclose(edits[2][0], edits[2][1], atol=1e-3), "another seed gives another edit"


def test_unsupported_scheduler_is_rejected(
    pipeline: EditPipeline, monkeypatch: pytest.MonkeyPatch, editor_folder: Path
) -> None:
    """Check when a folder is loaded, when a pipeline is built, and before the first step if it is replaced later."""
    folder = shutil.copytree(editor_folder, editor_folder.with_name("of_ddim"))
    shutil.rmtree(folder / "scheduler")
    diffusers.DDIMScheduler().save_pretrained(folder / "scheduler")
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps(index | {"scheduler": ["diffusers", "DDIMScheduler"]}))
    message = "DDIMScheduler with these settings cannot sample a flow"
    with pytest.raises(ValueError, match=message):
        EditPipeline.from_pretrained(folder)
    with pytest.raises(UserError, match=f"of_ddim: no editor to load .scheduler: {message}"):
        load_editor(folder, "cpu")
    with pytest.raises(ValueError, match=message):
        EditPipeline(**pipeline.components | {"scheduler": diffusers.DDIMScheduler()})
    monkeypatch.setattr(pipeline, "scheduler", diffusers.DDIMScheduler())
    monkeypatch.setattr(pipeline.transformer, "forward", None)
    with pytest.raises(ValueError, match=message):
        pipeline(photo(64, 48), "Add fog.")
