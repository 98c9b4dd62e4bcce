"""Tests that memory and speed options of blocks change neither outputs nor gradients."""

from functools import partial

import pytest
import torch

from helpers.tiny_models import ON_MMDIT, SD3, SD35, base, inputs, move_weights
from omniedit import models
from omniedit.config.schema import TrainConfig
from omniedit.models.editor import Editor
from omniedit.training.blocks import prepare_blocks


def prepare_editor(name: str, kind: dict, **options: object) -> Editor:
    net = move_weights(models.build(name, base(kind)))
    prepare_blocks(net, TrainConfig.model_validate(options))
    return net


def step(net: Editor) -> tuple[list[torch.Tensor], int]:
    """Return velocity and gradients, and the bytes kept for the backward pass outside recomputed blocks."""
    storages = {}  # held until they are counted: the address of a freed one would be used again

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        velocity = net(**inputs())
    size = sum(storage.nbytes() for storage in storages.values())
    velocity.square().mean().backward()
    return [velocity.detach(), *(p.grad for p in net.parameters() if p.grad is not None)], size


@pytest.mark.parametrize("name", ON_MMDIT)
def test_activation_checkpointing_saves_memory_and_is_bit_identical(name: str) -> None:
    results = {
        how: step(prepare_editor(name, SD35, checkpoint_activations=how)) for how in ("none", "selective", "all")
    }
    for tensors, _ in results.values():
        assert all(torch.equal(a, b) for a, b in zip(tensors, results["none"][0], strict=True))
    kept = [size for _, size in results.values()]
    assert kept[0] > 1.5 * kept[1] > 1.5 * kept[2]


def test_compiled_blocks_match_eager_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks are traced and differentiated ahead of time, without Inductor, whose C++ takes minutes."""
    monkeypatch.setattr("torch.compile", partial(torch.compile, backend="aot_eager"))
    torch._dynamo.utils.counters.clear()
    net = prepare_editor("editnet", SD3, compile=True, checkpoint_activations="selective")
    for mine, plain in zip(step(net)[0], step(prepare_editor("editnet", SD3))[0], strict=True):
        torch.testing.assert_close(mine, plain, rtol=1e-4, atol=1e-5)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 5, "layers share graphs"
