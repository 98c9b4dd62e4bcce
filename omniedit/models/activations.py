"""Activations that autograd keeps for the backward pass, counted by running an editor on tensors without values.

One count gives the memory for any choice of layers to recompute.
"""

from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.func import functional_call
from torch.utils._pytree import tree_leaves

from omniedit.models.editor import Editor

Storages = dict[int, int]
"""Sizes in bytes of the storages of tensors, by the storage's id."""


@dataclass(frozen=True)
class BlockActivations:
    """Storages of one block. A block is recomputed as a whole or not at all.

    Args:
        inputs: storages of its arguments, which a recomputed block keeps.
        saved: storages that it keeps if it is not recomputed.
    """

    inputs: Storages
    saved: Storages


@dataclass(frozen=True)
class Activations:
    """Storages kept for the backward pass of one sample.

    Args:
        outside: kept outside of blocks.
        layers: the blocks of each layer.
    """

    outside: Storages
    layers: list[list[BlockActivations]]

    def keep(self, recomputed: Container[int] = ()) -> Storages:
        """Return the storages that the forward pass keeps if these layers are recomputed."""
        kept = dict(self.outside)
        for number, layer in enumerate(self.layers):
            for block in layer:
                kept |= block.inputs if number in recomputed else block.saved
        return kept

    def peak_bytes(self, recomputed: Container[int] = ()) -> int:
        """Return the peak memory of the backward pass in bytes: everything that is kept, plus the largest recomputed
        block.
        """
        kept = self.keep(recomputed)
        again = [block.saved for number, layer in enumerate(self.layers) if number in recomputed for block in layer]
        largest = max((sum(saved[key] for key in saved.keys() - kept.keys()) for saved in again), default=0)
        return sum(kept.values()) + largest


def count_activations(net: Editor, latent: tuple[int, int], text_tokens: int) -> Activations:
    """Count the activations of one sample, with fused attention as on a GPU.

    Args:
        net: editor on the meta device, in the dtype of the training. Its blocks are wrapped, so do not use it
            afterwards.
    """
    weights = {key: (value.shape, value.dtype, value.requires_grad) for key, value in net.named_parameters()}
    buffers = {key: (value.shape, value.dtype, False) for key, value in net.named_buffers()}
    with FakeTensorMode():
        net.adapter.restore_constants()
        state = {
            key: torch.empty(shape, dtype=dtype, requires_grad=is_trained)
            for key, (shape, dtype, is_trained) in (weights | buffers).items()
        }
        recorder = _Recorder(net, state)
        with recorder.record(recorder.activations.outside):
            functional_call(net, state, kwargs=sample_inputs(net, latent, text_tokens, net.dtype))
    return recorder.activations


class _Recorder:
    """Records the storages that an editor saves, and wraps its blocks to record theirs separately."""

    def __init__(self, net: Editor, weights: Mapping[str, Tensor]) -> None:
        self.weights = {value.untyped_storage()._cdata for value in weights.values()}
        self.alive: list[Any] = []  # keeps storages alive, because a new one could get the id of a freed one
        self.activations = Activations({}, [[self._wrap(block) for block in layer] for layer in net.layers])

    def _wrap(self, block: nn.Module) -> BlockActivations:
        own, forward = BlockActivations({}, {}), block.forward

        def recorded(*args: Any, **kwargs: Any) -> Any:
            for tensor in tree_leaves((args, kwargs)):
                if isinstance(tensor, Tensor):
                    self._add(tensor, own.inputs)
            with self.record(own.saved):
                return forward(*args, **kwargs)

        block.forward = recorded
        return own

    def record(self, storages: Storages) -> Any:
        def pack(tensor: Tensor) -> Tensor:
            self._add(tensor, storages)
            return tensor

        return torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor)

    def _add(self, tensor: Tensor, storages: Storages) -> None:
        storage = tensor.untyped_storage()
        if storage._cdata not in self.weights:
            storages[storage._cdata] = storage.nbytes()
            self.alive.append(storage)


def sample_inputs(net: Editor, latent: tuple[int, int], text_tokens: int, dtype: torch.dtype) -> dict[str, Tensor]:
    """Return arguments of `forward` for one sample, on the default device."""
    adapter, new = net.adapter, partial(torch.zeros, dtype=dtype)
    return {
        "noisy": new(1, adapter.channels, *latent),
        "timestep": new(1),
        "prompt_embeds": new(1, text_tokens, adapter.text_width),
        "pooled": new(1, *adapter.pooled_shape(text_tokens)),
        "condition": new(1, net.condition_channels, *latent),
    }


@contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)
