"""Joint denoising of prompt-to-prompt's source and target by the text-to-image pipeline of SDXL or SD3 in diffusers.

Shapes: P pairs, C latent channels, h w latent height and width, H W height and width of the images.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from diffusers.pipelines.stable_diffusion_3.pipeline_stable_diffusion_3 import StableDiffusion3Pipeline
from diffusers.pipelines.stable_diffusion_xl.pipeline_stable_diffusion_xl import StableDiffusionXLPipeline
from diffusers.utils.torch_utils import randn_tensor
from torch import Tensor
from torch.nn import functional

from omniedit.imaging.images import Image, Mask, levels
from omniedit.specialists.learned.attention_control import AttentionControl, ControlRange, control_attention
from omniedit.specialists.learned.token_alignment import TokenMap, join_maps, token_map

T5_TOKENS = 256
"""Number of tokens of SD3's T5, to which its pipeline pads prompts by default."""


@dataclass(frozen=True)
class PromptPair:
    """Prompts of an image and its edit.

    Args:
        exchange: whether target words take over the attention of the source words that they replace, or keep their own.
        weights: by word of the target.
        mask: (H, W), where the target may differ from the source while latents are blended; None for everywhere.
        seed: seed of the noise that both share.
    """

    source: str
    target: str
    seed: int
    exchange: bool = True
    weights: Mapping[str, float] = field(default_factory=dict)
    mask: Mask | None = None


@dataclass(frozen=True)
class PairSamplingOptions:
    """Options of the denoising.

    Args:
        blend: share of the steps, from the first, in which the source's latents replace the target's outside the mask.
    """

    steps: int = 30
    guidance: float = 5.0
    reach: ControlRange = field(default_factory=ControlRange)
    blend: float = 1.0


Pipeline = StableDiffusionXLPipeline | StableDiffusion3Pipeline
PIPELINES: dict[str, type[Pipeline]] = {
    kind.__name__: kind for kind in (StableDiffusionXLPipeline, StableDiffusion3Pipeline)
}
"""Pipelines by the class in config/models.yaml."""


def generate(
    pipeline: Pipeline,
    prompts: Sequence[str],
    seeds: Sequence[int],
    size: tuple[int, int],
    options: PairSamplingOptions,
) -> list[Image]:
    """Generate images of height and width `size` from prompts, in the same way as the source images of later pairs."""
    noise = torch.cat([_noise(pipeline, seed, size) for seed in seeds])
    return _denoise(pipeline, prompts, noise, size, options)


def generate_pairs(
    pipeline: Pipeline, pairs: Sequence[PromptPair], size: tuple[int, int], options: PairSamplingOptions
) -> list[tuple[Image, Image]]:
    """Generate the source and target image of each pair, of height and width `size`, from the same noise."""
    network = pipeline.unet if isinstance(pipeline, StableDiffusionXLPipeline) else pipeline.transformer
    control = AttentionControl(
        [build_token_map(pipeline, pair) for pair in pairs], options.reach, options.steps, network.device
    )
    masks = latent_masks([pair.mask for pair in pairs], size, pipeline.vae_scale_factor).to(network.device)
    blended_steps = round(options.blend * options.steps)

    def after_step(_: Any, step: int, __: Any, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        control.step = step + 1
        latents = tensors["latents"]
        return {"latents": blend_latents(latents, masks) if step < blended_steps else latents}

    noise = torch.cat([_noise(pipeline, pair.seed, size) for pair in pairs]).repeat(2, 1, 1, 1)
    prompts = [pair.source for pair in pairs] + [pair.target for pair in pairs]
    with control_attention(network, control):
        images = _denoise(pipeline, prompts, noise, size, options, after_step)
    return list(zip(images[: len(pairs)], images[len(pairs) :], strict=True))


def build_token_map(pipeline: Pipeline, pair: PromptPair) -> TokenMap:
    """Return the pair's token map over all text tokens that the network sees."""

    def of(tokenizer: Any, length: int) -> TokenMap:
        return token_map(pair.source, pair.target, tokenizer, length, pair.exchange, pair.weights)

    clip = of(pipeline.tokenizer, pipeline.tokenizer.model_max_length)
    if isinstance(pipeline, StableDiffusionXLPipeline):
        return clip
    return join_maps([clip, of(pipeline.tokenizer_3, T5_TOKENS)])


def latent_masks(masks: Sequence[Mask | None], size: tuple[int, int], scale: int) -> Tensor:
    """Return (P, 1, h, w) masks; a latent pixel is inside if any of its image pixels is inside."""
    everywhere = np.ones(size, bool)
    pixels = torch.from_numpy(np.stack([everywhere if mask is None else mask for mask in masks]))
    return functional.max_pool2d(pixels[:, None].float(), scale).bool()


def blend_latents(latents: Tensor, masks: Tensor) -> Tensor:
    """Return the latents of sources and targets, (2P, C, h, w); outside its mask, a target has the source's values."""
    source, target = latents.chunk(2)
    return torch.cat([source, torch.where(masks, target, source)])


def _noise(pipeline: Pipeline, seed: int, size: tuple[int, int]) -> Tensor:
    """Return noise, (1, C, h, w), that is the same on every device."""
    scale, channels = pipeline.vae_scale_factor, pipeline.vae.config.latent_channels
    shape = (1, channels, size[0] // scale, size[1] // scale)
    return randn_tensor(shape, torch.Generator().manual_seed(seed), dtype=pipeline.dtype)


def _denoise(
    pipeline: Pipeline,
    prompts: Sequence[str],
    noise: Tensor,
    size: tuple[int, int],
    options: PairSamplingOptions,
    after_step: Any = None,
) -> list[Image]:
    output = pipeline(
        list(prompts),
        height=size[0],
        width=size[1],
        num_inference_steps=options.steps,
        guidance_scale=options.guidance,
        latents=noise.to(pipeline._execution_device),
        output_type="np",
        callback_on_step_end=after_step,
    )
    return list(levels(np.asarray(output.images)))
