"""Tests of AnySD's UNet as an editor: it starts as its base, is an exact flow, and trains."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DDPMScheduler, StableDiffusionInstructPix2PixPipeline
from PIL import Image
from torch import Tensor

from helpers.tiny_models import SD3, move_weights
from helpers.tiny_models import base as tiny_sd3
from helpers.tiny_unet import save_instruct_pix2pix, unet
from omniedit.config.schema import Config
from omniedit.errors import UserError
from omniedit.models import build
from omniedit.models.base import Base
from omniedit.models.layouts import LAYOUTS
from omniedit.models.loading import load_editor
from omniedit.models.registry import required_roles
from omniedit.models.roles import MMDIT_BASES, UNET_BASES
from omniedit.models.unet_editor import LATENT_SCALE, UNetEditor
from omniedit.models.variance_preserving import (
    PREDICTIONS,
    log_noise_ratios,
    loss_weights,
    to_flow_velocity,
    to_variance_preserving,
)

RATIOS = log_noise_ratios()


def inputs() -> dict[str, Tensor]:
    g = torch.Generator().manual_seed(1)
    return {
        "noisy": torch.randn(2, 4, 8, 8, generator=g),
        "timestep": torch.tensor([700.0, 40.0]),
        "prompt_embeds": torch.randn(2, 5, 12, generator=g),
        "pooled": torch.ones(2, 5),
        "condition": torch.randn(2, 4, 8, 8, generator=g),
        "references": torch.randn(2, 2, 4, 8, 8, generator=g),
        "task": torch.tensor([0, -1]),
    }


@pytest.fixture(scope="module")
def net() -> UNetEditor:
    return move_weights(UNetEditor.from_transformer(unet(), "epsilon")).eval()  # type: ignore[return-value]


@torch.no_grad()
@pytest.mark.parametrize("channels", [4, 8])
@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_an_untrained_editor_is_bit_identical_to_its_base(channels: int, prediction: str) -> None:
    net, whole, x = UNetEditor.from_transformer(unet(channels), prediction).eval(), unet(channels), inputs()
    given = to_variance_preserving(x["noisy"], x["timestep"] / 1000, RATIOS)
    seen = given.sample if channels == 4 else torch.cat([given.sample, x["condition"] / LATENT_SCALE], dim=1)
    output = whole(seen, given.timestep, x["prompt_embeds"], return_dict=False)[0]
    if channels == 4:  # a convolution over zero weights may sum in another order
        torch.testing.assert_close(net(**x), to_flow_velocity(output, given, prediction))
    else:
        assert torch.equal(net(**x), to_flow_velocity(output, given, prediction))


@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_the_exact_output_of_a_diffusion_network_converts_to_the_exact_velocity(prediction: str) -> None:
    clean, noise = torch.randn(2, 5, 4, 3, 3, generator=torch.Generator().manual_seed(0)).double()
    sigma = torch.tensor([0.05, 0.3, 0.5, 0.7, 0.93]).double()
    s = sigma[:, None, None, None]
    given = to_variance_preserving((1 - s) * clean + s * noise, sigma, RATIOS)
    output = noise if prediction == "epsilon" else given.signal * noise - given.noise * clean
    torch.testing.assert_close(to_flow_velocity(output, given, prediction), noise - clean)
    torch.testing.assert_close(given.sample, given.signal * clean + given.noise * noise)


def test_timesteps_match_the_scheduler_at_equal_noise() -> None:
    scheduler = DDPMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
    steps = torch.tensor([1, 250, 500, 998])
    signal = scheduler.alphas_cumprod[steps].double().sqrt()
    noise = (1 - signal**2).sqrt()
    given = to_variance_preserving(torch.zeros(4, 1, 1, 1).double(), noise / (noise + signal), RATIOS)
    torch.testing.assert_close(given.timestep, steps.float(), atol=2e-3, rtol=0)
    torch.testing.assert_close(given.signal.flatten(), signal, atol=1e-5, rtol=0)


def test_noise_levels_are_clamped_to_the_schedule() -> None:
    given = to_variance_preserving(torch.zeros(2, 1, 1, 1), torch.tensor([0.0, 1.0]), RATIOS)
    assert given.timestep.tolist() == [0, 999] and given.signal.isfinite().all()


@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_weighted_velocity_loss_equals_the_native_prediction_loss(prediction: str) -> None:
    sigma = torch.tensor([0.1, 0.5, 0.9]).double()
    given = to_variance_preserving(torch.randn(3, 4, 2, 2).double(), sigma, RATIOS)
    one, other = torch.randn(2, 3, 4, 2, 2).double()
    difference = to_flow_velocity(one, given, prediction) - to_flow_velocity(other, given, prediction)
    weighted = loss_weights(sigma, RATIOS, prediction) * difference.square().mean((1, 2, 3))
    torch.testing.assert_close(weighted, (one - other).square().mean((1, 2, 3)))


@torch.no_grad()
def test_image_instruction_references_and_task_each_change_the_output(net: UNetEditor) -> None:
    x = inputs()
    for name in ("condition", "prompt_embeds", "references"):
        assert not torch.allclose(net(**x), net(**x | {name: torch.zeros_like(x[name])}), atol=1e-4)
    assert not torch.allclose(net(**x), net(**x | {"task": torch.tensor([12, 12])}), atol=1e-4)


@torch.no_grad()
def test_saved_editor_reloads_bit_identical(net: UNetEditor, tmp_path: object) -> None:
    net.save_pretrained(tmp_path)
    assert torch.equal(UNetEditor.from_pretrained(tmp_path).eval()(**inputs()), net(**inputs()))


@pytest.mark.parametrize("freeze", [False, True])
def test_training_steps_lower_the_loss_and_leave_a_frozen_base_unchanged(freeze: bool) -> None:
    net, x = UNetEditor.from_transformer(unet(8), "epsilon", freeze_base=freeze), inputs()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    optimizer = torch.optim.Adam([p for p in net.parameters() if p.requires_grad], lr=3e-3)
    target, losses = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(2)), []
    for _ in range(6):
        loss = (net.loss_weight(x["timestep"]) * (net(**x) - target).square().mean((1, 2, 3))).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    changed = {name.split(".")[0] for name, value in net.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {"experts", "routing"} | (set() if freeze else {"base"})


def test_a_unet_and_an_mmdit_are_distinguished() -> None:
    with pytest.raises(ValueError, match="a UNet predicts epsilon or v_prediction"):
        UNetEditor.from_transformer(unet(), "velocity")
    with pytest.raises(ValueError, match="use editnet_routed"):
        UNetEditor.from_transformer(tiny_sd3(SD3), "epsilon")


def test_an_architecture_on_the_wrong_kind_of_base_is_refused_in_one_line() -> None:
    with pytest.raises(UserError, match="unet_routed needs a UNet as its base, which is a SD3Transformer2DModel"):
        build("unet_routed", tiny_sd3(SD3), "sample")
    with pytest.raises(UserError, match=r"editnet needs no UNet as its base, .* give unet_routed"):
        build("editnet", unet(), "epsilon")
    for architecture, role, words in (
        ("unet_routed", "base", "train.base.model: the role base is a StableDiffusion3Pipeline, but unet_routed needs"),
        ("editnet", "instruct_pix2pix", "a StableDiffusionInstructPix2PixPipeline, but editnet needs a Stable"),
        ("editnet", "judge", "a InternVLForConditionalGeneration, but editnet needs"),
    ):
        given = {"train": {"model": architecture, "base": {"model": role}}}
        with pytest.raises(UserError, match=words):
            required_roles(Config.model_validate(given))
    bases = {name: layout.is_diffusion for name, layout in LAYOUTS.items()}
    assert bases == dict.fromkeys(MMDIT_BASES, False) | dict.fromkeys(UNET_BASES, True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save a tiny InstructPix2Pix as it is fetched."""
    return save_instruct_pix2pix(tmp_path_factory.mktemp("ip2p"))


