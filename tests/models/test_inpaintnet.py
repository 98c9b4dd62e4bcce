"""Tests that the inpainting network equals its base until trained, and sees all of the image except the hole."""

import pytest
import torch

from helpers.tiny_models import SD3, SD35, base, inputs, move_weights
from omniedit.models.activations import sample_inputs
from omniedit.models.codec import LappedCodec, encode
from omniedit.models.inpaintnet import InpaintNet, inpainting_condition


def make_inputs(dtype: torch.dtype = torch.float32) -> dict[str, torch.Tensor]:
    x = inputs(dtype)
    return x | {"condition": torch.cat([x["condition"], x["condition"][:, :1] > 0], dim=1)}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("kind", [SD3, SD35], ids=["sd3", "sd35"])
@torch.no_grad()
def test_untrained_inpaintnet_is_bit_identical_to_its_base(kind, dtype, one_thread):
    transformer, x = base(kind).to(dtype), make_inputs(dtype)
    expected = transformer(x["noisy"], x["prompt_embeds"], x["pooled"], x["timestep"]).sample
    assert torch.equal(InpaintNet.from_transformer(transformer).eval()(**x), expected)


@torch.no_grad()
def test_image_and_hole_change_the_output_once_zero_weights_have_moved(tmp_path):
    net, x = move_weights(InpaintNet.from_transformer(base(SD3))).eval(), make_inputs()
    seen = net(**x)
    for channels in (slice(None, -1), slice(-1, None)):
        without = x["condition"].clone()
        without[:, channels] = 0
        assert not torch.allclose(net(**x | {"condition": without}), seen, atol=1e-3)
    net.save_pretrained(tmp_path)
    assert torch.equal(InpaintNet.from_pretrained(tmp_path).eval()(**x), seen)


def test_only_the_control_branch_learns():
    net, x = InpaintNet.from_transformer(base(SD3)), make_inputs()
    before = net(**x)
    before.square().mean().backward()
    torch.optim.SGD([p for p in net.parameters() if p.grad is not None], lr=1.0).step()
    assert not torch.equal(net(**x), before)
    assert {name.split(".")[0] for name, p in net.named_parameters() if p.requires_grad} == {
        "condition_embed",
        "control_blocks",
    }
    assert all(torch.equal(a, b) for a, b in zip(net.base.parameters(), base(SD3).parameters(), strict=True))


def test_condition_hides_the_hole_and_nothing_outside():
    vae, image = LappedCodec(), torch.rand(1, 3, 48, 64) * 2 - 1
    hole = torch.zeros(1, 1, 48, 64)
    hole[..., 16:32, 20:40] = 1
    condition = inpainting_condition(vae, image, hole)
    assert condition.shape == (1, 17, 6, 8)
    assert torch.equal(inpainting_condition(vae, torch.where(hole > 0, -image, image), hole), condition)
    assert not torch.equal(inpainting_condition(vae, torch.where(hole > 0, image, -image), hole), condition)
    assert condition[0, 16, 2].tolist() == [0, 0, 0.5, 1, 1, 0, 0, 0]
    torch.testing.assert_close(condition[..., :16, :, 6:], encode(vae, image)[..., 6:])


def test_sample_inputs_include_the_hole_channel():
    net = InpaintNet.from_transformer(base(SD3))
    assert sample_inputs(net, (8, 12), 5, torch.float32)["condition"].shape == (1, 17, 8, 12)
