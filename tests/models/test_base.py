"""Bases from local folders: SD3's own classes, and what is told where a folder cannot be used."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import StableDiffusion3Pipeline
from PIL import Image

from models.tiny_folders import make_sd3
from omniedit import models
from omniedit.errors import UserError
from omniedit.models.base import Base
from omniedit.models.pipeline import EditPipeline


@pytest.fixture(scope="module")
def sd3(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_sd3(tmp_path_factory.mktemp("sd3") / "sd3")


@pytest.fixture
def broken(sd3: Path, tmp_path: Path) -> Path:
    """A copy to break."""
    return shutil.copytree(sd3, tmp_path / "sd3")


def test_instructions_become_what_sd3s_own_pipeline_makes_of_them(sd3: Path) -> None:
    prompt, pooled = Base.load(sd3).text.encode(["add fog", "make it night"])
    assert prompt.shape == (2, 77 + 256, 48) and pooled.shape == (2, 40)
    own = StableDiffusion3Pipeline.from_pretrained(sd3)
    own_prompt, _, own_pooled, _ = own.encode_prompt("make it night", None, None, do_classifier_free_guidance=False)
    torch.testing.assert_close(prompt[1:], own_prompt)
    torch.testing.assert_close(pooled[1:], own_pooled)


def test_an_editor_over_sd3_edits_and_comes_back_from_its_folder(sd3: Path, tmp_path: Path) -> None:
    base = Base.load(sd3)
    assert base.prediction_type == "velocity" and base.scheduler.config["shift"] == 3.0
    made = base.pipeline(models.build("editnet", base.transformer), resolution=64)
    made.save_pretrained(tmp_path / "editor")
    photo = Image.fromarray(np.random.default_rng(0).integers(0, 255, (60, 90, 3), np.uint8))
    edits = []
    for pipeline in (made, EditPipeline.from_pretrained(tmp_path / "editor")):
        pipeline.set_progress_bar_config(disable=True)
        edits.append(np.asarray(pipeline(photo, "add fog", 2, generator=torch.Generator().manual_seed(0)).images[0]))
    assert edits[0].shape == (60, 90, 3) and np.array_equal(*edits)


def test_weights_can_be_loaded_in_bfloat16_but_for_the_vae(sd3: Path) -> None:
    base = Base.load(sd3, torch.bfloat16)
    assert base.transformer.dtype == base.text.text_encoder_3.dtype == torch.bfloat16
    assert base.vae.dtype == torch.float32


def test_a_folder_that_is_no_model_is_told_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no model_index.json, .* licence is accepted .* snakemake fetch_models"):
        Base.load(tmp_path / "gated")


def test_another_pipeline_is_refused_by_its_name(broken: Path) -> None:
    (broken / "model_index.json").write_text(json.dumps({"_class_name": "FluxPipeline"}))
    with pytest.raises(UserError, match="a FluxPipeline; an editor stands on a StableDiffusion3Pipeline"):
        Base.load(broken)


def test_a_part_of_another_class_is_refused_by_its_name(broken: Path) -> None:
    config = json.loads((broken / "transformer/config.json").read_text())
    (broken / "transformer/config.json").write_text(json.dumps(config | {"_class_name": "FluxTransformer2DModel"}))
    with pytest.raises(UserError, match="a FluxTransformer2DModel; what can be used is SD3Transformer2DModel"):
        Base.load(broken)


def test_pickles_are_not_read(broken: Path) -> None:
    weights = broken / "transformer/diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))
    with pytest.raises(UserError, match=r"only diffusion_pytorch_model\.bin, which could run code when it is read"):
        Base.load(broken)


def test_what_is_missing_is_named(broken: Path) -> None:
    weights = broken / "transformer/diffusion_pytorch_model.safetensors"
    content = weights.read_bytes()
    for damaged, told in (
        (content[: len(content) // 2], "transformer: cannot be loaded"),
        (b"version https://git-lfs.github.com/spec/v1", "a pointer of Git LFS, not the weights"),
    ):
        weights.write_bytes(damaged)
        with pytest.raises(UserError, match=told):
            Base.load(broken)
    index = {"weight_map": {"proj_out.weight": "model-00001-of-00002.safetensors"}}
    (broken / "transformer/diffusion_pytorch_model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(UserError, match=r"partial, it lacks model-00001-of-00002\.safetensors"):
        Base.load(broken)
    shutil.rmtree(broken / "text_encoder_3")
    with pytest.raises(UserError, match=r"transformer|text_encoder_3: no config.json"):
        Base.load(broken)


def test_weights_that_lack_a_parameter_are_not_filled_with_random_ones(broken: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = broken / "transformer/diffusion_pytorch_model.safetensors"
    tensors = load_file(weights)
    del tensors["proj_out.bias"]
    save_file(tensors, weights, metadata={"format": "pt"})
    with pytest.raises(UserError, match=r"has no weights for proj_out.bias \(1 in all lost\)"):
        Base.load(broken)
