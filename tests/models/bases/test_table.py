"""Tests of each architecture over each base but SD3, which test_factory.py covers, on tiny transformers."""

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from helpers.real_step import count_trained, measure_step
from helpers.tiny_bases import diffusers_velocity, inputs, make
from helpers.tiny_models import move_weights
from omniedit import models
from omniedit.config.schema import TrainConfig
from omniedit.models.bases.registry import transformer_config
from omniedit.models.cost import model_cost
from omniedit.models.editor import Editor
from omniedit.training.blocks import prepare_blocks

BASES = ("flux", "qwen_image", "z_image")
EXACT = ("editnet", "controlnet", "controlnet_text", "channel_concat", "sequence_concat_gated")
TABLE = [(name, base) for name in (*EXACT, "sequence_concat") for base in BASES]
transformer = cache(make)


@cache
def untrained_editor(name: str, base: str) -> Editor:
    return models.build(name, transformer(base)).eval()


def one_more(net: Editor) -> Editor:
    """Return a copy of an editor for a test to change."""
    copied = type(net).from_config(net.config)
    copied.load_state_dict(net.state_dict())
    return copied


@pytest.fixture(autouse=True)
def one_thread() -> Any:
    """Run on one thread: on several, even a copy of the base differs in the last bit."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize("base", [*BASES, "flux_schnell"])
@pytest.mark.parametrize("name", EXACT)
@torch.no_grad()
def test_untrained_editor_is_bit_identical_to_diffusers(name: str, base: str) -> None:
    for texts in ((5, 5), (5, 3)):
        x = inputs(base, texts=texts)
        assert torch.equal(untrained_editor(name, base)(**x), diffusers_velocity(transformer(base), x))


@pytest.mark.parametrize("base", BASES)
@torch.no_grad()
def test_untrained_editor_is_bit_identical_to_diffusers_in_bfloat16(base: str) -> None:
    net, x = make(base).to(torch.bfloat16), inputs(base, torch.bfloat16)
    expected = diffusers_velocity(net, x)
    for name in ("editnet", "controlnet_text"):
        assert torch.equal(models.build(name, net)(**x), expected)


@pytest.mark.parametrize("base", ["flux", "qwen_image"])
@torch.no_grad()
def test_untrained_sequence_editor_equals_a_base_with_the_source_in_context(base: str) -> None:
    """Over FLUX.1-Kontext's or Qwen-Image-Edit's weights, the editor starts as the published editor."""
    x = inputs(base)
    expected = diffusers_velocity(transformer(base), x, x["condition"])
    assert torch.equal(untrained_editor("sequence_concat", base)(**x), expected)


@pytest.mark.parametrize(("name", "base"), TABLE)
def test_gradient_steps_change_the_output_and_its_dependence_on_the_condition(name: str, base: str) -> None:
    """One step changes the output. A ControlNet's condition acts from the second on, through two zero layers."""
    net, x = one_more(untrained_editor(name, base)), inputs(base)
    optimizer = torch.optim.SGD([p for p in net.parameters() if p.requires_grad], lr=1.0)
    outputs = [net(**x)]
    for _ in range(2):
        outputs[-1].square().mean().backward()
        optimizer.step()
        outputs.append(net(**x))
    assert not torch.equal(outputs[1], outputs[0])
    assert not torch.equal(net(**x | {"condition": torch.zeros_like(x["condition"])}), outputs[2])


@pytest.mark.parametrize(("name", "base"), TABLE)
@torch.no_grad()
def test_saved_editor_reloads_bit_identical(name: str, base: str, tmp_path: Path) -> None:
    net, x = move_weights(one_more(untrained_editor(name, base))).eval(), inputs(base, texts=(5, 3))
    net.save_pretrained(tmp_path)
    assert torch.equal(type(net).from_pretrained(tmp_path).eval()(**x), net(**x))


@pytest.mark.parametrize(
    ("name", "base"),
    [*(("editnet", base) for base in BASES), ("channel_concat", "z_image")],
)
def test_counted_cost_matches_a_real_step(name: str, base: str) -> None:
    net = one_more(untrained_editor(name, base))
    flops, saved_bytes = measure_step(net)
    cost = model_cost(name, transformer_config(transformer(base)), (8, 12), 5, torch.float32)
    assert (cost.step_flops, cost.saved_bytes) == (flops, saved_bytes)
    assert cost.parameters == sum(p.numel() for p in net.parameters())
    assert cost.trained == count_trained(net)


@pytest.mark.parametrize("base", BASES)
def test_recomputed_blocks_give_the_same_gradients(base: str) -> None:
    gradients = []
    for how in ("none", "all"):
        net = move_weights(one_more(untrained_editor("editnet", base)))
        prepare_blocks(net, TrainConfig(checkpoint_activations=how))
        net(**inputs(base, texts=(5, 3))).square().mean().backward()
        gradients.append([p.grad for p in net.parameters() if p.grad is not None])
    assert len(gradients[0]) > 50
    assert all(torch.equal(plain, recomputed) for plain, recomputed in zip(*gradients, strict=True))


@torch.no_grad()
def test_guidance_affects_only_bases_that_embed_it() -> None:
    for base, changes in (("flux", True), ("flux_schnell", False), ("qwen_image", False)):
        net, x = untrained_editor("editnet", base), inputs(base)
        assert torch.equal(net(**x, guidance=torch.full([2], 3.5)), net(**x))
        assert torch.equal(net(**x, guidance=torch.full([2], 1.0)), net(**x)) != changes


@pytest.mark.parametrize("base", ["qwen_image", "z_image"])
@torch.no_grad()
def test_masked_text_tokens_do_not_affect_the_output(base: str) -> None:
    net, x = move_weights(one_more(untrained_editor("editnet", base))).eval(), inputs(base, texts=(40, 3))
    expected = net(**x)
    x["prompt_embeds"][1, 3:] = 7
    assert torch.equal(net(**x), expected)
