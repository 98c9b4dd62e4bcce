"""Compilation of denoising networks, block by block.

The first image of each size takes longer, later ones less.
"""

from typing import Any

import torch
from diffusers.models.attention import FeedForward
from diffusers.models.resnet import ResnetBlock2D
from torch import nn

RECOMPILES = 64
"""Recompilation limit for seven image sizes, times the numbers of batch sizes and of kinds of blocks. torch's default
is 8."""
BLOCKS = (
    "BasicTransformerBlock",
    "JointTransformerBlock",
    "FluxTransformerBlock",
    "FluxSingleTransformerBlock",
    "ResnetBlock2D",
)
"""Diffusers classes that make up denoising networks."""


def get_denoiser(pipeline: Any) -> nn.Module:
    """Return the network that a diffusers pipeline calls at every step."""
    return pipeline.components.get("unet") or pipeline.components["transformer"]


def compile_blocks(network: nn.Module) -> None:
    """Compile each block as a whole."""
    _compile([block for block in network.modules() if type(block).__name__ in BLOCKS])


def compile_between_attentions(network: nn.Module) -> None:
    """Compile the layers between the attentions, for a network whose attention is controlled at every step."""
    _compile([part for part in network.modules() if isinstance(part, (FeedForward, ResnetBlock2D))])


def _compile(parts: list[nn.Module]) -> None:
    torch._dynamo.config.recompile_limit = RECOMPILES
    for part in parts:
        part.compile(dynamic=False)
