"""Memory and speed options of an editor's blocks. None of them changes the blocks' results."""

from collections.abc import Callable, Container
from functools import partial
from typing import Any

import torch
from torch.utils.checkpoint import checkpoint

from omniedit.config.training_options import RuntimeOptions
from omniedit.models.attention_kernels import set_attention
from omniedit.models.editor import Editor

RECOMPILES = 64
"""Recompilation limit: seven image sizes times the number of kinds of blocks. torch's default is 8."""


def prepare_blocks(editor: Editor, options: RuntimeOptions, recomputed: Container[int] | None = None) -> None:
    """Set up attention, recomputation and compilation as configured. Call this before DeepSpeed wraps the editor.

    Args:
        recomputed: layers to recompute; None for those of `options.checkpoint_activations`.

    Raises:
        UserError: the configured attention is not installed.
    """
    set_attention(editor, options.attention)
    torch._dynamo.config.recompile_limit = RECOMPILES
    for index, layer in enumerate(editor.layers):
        saves_memory = recomputes(index, options) if recomputed is None else index in recomputed
        for block in layer:
            forward = torch.compile(block.forward, dynamic=False) if options.compile else block.forward
            block.forward = checkpoint_forward(forward) if saves_memory else forward


def recomputes(layer: int, options: RuntimeOptions) -> bool:
    """Return whether a layer is recomputed in the backward pass.

    All layers cost the same, so recomputing every other one halves both the memory savings and the extra compute.
    """
    return {"none": False, "selective": layer % 2 == 0, "all": True}[options.checkpoint_activations]


def checkpoint_forward(forward: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a forward function to keep only its inputs for the backward pass."""
    return partial(checkpoint, forward, use_reentrant=False, preserve_rng_state=False)
