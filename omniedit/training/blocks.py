"""What is done to an editor's blocks to train it in less memory or time. None of it changes what they compute."""

from collections.abc import Callable
from functools import partial
from itertools import zip_longest
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from omniedit.config.schema import TrainConfig
from omniedit.models.attention import set_attention
from omniedit.models.editor import Editor

RECOMPILES = 64
"""Seven sizes of pictures times the kinds of blocks; torch gives up compiling after 8."""


def prepare_blocks(editor: Editor, options: TrainConfig) -> None:
    """Attention, recomputation and compilation as the options say; before DeepSpeed takes the editor over.

    Raises:
        UserError: the attention asked for is not installed.
    """
    set_attention(editor, options.attention)
    torch._dynamo.config.recompile_limit = RECOMPILES
    for index, layer in enumerate(list_layers(editor)):
        for block in layer:
            forward = torch.compile(block.forward, dynamic=False) if options.compile else block.forward
            block.forward = checkpoint_forward(forward) if recomputes(index, options) else forward


def recomputes(layer: int, options: TrainConfig) -> bool:
    """Layers are alike, so every other one halves what is kept and what is computed twice, wherever it is."""
    return {"none": False, "selective": layer % 2 == 0, "all": True}[options.checkpoint_activations]


def checkpoint_forward(forward: Callable[..., Any]) -> Callable[..., Any]:
    """The same, keeping its inputs alone for the backward pass."""
    return partial(checkpoint, forward, use_reentrant=False, preserve_rng_state=False)


def list_layers(editor: Editor) -> list[list[nn.Module]]:
    """The block of the base and, where there is one, the control block of each layer."""
    controls = getattr(editor, "control_blocks", [])
    return [[block for block in layer if block is not None] for layer in zip_longest(editor.base_blocks, controls)]