def test_an_instruct_pix2pix_folder_becomes_an_editor_that_edits_with_references(folder: Path, tmp_path: Path) -> None:
    base = Base.load(folder)
    assert base.prediction_type == "epsilon"
    editor = build("unet_routed", base.transformer, base.prediction_type)
    base.pipeline(move_weights(editor), 64).save_pretrained(tmp_path)
    pipeline = load_editor(tmp_path, "cpu")
    pipeline.set_progress_bar_config(disable=True)
    photo = Image.fromarray(np.random.default_rng(0).integers(0, 255, (48, 72, 3), np.uint8))

    def edit(**more: Any) -> np.ndarray:
        noise = torch.Generator().manual_seed(0)
        return pipeline(photo, "make it red", 3, generator=noise, output_type="np", **more).images[0]

    plain = edit()
    assert plain.shape == (48, 72, 3) and np.isfinite(plain).all()
    assert not np.array_equal(plain, edit(references=[photo], task="visual_reference"))


def test_texts_are_encoded_as_diffusers_does(folder: Path) -> None:
    base = Base.load(folder)
    known = StableDiffusionInstructPix2PixPipeline.from_pretrained(folder)
    expected = known._encode_prompt("make it red", "cpu", 1, do_classifier_free_guidance=False)
    embeds, mask = base.text.encode(["make it red", ""])
    torch.testing.assert_close(embeds[:1], expected)
    assert mask.shape == (2, 77) and mask.sum(1).tolist() == [5, 2]


def test_an_unsupported_noise_schedule_and_an_mmdit_editor_on_a_unet_are_rejected(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="editnet needs no UNet as its base"):
        build("editnet", unet(8), "epsilon")
    other = Path(shutil.copytree(folder, tmp_path / "other"))
    path = other / "scheduler/scheduler_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"beta_end": 0.02}))
    with pytest.raises(UserError, match=r"'beta_end': 0.02.*; needed: epsilon or v_prediction, .*beta_end 0.012"):
        Base.load(other)
