"""Tests of adapters: they change nothing at the start, train alone in their blocks, and merge into plain weights."""

import pytest
import torch

from helpers.tiny_models import SD3, SD35, base, inputs
from omniedit import models
from omniedit.config.fitting import LoraConfig
from omniedit.errors import UserError
from omniedit.models.editor import Editor
from omniedit.models.lora import adapter_state, add_adapters, trained_weights, write_trained

CASES = [
    ("editnet", "control", False, torch.float32),
    ("editnet", "both", True, torch.bfloat16),
    ("controlnet_text", "base", True, torch.float32),
    ("channel_concat", "base", False, torch.bfloat16),
]


def adapted_and_plain(name: str, options: LoraConfig, dtype: torch.dtype = torch.float32) -> tuple[Editor, Editor]:
    """Return an editor with adapters, and one without over the same base."""
    editor, plain = (models.build(name, base(SD35).to(dtype)) for _ in range(2))
    add_adapters(editor, options, seed=0)
    return editor, plain


@pytest.mark.parametrize(("name", "targets", "dora", "dtype"), CASES)
def test_untrained_adapters_change_nothing_and_merged_ones_match(
    name: str, targets: str, dora: bool, dtype: torch.dtype
) -> None:
    options = LoraConfig(rank=3, alpha=6.0, dora=dora, targets=targets)
    editor, plain = adapted_and_plain(name, options, dtype)
    start = editor(**inputs(dtype))
    assert torch.equal(start, plain(**inputs(dtype)))
    start.float().square().mean().backward()
    with torch.no_grad():
        for parameter in editor.parameters():
            if parameter.requires_grad:
                parameter += 0.05 * torch.randn_like(parameter)
    write_trained(editor, plain, options)
    trained, merged = editor(**inputs(dtype)).detach(), plain(**inputs(dtype)).detach()
    tolerance = 1e-5 if dtype == torch.float32 else 0.05
    assert (trained - merged).abs().max() < tolerance < (trained - start).abs().max()


def test_only_adapters_and_parts_outside_the_blocks_are_trained() -> None:
    editor, _ = adapted_and_plain("editnet", LoraConfig(rank=3))
    trained = {name for name, p in editor.named_parameters() if p.requires_grad}
    assert not any(name.startswith("base.") for name in trained)
    assert {name.split(".")[0] for name in trained_weights(editor)} == {"condition_embed", "control_blocks"}
    assert {name.split(".")[2] for name in trained_weights(editor) if name[:7] == "control"} == {"to_image", "to_text"}
    layers = {name.partition(".lora_")[0] for name in adapter_state(editor)}
    assert "control_blocks.0.block.attn.to_q" in layers and not any("norm" in name for name in layers)


def test_channel_concatenation_trains_only_the_patch_layer_and_adapters_of_its_base() -> None:
    editor, _ = adapted_and_plain("channel_concat", LoraConfig(rank=3, targets="base"))
    assert set(trained_weights(editor)) == {"base.pos_embed.proj.weight", "base.pos_embed.proj.bias"}
    with pytest.raises(UserError, match=r"train\.lora\.targets: ChannelConcat has no control branch"):
        add_adapters(models.build("channel_concat", base(SD3)), LoraConfig(rank=3), seed=0)


def test_the_seed_determines_the_initial_adapters() -> None:
    same, again, other = (models.build("editnet", base(SD3)) for _ in range(3))
    for editor, seed in ((same, 1), (again, 1), (other, 2)):
        add_adapters(editor, LoraConfig(rank=3), seed)
    name = "control_blocks.0.block.attn.to_q.lora_A.weight"
    assert torch.equal(adapter_state(same)[name], adapter_state(again)[name])
    assert not torch.equal(adapter_state(same)[name], adapter_state(other)[name])
