"""Tests that each architecture equals its base until trained, sees the condition once trained, and can be reloaded."""

import json

import pytest
import torch

from helpers.tiny_models import ON_MMDIT, SD3, SD35, base, inputs, move_weights
from omniedit import models
from omniedit.errors import UserError
from omniedit.models import editnet


@pytest.fixture(params=ON_MMDIT)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


NOT_GATED = ("sequence_concat", "sequence_concat_demos")
EXACT = [name for name in ON_MMDIT if name not in NOT_GATED and "demos" not in name]
WHOLE = ("channel_concat", "sequence_concat_gated", *NOT_GATED)
"""Architectures that train the whole base."""


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("kind", [SD3, SD35], ids=["sd3", "sd35"])
@pytest.mark.parametrize("patch_size", [1, 2])
@torch.no_grad()
def test_untrained_editor_is_bit_identical_to_its_base(name, kind, dtype, patch_size, one_thread):
    transformer, x = base(kind, patch_size).to(dtype), inputs(dtype)
    expected = transformer(x["noisy"], x["prompt_embeds"], x["pooled"], x["timestep"]).sample
    assert torch.equal(models.build(name, transformer).eval()(**x), expected)


@pytest.mark.parametrize("name", EXACT)
@torch.no_grad()
def test_sample_predicting_base_is_converted_to_velocity(name):
    transformer, x = base(SD3), inputs() | {"timestep": torch.tensor([1000.0, 250.0])}
    clean = transformer(x["noisy"], x["prompt_embeds"], x["pooled"], x["timestep"]).sample
    velocity = models.build(name, transformer, "sample").eval()(**x)
    sigma = torch.tensor([1.0, 0.25])[:, None, None, None]
    torch.testing.assert_close(x["noisy"] - sigma * velocity, clean)


@torch.no_grad()
def test_condition_changes_the_output_once_zero_weights_have_moved(name):
    net, x = move_weights(models.build(name, base(SD3))).eval(), inputs()
    assert not torch.allclose(net(**x), net(**x | {"condition": torch.zeros_like(x["condition"])}), atol=1e-3)


def test_one_training_step_changes_the_output(name):
    """Zero-initialised weights must get a gradient; with both factors of a product at zero they never would."""
    net, x = models.build(name, base(SD3)), inputs()
    before = net(**x)
    before.square().mean().backward()
    torch.optim.SGD([p for p in net.parameters() if p.grad is not None], lr=1.0).step()
    assert not torch.equal(net(**x), before)


def test_base_is_frozen_unless_the_architecture_trains_it(name):
    net = models.build(name, base(SD3))
    frozen = {key for key, p in net.named_parameters() if not p.requires_grad}
    expected = set() if name in WHOLE else {f"base.{key}" for key, _ in net.base.named_parameters()}
    assert frozen == expected


@torch.no_grad()
def test_saved_network_reloads_bit_identical(name, tmp_path):
    net = move_weights(models.build(name, base(SD35))).eval()
    net.save_pretrained(tmp_path)
    assert torch.equal(type(net).from_pretrained(tmp_path).eval()(**inputs()), net(**inputs()))


@torch.no_grad()
def test_only_text_control_acts_without_image_residuals():
    """Without the image output of its copies, a ControlNet equals its base and ControlNet-TextControl does not."""
    outputs = {}
    for name in ("controlnet", "controlnet_text"):
        net = move_weights(models.build(name, base(SD3))).eval()
        for control in net.control_blocks:
            torch.nn.init.zeros_(control.to_image.weight)
            torch.nn.init.zeros_(control.to_image.bias)
        outputs[name] = net(**inputs())
    x = inputs()
    plain = base(SD3)(x["noisy"], x["prompt_embeds"], x["pooled"], x["timestep"]).sample
    torch.testing.assert_close(outputs["controlnet"], plain)
    assert not torch.allclose(outputs["controlnet_text"], plain, atol=1e-3)


def test_unknown_architecture_error_lists_the_known_ones():
    with pytest.raises(
        ValueError, match="'unet' is not an architecture; give one of editnet, controlnet, controlnet_text"
    ):
        models.build("unet", base(SD3))


@torch.no_grad()
@pytest.mark.parametrize(
    ("earlier", "name"),
    [
        ("EditNetFromImage", "editnet_from_image"),
        ("EditNetBehind", "editnet_behind"),
        ("EditNetBlind", "editnet_blind"),
        ("EditNetCleanTime", "editnet_clean_time"),
    ],
)
def test_earlier_class_folder_loads_as_editnet_with_its_option(earlier, name, tmp_path):
    net = move_weights(models.build(name, base(SD3))).eval()
    net.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    config = {key: config[key] for key in ("base_config", "prediction_type")} | {"_class_name": earlier}
    (tmp_path / "config.json").write_text(json.dumps(config))
    loaded = getattr(editnet, earlier).from_pretrained(tmp_path).eval()
    assert type(loaded) is editnet.EditNet
    assert torch.equal(loaded(**inputs()), net(**inputs()))


@pytest.mark.parametrize(
    ("name", "kind"), [("unet_routed", "FluxTransformer2DModel"), ("editnet", "UNet2DConditionModel")]
)
def test_an_architecture_over_the_wrong_kind_of_base_is_named_before_it_is_built(name: str, kind: str) -> None:
    with pytest.raises(UserError, match=rf"^train\.model: {name} needs .* as its base, which is a {kind}; give "):
        models.create(name, {"_class_name": kind})


@pytest.mark.parametrize("name", ON_MMDIT)
def test_the_registry_states_which_architectures_have_control_blocks(name: str) -> None:
    assert hasattr(models.build(name, base(SD3)), "control_blocks") == models.ARCHITECTURES[name].control_branch
