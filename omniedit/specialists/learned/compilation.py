"""Denoising networks, compiled block by block: a first picture of each size takes longer, those after it less."""

from typing import Any

import torch
from diffusers.models.attention import FeedForward
from diffusers.models.resnet import ResnetBlock2D
from torch import nn

RECOMPILES = 64
"""Seven sizes of pictures times those of a batch and the kinds of blocks; torch gives up compiling after 8."""
BLOCKS = (
    "BasicTransformerBlock",
    "JointTransformerBlock",
    "FluxTransformerBlock",
    "FluxSingleTransformerBlock",
    "ResnetBlock2D",
)
"""Classes of diffusers of which a denoising network consists."""


def get_denoiser(pipeline: Any) -> nn.Module:
    """The network that a pipeline of diffusers asks at every step."""
    return pipeline.components.get("unet") or pipeline.components["transformer"]


def compile_blocks(network: nn.Module) -> None:
    """Each block as a whole."""
    _compile([block for block in network.modules() if type(block).__name__ in BLOCKS])


def compile_between_attentions(network: nn.Module) -> None:
    """What stands between the attentions, for a network whose attentions are steered from outside at every step."""
    _compile([part for part in network.modules() if isinstance(part, (FeedForward, ResnetBlock2D))])


def _compile(parts: list[nn.Module]) -> None:
    torch._dynamo.config.recompile_limit = RECOMPILES
    for part in parts:
        part.compile(dynamic=False)
