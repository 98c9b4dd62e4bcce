"""Operations and memory of one training step that torch executes, to compare with the counted cost."""

from typing import Any

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from omniedit.models.activations import sample_inputs


def measure_step(net: Any) -> tuple[int, int]:
    """Return the operations of a step on one sample, and the bytes that its forward pass saves."""
    sample = sample_inputs(net, (8, 12), 5, torch.float32)
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as step:
        net(**sample).sum().backward()
    storages = {}  # held until they are counted: the address of a freed one would be used again

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage()
        return tensor

    kept = [p.untyped_storage().data_ptr() for p in net.parameters()]
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        output = net(**sample)
    del output
    return step.get_total_flops(), sum(storage.nbytes() for place, storage in storages.items() if place not in kept)


def count_trained(net: nn.Module) -> int:
    return sum(p.numel() for p in net.parameters() if p.requires_grad)
