"""Tests that counted activations are the memory that torch keeps, with and without recomputation."""

import gc
from collections.abc import Iterable
from typing import Any

import pytest
import torch
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from helpers.tiny_bases import make
from omniedit import models
from omniedit.config.schema import TrainConfig
from omniedit.models.activations import count_activations, sample_inputs
from omniedit.models.bases.registry import transformer_config
from omniedit.models.cost import SD3_MEDIUM, create_empty
from omniedit.training.blocks import prepare_blocks


class Allocations(TorchDispatchMode):
    """Records each storage that an operation makes."""

    def __init__(self) -> None:
        super().__init__()
        self.storages: dict[int, tuple[StorageWeakRef, int]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, torch.Tensor):
                storage = tensor.untyped_storage()
                self.storages[storage._cdata] = (StorageWeakRef(storage), storage.nbytes())
        return result

    def alive(self, but: Iterable[torch.Tensor]) -> int:
        """Return the bytes of the storages that still exist, without those of some tensors."""
        gc.collect()
        others = {tensor.untyped_storage()._cdata for tensor in but}
        alive = (key for key, (reference, _) in self.storages.items() if not reference.expired())
        return sum(self.storages[key][1] for key in alive if key not in others)


@pytest.mark.parametrize(("name", "kind"), [("editnet", "sd35"), ("editnet", "flux"), ("channel_concat", "z_image")])
def test_counted_activations_are_what_a_forward_pass_leaves_allocated(name: str, kind: str) -> None:
    network = make(kind)
    counted = count_activations(create_empty(name, transformer_config(network)), (8, 12), 5)
    layers = range(len(counted.layers))
    for which, recomputed in {"none": [], "selective": layers[::2], "all": layers}.items():
        net = models.build(name, network)
        prepare_blocks(net, TrainConfig.model_validate({"checkpoint_activations": which}))
        inputs = sample_inputs(net, (8, 12), 5, torch.float32)
        with Allocations() as allocations:
            output = net(**inputs)
        others = [*net.parameters(), *net.buffers(), *inputs.values(), output]
        # Fused attention saves other small values on a CPU, and some bases keep tables of rotations.
        tolerance = 0.012 * counted.peak_bytes()
        assert sum(counted.keep(recomputed).values()) == pytest.approx(allocations.alive(others), abs=tolerance), which


def test_a_recomputed_layer_keeps_the_tokens_that_enter_it() -> None:
    """Check that channel-wise concatenation over SD3-Medium's blocks keeps image and text tokens in bfloat16."""
    tokens = 2 * 1536 * (64 * 64 + 333)
    configs = [SD3_MEDIUM | {"num_layers": layers} for layers in (2, 3)]
    nets = [create_empty("channel_concat", config, torch.bfloat16) for config in configs]
    kept = [count_activations(net, (128, 128), 333) for net in nets]
    fewer, more = (sum(counted.keep(range(3)).values()) for counted in kept)
    assert more - fewer == tokens
    assert kept[1].peak_bytes(range(3)) > more + 15 * tokens, "the block that is recomputed has its activations"
