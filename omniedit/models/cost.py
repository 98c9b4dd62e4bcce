"""Compute and memory cost of an editor, counted by running it on tensors without values.

The operations that torch would execute are counted, so this works for any base and architecture. Counting takes seconds
for SD3-Medium.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from omniedit.models.activations import Activations, count_activations, default_dtype, sample_inputs
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
        saved_bytes: size of the activations kept for the backward pass, including those of a recomputed block.
        quantisable: number of frozen weights of the blocks' linear layers.
        recomputed: share of the layers that are recomputed.
    """

    parameters: int
    trained: int
    forward_flops: int
    step_flops: int
    saved_bytes: int
    quantisable: int = 0
    recomputed: float = 0.0


def no_layers(activations: Activations) -> frozenset[int]:
    """Return the empty set of layers: none is recomputed."""
    return frozenset()


def model_cost(
    name: str,
    base_config: Mapping[str, Any],
    latent: tuple[int, int],
    text_tokens: int,
    dtype: torch.dtype,
    choose: Callable[[Activations], frozenset[int]] = no_layers,
    adapt: Callable[[Editor], None] = lambda net: None,
) -> Cost:
    """Compute the cost of an architecture over a base.

    Args:
        name: a key of `ARCHITECTURES`.
        base_config: config of the base, as in `Editor`.
        latent: height and width of the latents, 128 x 128 for an image of 1024 x 1024.
        choose: function that returns the layers to recompute.
        adapt: changes that training makes to the editor's weights, applied first.
    """
    net = create_empty(name, base_config, dtype, adapt)
    forward, step = operations(net, latent, text_tokens)
    activations = count_activations(net, latent, text_tokens)
    recomputed = choose(activations)
    share = len(recomputed) / len(activations.layers)
    return Cost(*count_weights(net), forward, step, activations.peak_bytes(recomputed), count_quantisable(net), share)


def create_empty(
    name: str,
    base_config: Mapping[str, Any],
    dtype: torch.dtype = torch.float32,
    adapt: Callable[[Editor], None] = lambda net: None,
) -> Editor:
    """Create an editor without values, on the meta device."""
    with torch.device("meta"), default_dtype(dtype):
        net = create(name, base_config)
        adapt(net)
    return net


def count_weights(net: Editor) -> tuple[int, int]:
    """Count the weights and the trained weights."""
    counts = [(p.numel(), p.requires_grad) for p in net.parameters()]
    return sum(count for count, _ in counts), sum(count for count, is_trained in counts if is_trained)


def count_quantisable(net: Editor) -> int:
    return sum(layer.weight.numel() for layer in frozen_linears(net).values())


def step_flops(name: str, base_config: Mapping[str, Any], latent: tuple[int, int], text_tokens: int) -> int:
    """Return the operations of one sample's forward and backward pass."""
    return operations(create_empty(name, base_config), latent, text_tokens)[1]


def editor_step_flops(editor: Editor, latent: tuple[int, int], text_tokens: int) -> int:
    """Return `step_flops` of an editor with weights."""
    with torch.device("meta"):
        net: Any = type(editor).from_config(editor.config)
    return operations(net, latent, text_tokens)[1]


def operations(net: Editor, latent: tuple[int, int], text_tokens: int) -> tuple[int, int]:
    """Count the operations of one sample's forward pass, and of forward and backward together.

    Args:
        net: editor on the meta device. There attention is two plain matrix products; the backward pass of fused
            attention would also count its recomputation.
    """
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        loss = net(**sample_inputs(net, latent, text_tokens, net.dtype)).sum()
        forward = counter.get_total_flops()
        loss.backward()
    return forward, counter.get_total_flops()
