"""EditNet equals its base until trained, trains only its control branch, and survives a round trip through a folder."""

from collections.abc import Iterator

import pytest
import torch
from diffusers import SD3Transformer2DModel

from omniedit import models
from omniedit.models.editnet import EditNet

SD3 = {"qk_norm": None, "dual_attention_layers": ()}
SD35 = {"qk_norm": "rms_norm", "dual_attention_layers": (0, 1)}


def base(kind: dict, patch_size: int = 2) -> SD3Transformer2DModel:
    torch.manual_seed(0)
    transformer = SD3Transformer2DModel(
        sample_size=16,
        patch_size=patch_size,
        num_layers=3,
        num_attention_heads=2,
        attention_head_dim=16,
        joint_attention_dim=24,
        caption_projection_dim=32,
        pooled_projection_dim=24,
        pos_embed_max_size=24,
        **kind,
    )
    return transformer.eval()


def inputs(dtype: torch.dtype = torch.float32) -> dict[str, torch.Tensor]:
    g = torch.Generator().manual_seed(1)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=g).to(dtype)

    return {
        "noisy": normal(2, 16, 8, 12),
        "timestep": torch.tensor([999.0, 3.0], dtype=dtype),
        "prompt_embeds": normal(2, 5, 24),
        "pooled": normal(2, 24),
        "condition": normal(2, 16, 8, 12),
    }


@pytest.fixture
def one_thread() -> Iterator[None]:
    """On several threads even the base's own copy differs from it in the last bit: MKL splits sums by address."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def moved(net: torch.nn.Module) -> torch.nn.Module:
    """The same net with its zero projections no longer zero."""
    torch.manual_seed(2)
    for control in net.control_blocks:
        for projection in filter(None, (control.to_image, control.to_text)):
            torch.nn.init.normal_(projection.weight, std=0.2)
    return net


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("kind", [SD3, SD35], ids=["sd3", "sd35"])
@pytest.mark.parametrize("patch_size", [1, 2])
@torch.no_grad()
def test_equals_the_base_before_training_to_the_last_bit(kind, dtype, patch_size, one_thread):
    transformer, x = base(kind, patch_size).to(dtype), inputs(dtype)
    expected = transformer(x["noisy"], x["prompt_embeds"], x["pooled"], x["timestep"]).sample
    assert torch.equal(models.build("editnet", transformer).eval()(**x), expected)


@torch.no_grad()
def test_over_a_base_that_predicts_the_clean_sample_it_gives_the_velocity_to_that_sample():
    transformer, x = base(SD3), inputs() | {"timestep": torch.tensor([1000.0, 250.0])}
    clean = transformer(x["noisy"], x["prompt_embeds"], x["pooled"], x["timestep"]).sample
    velocity = models.build("editnet", transformer, "sample").eval()(**x)
    sigma = torch.tensor([1.0, 0.25])[:, None, None, None]
    torch.testing.assert_close(x["noisy"] - sigma * velocity, clean)


def test_control_blocks_copy_every_weight_of_the_base():
    transformer = base(SD35)
    net = models.build("editnet", transformer)
    for control, block in zip(net.control_blocks, transformer.transformer_blocks, strict=True):
        copied = control.block.state_dict()
        assert copied.keys() == block.state_dict().keys()
        assert all(torch.equal(copied[name], weight) for name, weight in block.state_dict().items())


def test_only_the_control_branch_gets_gradients_and_all_of_it_does():
    net = moved(models.build("editnet", base(SD3)))
    net(**inputs()).square().mean().backward()
    reached = {name for name, p in net.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
    trainable = {name for name, p in net.named_parameters() if p.requires_grad}
    assert trainable == {name for name, _ in net.named_parameters() if not name.startswith("base.")}
    # The last block gives no text, so nothing reads its text queries; a key's bias cancels in the softmax.
    assert {name for name in trainable - reached if ".add_q_proj." not in name and "k_proj.bias" not in name} == set()


@torch.no_grad()
def test_the_output_at_a_condition_token_moves_the_image_token_at_its_place():
    """Design: position by position. With attention cut, one changed condition token moves one patch of the output."""
    net = moved(models.build("editnet", base(SD3))).eval()
    for block in [*net.base.transformer_blocks, *(control.block for control in net.control_blocks)]:
        torch.nn.init.zeros_(block.attn.to_out[0].weight)
    x = inputs()
    before = net(**x)
    x["condition"][:, :, 4:6, 6:8] += 1
    moved_at = (net(**x) != before).any(dim=1).any(dim=0).nonzero()
    assert moved_at.amin(0).tolist() == [4, 6]
    assert moved_at.amax(0).tolist() == [5, 7]


@torch.no_grad()
def test_a_saved_net_computes_the_same(tmp_path):
    net = moved(models.build("editnet", base(SD35))).eval()
    net.save_pretrained(tmp_path)
    assert torch.equal(EditNet.from_pretrained(tmp_path).eval()(**inputs()), net(**inputs()))


def test_an_unknown_architecture_is_named_with_those_there_are():
    with pytest.raises(ValueError, match="'unet' is no architecture; there are editnet"):
        models.build("unet", base(SD3))
