"""Tests of EditNet's control branch: it copies every block, is fully trained, and acts position by position."""

import pytest
import torch

from helpers.tiny_models import SD3, SD35, base, inputs, move_weights
from omniedit import models
from omniedit.models.editor import Editor


def test_control_blocks_copy_every_weight_of_the_base():
    transformer = base(SD35)
    net = models.build("editnet", transformer)
    for control, block in zip(net.control_blocks, transformer.transformer_blocks, strict=True):
        copied = control.block.state_dict()
        assert copied.keys() == block.state_dict().keys()
        assert all(torch.equal(copied[name], weight) for name, weight in block.state_dict().items())


def test_only_the_control_branch_gets_gradients_and_all_of_it_does():
    net = move_weights(models.build("editnet", base(SD3)))
    net(**inputs()).square().mean().backward()
    reached = {name for name, p in net.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
    trainable = {name for name, p in net.named_parameters() if p.requires_grad}
    assert trainable == {name for name, _ in net.named_parameters() if not name.startswith("base.")}
    # The last block has no text output, so its text queries are unused; a key's bias cancels in the softmax.
    assert {name for name in trainable - reached if ".add_q_proj." not in name and "k_proj.bias" not in name} == set()


@pytest.mark.parametrize("name", ["editnet", "editnet_task_token", "editnet_routed", "editnet_demos"])
@torch.no_grad()
def test_condition_token_moves_only_the_image_token_at_its_position(name: str):
    """Without attention, one changed condition token must change exactly one patch of the output."""
    net = move_weights(models.build(name, base(SD3))).eval()
    for block in [*net.base.transformer_blocks, *(control.block for control in net.control_blocks)]:
        torch.nn.init.zeros_(block.attn.to_out[0].weight)
    x = inputs()
    before = net(**x)
    x["condition"][:, :, 4:6, 6:8] += 1
    moved_at = (net(**x) != before).any(dim=1).any(dim=0).nonzero()
    assert moved_at.amin(0).tolist() == [4, 6]
    assert moved_at.amax(0).tolist() == [5, 7]


def control_output(net: Editor, **changes: torch.Tensor) -> torch.Tensor:
    """Return the image residual of the first control block."""
    seen = []
    hook = net.control_blocks[0].register_forward_hook(lambda block, given, output: seen.append(output[0]))
    net(**inputs() | changes)
    hook.remove()
    return seen[0]


def first_input(net: Editor) -> torch.Tensor:
    """Return the image tokens that enter the base's first block."""
    seen = []
    block = net.base.transformer_blocks[0]
    hook = block.register_forward_pre_hook(
        lambda block, _, given: seen.append(given["hidden_states"]), with_kwargs=True
    )
    net(**inputs())
    hook.remove()
    return seen[0]


@torch.no_grad()
def test_each_editnet_variant_changes_exactly_one_design_choice():
    nets = {
        name: move_weights(models.build(name, base(SD3))).eval() for name in models.ARCHITECTURES if "editnet" in name
    }
    later, other = {"timestep": inputs()["timestep"] / 2}, {"noisy": inputs()["noisy"] + 1}
    for name, net in nets.items():
        untouched = net.base.pos_embed(inputs()["noisy"])
        assert torch.equal(first_input(net), untouched) == (name == "editnet_behind")
        assert torch.equal(control_output(net), control_output(net, **other)) == (name == "editnet_blind")
        assert torch.equal(control_output(net), control_output(net, **later)) == (name == "editnet_clean_time")
        for block in net.control_blocks:
            torch.nn.init.zeros_(block.block.attn.to_out[0].weight)
        nothing = torch.zeros_like(inputs()["condition"])
        unmoved = torch.equal(control_output(net), control_output(net, condition=nothing))
        assert unmoved == (name == "editnet_from_image")


@torch.no_grad()
def test_control_at_noise_level_zero_has_the_modulation_of_timestep_zero():
    clean = move_weights(models.build("editnet_clean_time", base(SD3))).eval()
    usual = move_weights(models.build("editnet", base(SD3))).eval()
    zero = torch.zeros_like(inputs()["timestep"])
    assert torch.equal(control_output(clean), control_output(usual, timestep=zero))


def test_a_control_block_before_every_second_block_copies_that_block():
    transformer = base(SD3)
    net = move_weights(models.build("editnet_every2", transformer))
    assert len(net.control_blocks) == 2
    for control, block in zip(net.control_blocks, transformer.transformer_blocks[::2], strict=True):
        copied = control.block.state_dict()
        assert all(torch.equal(copied[name], weight) for name, weight in block.state_dict().items())
    seen = []
    for place, block in enumerate(net.base_blocks):
        block.register_forward_hook(lambda module, given, output, place=place: seen.append(place))
    for place, control in enumerate(net.control_blocks):
        control.register_forward_hook(lambda module, given, output, place=place: seen.append(f"control {place}"))
    net(**inputs())
    assert seen == ["control 0", 0, 1, "control 1", 2]
