"""Compute and memory cost of an editor, counted by running it on tensors without values.

The counts are of operations that torch would execute, so they hold for any base and architecture. SD3-Medium takes
seconds.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.func import functional_call
from torch.utils.flop_counter import FlopCounterMode

from omniedit.models.editor import Editor
from omniedit.models.factory import create
from omniedit.models.quantize import frozen_linears

SD3_MEDIUM: dict[str, Any] = {
    "sample_size": 128,
    "patch_size": 2,
    "in_channels": 16,
    "out_channels": 16,
    "num_layers": 24,
    "attention_head_dim": 64,
    "num_attention_heads": 24,
    "joint_attention_dim": 4096,
    "caption_projection_dim": 1536,
    "pooled_projection_dim": 2048,
    "pos_embed_max_size": 192,
}
"""Arguments of `SD3Transformer2DModel`."""
SD35_MEDIUM = SD3_MEDIUM | {"pos_embed_max_size": 384, "qk_norm": "rms_norm", "dual_attention_layers": tuple(range(13))}
SD35_LARGE = SD3_MEDIUM | {
    "num_layers": 38,
    "num_attention_heads": 38,
    "caption_projection_dim": 2432,
    "qk_norm": "rms_norm",
}


@dataclass(frozen=True)
class Cost:
    """Cost of an editor, per sample of a given shape.

    Args:
        parameters, trained: number of parameters, and of trained ones.
        forward_flops: operations of a forward pass; a multiply-add counts as two.
        step_flops: operations of forward and backward together, without recomputation.
        saved_bytes: size of the activations kept for the backward pass.
        quantisable: number of frozen weights of the blocks' linear layers.
    """

    parameters: int
    trained: int
    forward_flops: int
    step_flops: int
    saved_bytes: int
    quantisable: int = 0


def model_cost(
    name: str,
    base_config: Mapping[str, Any],
    latent: tuple[int, int],
    text_tokens: int,
    dtype: torch.dtype,
    prepare: Callable[[Editor], None] = lambda net: None,
    adapt: Callable[[Editor], None] = lambda net: None,
) -> Cost:
    """Compute the cost of an architecture over a base.

    Args:
        name: a key of `ARCHITECTURES`.
        base_config: config of the base, as in `Editor`.
        latent: height and width of the latents, 128 x 128 for an image of 1024 x 1024.
        prepare: changes that training makes to the editor, which affect the saved activations.
        adapt: changes that training makes to the editor's weights, applied first.
    """
    with torch.device("meta"):
        net = create(name, base_config)
        adapt(net)
    forward, step = operations(net, latent, text_tokens)
    saved = activation_bytes(name, base_config, latent, text_tokens, dtype, prepare, adapt)
    return Cost(*count_weights(net), forward, step, saved, count_quantisable(net))


def count_weights(net: Editor) -> tuple[int, int]:
    """Count the weights and the trained weights."""
    counts = [(p.numel(), p.requires_grad) for p in net.parameters()]
    return sum(count for count, _ in counts), sum(count for count, is_trained in counts if is_trained)


def count_quantisable(net: Editor) -> int:
    return sum(layer.weight.numel() for layer in frozen_linears(net).values())


def step_flops(name: str, base_config: Mapping[str, Any], latent: tuple[int, int], text_tokens: int) -> int:
    """Return the operations of one sample's forward and backward pass."""
    with torch.device("meta"):
        net = create(name, base_config)
    return operations(net, latent, text_tokens)[1]


def editor_step_flops(editor: Editor, latent: tuple[int, int], text_tokens: int) -> int:
    """Return `step_flops` for an editor that exists."""
    with torch.device("meta"):
        net: Any = type(editor).from_config(editor.config)
    return operations(net, latent, text_tokens)[1]


def operations(net: Editor, latent: tuple[int, int], text_tokens: int) -> tuple[int, int]:
    """Count the operations of one sample's forward pass, and of forward and backward together.

    Args:
        net: on the meta device, where attention is two plain products; the backward pass of fused attention would
            also count its recomputation.
    """
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        loss = net(**sample_inputs(net, latent, text_tokens, torch.float32)).sum()
        forward = counter.get_total_flops()
        loss.backward()
    return forward, counter.get_total_flops()


def activation_bytes(
    name: str,
    base_config: Mapping[str, Any],
    latent: tuple[int, int],
    text_tokens: int,
    dtype: torch.dtype,
    prepare: Callable[[Editor], None] = lambda net: None,
    adapt: Callable[[Editor], None] = lambda net: None,
) -> int:
    """Return the bytes that autograd saves for the backward pass of one sample, with fused attention as on a GPU."""
    with torch.device("meta"), default_dtype(dtype):
        net = create(name, base_config)
        adapt(net)
        shapes = {key: (value.shape, value.dtype) for key, value in net.state_dict().items()}
        prepare(net)
    with FakeTensorMode():
        net.adapter.restore_constants()
        state = {key: torch.empty(shape, dtype=kind) for key, (shape, kind) in shapes.items()}
        for key, parameter in net.named_parameters():
            state[key].requires_grad_(parameter.requires_grad)
        weights = {value.untyped_storage()._cdata for value in state.values()}
        sizes: dict[int, int] = {}
        alive = []  # keeps storages alive, or the next one could reuse a freed address

        def pack(tensor: Tensor) -> Tensor:
            storage = tensor.untyped_storage()
            if storage._cdata not in weights and storage._cdata not in sizes:
                sizes[storage._cdata] = storage.nbytes()
                alive.append(storage)
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            functional_call(net, state, kwargs=sample_inputs(net, latent, text_tokens, dtype))
    return sum(sizes.values())


def sample_inputs(net: Editor, latent: tuple[int, int], text_tokens: int, dtype: torch.dtype) -> dict[str, Tensor]:
    """Return arguments of `forward` for one sample, on the default device."""
    adapter = net.adapter
    return {
        "noisy": torch.zeros(1, adapter.channels, *latent, dtype=dtype),
        "timestep": torch.zeros(1, dtype=dtype),
        "prompt_embeds": torch.zeros(1, text_tokens, adapter.text_width, dtype=dtype),
        "pooled": torch.zeros(1, *adapter.pooled_shape(text_tokens), dtype=dtype),
        "condition": torch.zeros(1, net.condition_channels, *latent, dtype=dtype),
    }


@contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)
