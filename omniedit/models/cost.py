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
ADAM_BYTES = 12
"""Bytes per trained parameter in float32: the weight itself and AdamW's two moments."""
EMA_BYTES = 4


@dataclass(frozen=True)
class Cost:
    """Cost of an editor, per sample of a given shape.

    Args:
        parameters, trained: number of parameters, and of trained ones.
        forward_flops: operations of a forward pass; a multiply-add counts as two.
        step_flops: operations of forward and backward together, without recomputation.
        saved_bytes: size of the activations kept for the backward pass.
    """

    parameters: int
    trained: int
    forward_flops: int
    step_flops: int
    saved_bytes: int


def model_cost(
    name: str,
    base_config: Mapping[str, Any],
    latent: tuple[int, int],
    text_tokens: int,
    dtype: torch.dtype,
    prepare: Callable[[Editor], None] = lambda net: None,
) -> Cost:
    """Compute the cost of an architecture over a base.

    Args:
        name: a key of `ARCHITECTURES`.
        base_config: config of the `SD3Transformer2DModel`.
        latent: height and width of the latents; in SD3, 128 x 128 for an image of 1024 x 1024.
        prepare: changes that training makes to the editor, which affect the saved activations.
    """
    with torch.device("meta"):
        net = create(name, base_config)
    forward, step = operations(net, latent, text_tokens)
    counts = [p.numel() for p in net.parameters()]
    trained = [p.numel() for p in net.parameters() if p.requires_grad]
    saved = activation_bytes(name, base_config, latent, text_tokens, dtype, prepare)
    return Cost(sum(counts), sum(trained), forward, step, saved)


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
) -> int:
    """Return the bytes that autograd saves of one sample for the backward pass, with fused attention as on a GPU."""
    with torch.device("meta"), default_dtype(dtype):
        net = create(name, base_config)
        shapes = {key: (value.shape, value.dtype) for key, value in net.state_dict().items()}
        prepare(net)
    with FakeTensorMode():
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
    config = net.base.config
    return {
        "noisy": torch.zeros(1, config["out_channels"] or config["in_channels"], *latent, dtype=dtype),
        "timestep": torch.zeros(1, dtype=dtype),
        "prompt_embeds": torch.zeros(1, text_tokens, config["joint_attention_dim"], dtype=dtype),
        "pooled": torch.zeros(1, config["pooled_projection_dim"], dtype=dtype),
        "condition": torch.zeros(1, net.condition_channels, *latent, dtype=dtype),
    }


def state_bytes(cost: Cost, zero_stage: int, ranks: int, parameter_bytes: int = 2) -> float:
    """Return the bytes per GPU for weights, gradients, AdamW's state and EMA weights (Rajbhandari et al. 2020, fig. 1).

    Args:
        zero_stage: 0 keeps everything on each rank; 1 shards AdamW's state and the EMA weights, 2 also the gradients,
            3 also the weights.
        parameter_bytes: bytes per weight and per gradient, 2 in bfloat16.
    """
    weights, gradients, adam = (
        parameter_bytes * cost.parameters,
        parameter_bytes * cost.trained,
        (ADAM_BYTES + EMA_BYTES) * cost.trained,
    )
    shared = 0.0
    for stage, size in ((1, adam), (2, gradients), (3, weights)):
        shared += size if zero_stage >= stage else size * ranks
    return shared / ranks


def step_bytes(cost: Cost, zero_stage: int, ranks: int, parameter_bytes: int = 2) -> float:
    """Return the bytes per GPU that an optimizer step needs beyond `state_bytes`, when no activations are left.

    In bfloat16, ZeRO 1 and 2 copy the gradients to one flat tensor and then to float32.
    """
    if zero_stage not in (1, 2) or parameter_bytes == 4:
        return 0.0
    return (parameter_bytes + 4) * cost.trained / ranks


@contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)
