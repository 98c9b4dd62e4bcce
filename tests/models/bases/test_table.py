"""Tests of every architecture over every base on tiny transformers: the table of docs/training.md.

test_factory.py repeats those over SD3 with other patches and numbers; test_unet_editor.py has the UNet's.
"""

from functools import cache
from pathlib import Path

import pytest
import torch

from helpers.real_step import count_trained, measure_step
from helpers.tiny_bases import BASES, demonstrations, diffusers_velocity, inputs, make
from helpers.tiny_models import move_weights
from omniedit import models
from omniedit.architectures import ARCHITECTURES
from omniedit.config.schema import TrainConfig
from omniedit.models.bases.registry import ADAPTERS, SD3, UNET, transformer_config
from omniedit.models.cost import model_cost
from omniedit.models.editor import Editor
from omniedit.training.blocks import prepare_blocks

COLUMNS = {
    SD3: "SD3, SD3.5",
    "FluxTransformer2DModel": "FLUX.1",
    "QwenImageTransformer2DModel": "Qwen-Image",
    "ZImageTransformer2DModel": "Z-Image",
    UNET: "SD1.5",
}
PUBLISHED = {"FLUX.1": "as Kontext", "Qwen-Image": "as Qwen-Image-Edit"}
IN_CONTEXT = ("sequence_concat", "sequence_concat_demos", "sequence_concat_demos_cross")
MMDITS = [name for name, architecture in ARCHITECTURES.items() if not architecture.over_unet]
EXACT = [name for name in MMDITS if name not in IN_CONTEXT]
PACKED = ("flux", "qwen_image", "z_image")
COUNTED = [("editnet", base) for base in PACKED]
COUNTED += [("channel_concat", "z_image"), ("sequence_concat_gated", "qwen_image")]
COUNTED += [("editnet_routed_demos", "z_image"), ("sequence_concat_demos", "flux")]
"""Cells with all kinds of layers of the others; test_cost.py counts every architecture over SD3."""
transformer = cache(make)
pytestmark = pytest.mark.usefixtures("one_thread")
DOCUMENT = Path(__file__).parents[3] / "docs/training.md"


@cache
def untrained_editor(name: str, base: str) -> Editor:
    return models.build(name, transformer(base)).eval()


def one_more(net: Editor) -> Editor:
    """Return a copy of an editor for a test to change."""
    copied = type(net).from_config(net.config)
    copied.load_state_dict(net.state_dict())
    return copied


def all_inputs(base: str, texts: tuple[int, int] = (5, 5)) -> dict[str, torch.Tensor]:
    """Return inputs of an editor with references, captions and tasks."""
    return inputs(base, texts=texts) | demonstrations(base) | {"task": torch.tensor([0, -1])}


def cell(name: str, column: str) -> str:
    """Return how an untrained editor starts, as in the document."""
    if ARCHITECTURES[name].over_unet != (column == COLUMNS[UNET]):
        return ""
    if name not in IN_CONTEXT:
        return "exact"
    return PUBLISHED.get(column, "in context") if name == "sequence_concat" else "in context"


def test_the_documented_table_has_every_architecture_and_base() -> None:
    assert list(COLUMNS) == list(ADAPTERS)
    lines = DOCUMENT.read_text().splitlines()
    first = lines.index(f"| `train.model` | {' | '.join(COLUMNS.values())} |")
    rows = {name: " | ".join(cell(name, column) for column in COLUMNS.values()) for name in ARCHITECTURES}
    expected = [f"| `{name}` | {row} |".replace("|  |", "| |").replace("|  |", "| |") for name, row in rows.items()]
    assert lines[first + 2 : first + 3 + len(expected)] == [*expected, ""]


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("name", EXACT)
@torch.no_grad()
def test_untrained_editor_is_bit_identical_to_diffusers(name: str, base: str) -> None:
    for texts in ((5, 5), (5, 3)):
        x = all_inputs(base, texts)
        assert torch.equal(untrained_editor(name, base)(**x), diffusers_velocity(transformer(base), x))


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("name", IN_CONTEXT)
@torch.no_grad()
def test_output_of_an_untrained_sequence_editor_depends_on_the_source(name: str, base: str) -> None:
    x = all_inputs(base)
    net, without = untrained_editor(name, base), x | {"condition": torch.zeros_like(x["condition"])}
    assert (net(**x) - net(**without)).abs().max() > 1e-4


@pytest.mark.parametrize("base", PACKED)
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


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("name", MMDITS)
def test_gradient_steps_change_the_output_and_its_dependence_on_the_condition(name: str, base: str) -> None:
    """One step changes the output. A ControlNet's condition acts from the second on, through two zero layers."""
    net, x = one_more(untrained_editor(name, base)), all_inputs(base)
    trained = [p for p in net.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(trained, lr=1.0)
    outputs = [net(**x)]
    for _ in range(2):
        outputs[-1].square().mean().backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        outputs.append(net(**x))
    outputs.append(net(**x | {"condition": torch.zeros_like(x["condition"])}))
    assert all(output.isfinite().all() for output in outputs)
    assert not torch.equal(outputs[1], outputs[0])
    assert not torch.equal(outputs[3], outputs[2])


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("name", MMDITS)
@torch.no_grad()
def test_saved_editor_reloads_bit_identical(name: str, base: str, tmp_path: Path) -> None:
    net, x = move_weights(one_more(untrained_editor(name, base))).eval(), all_inputs(base, texts=(5, 3))
    net.save_pretrained(tmp_path)
    assert torch.equal(type(net).from_pretrained(tmp_path).eval()(**x), net(**x))


@pytest.mark.parametrize(("name", "base"), COUNTED)
def test_counted_cost_matches_a_real_step(name: str, base: str) -> None:
    net = one_more(untrained_editor(name, base))
    flops, saved_bytes = measure_step(net)
    cost = model_cost(name, transformer_config(transformer(base)), (8, 12), 5, torch.float32)
    assert (cost.step_flops, cost.saved_bytes) == (flops, saved_bytes)
    assert cost.parameters == sum(p.numel() for p in net.parameters())
    assert cost.trained == count_trained(net)


@pytest.mark.parametrize("base", PACKED)
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
