"""Tests of CosXL-Edit's pipeline with random weights, by properties that hold for any weights."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from helpers.tiny_folders import make_single_style, make_style_configs
from omniedit.errors import UserError
from omniedit.specialists.learned.stylist import SINGLE_FILE, Restyling, Stylist


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make CosXL-Edit in one file (cosxl/), the same in diffusers' layout (cosxl/whole/), and SDXL's configs."""
    root = tmp_path_factory.mktemp("style")
    make_single_style(root / "cosxl")
    make_style_configs(root / "configs")
    return root


@pytest.fixture(scope="module", params=["cosxl", "cosxl/whole"])
def stylist(request: pytest.FixtureRequest, root: Path) -> Stylist:
    return Stylist.load(root / request.param, root / "configs", steps=2, resolution=64, batch_size=2)


def restyling(height: int, width: int, seed: int) -> Restyling:
    image = np.random.default_rng(seed).integers(0, 255, (height, width, 3), np.uint8)
    return Restyling(image, "make it night", seed)


def test_photo_keeps_its_size_and_its_seed_determines_the_edit(stylist: Stylist) -> None:
    wanted = [restyling(48, 64, 1), restyling(150, 100, 2), restyling(48, 64, 3), restyling(48, 64, 4)]
    drawn = stylist.restyle(wanted)
    assert [image.shape for image in drawn] == [one.image.shape for one in wanted]
    for one, image in zip(wanted, drawn, strict=True):
        assert np.abs(image.astype(int) - stylist.restyle([one])[0].astype(int)).max() <= 1
        assert not np.array_equal(image, stylist.restyle([replace(one, seed=99)])[0])


def test_photos_drawn_at_the_same_size_share_a_batch(stylist: Stylist, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = [restyling(96, 144, 1), restyling(100, 150, 2)]
    alone = [stylist.restyle([one])[0] for one in wanted]
    sizes, drawn = [], stylist._draw_all
    monkeypatch.setattr(stylist, "_draw_all", lambda batch: sizes.append(len(batch)) or drawn(batch))
    for image, by_itself in zip(stylist.restyle(wanted), alone, strict=True):
        assert image.shape == by_itself.shape and np.abs(image.astype(int) - by_itself.astype(int)).max() <= 1
    assert sizes == [2]


def test_photo_and_instruction_both_affect_the_edit(stylist: Stylist) -> None:
    one = restyling(48, 64, 1)
    others = [one, replace(one, instruction="add fog"), replace(one, image=255 - one.image)]
    first, second, third = stylist.restyle(others)
    assert not np.array_equal(first, second) and not np.array_equal(first, third)


def test_pipeline_scales_latents_as_cosxl_edit(stylist: Stylist) -> None:
    assert stylist.pipeline.is_cosxl_edit


def test_single_file_loads_all_weights_and_cosxl_noise_levels(root: Path) -> None:
    single, whole = (Stylist.load(root / name, root / "configs").pipeline for name in ("cosxl", "cosxl/whole"))
    for part in ("unet", "vae", "text_encoder", "text_encoder_2"):
        ours, theirs = (getattr(pipeline, part).state_dict() for pipeline in (single, whole))
        assert ours.keys() == theirs.keys() and all(torch.equal(ours[key], theirs[key]) for key in theirs)
    assert single.unet.config["in_channels"] == 8
    single.scheduler.set_timesteps(20)
    assert single.scheduler.config["prediction_type"] == "v_prediction"
    sigmas = single.scheduler.sigmas[:-1]
    assert sigmas[0] == pytest.approx(120) and sigmas[-1] == pytest.approx(0.002)
    torch.testing.assert_close(sigmas[1:] / sigmas[:-1], (sigmas[1] / sigmas[0]).expand(19))


def test_unusable_single_file_raises_error(root: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no model_index.json, so not a model in diffusers' layout"):
        Stylist.load(root / "cosxl", tmp_path)
    weights = load_file(root / "cosxl" / SINGLE_FILE)
    for key, problem in {
        "conditioner.embedders.1.model.ln_final.weight": "has no weights for text_encoder_2.*final_layer_norm",
        "model.diffusion_model.middle_block.0.in_layers.2.weight": "cannot be loaded as StableDiffusionXLInstruct",
    }.items():
        save_file({name: weight for name, weight in weights.items() if name != key}, tmp_path / SINGLE_FILE)
        with pytest.raises(UserError, match=problem):
            Stylist.load(tmp_path, root / "configs")
    shape = "conditioner.embedders.1.model.ln_final.weight"
    save_file(weights | {shape: torch.ones(3)}, tmp_path / SINGLE_FILE)
    with pytest.raises(UserError, match="cannot be loaded as StableDiffusionXLInstruct"):
        Stylist.load(tmp_path, root / "configs")
    (tmp_path / SINGLE_FILE).write_text("version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(UserError, match="a Git LFS pointer"):
        Stylist.load(tmp_path, root / "configs")
