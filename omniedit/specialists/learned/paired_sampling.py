"""Source and target of prompt-to-prompt, denoised together by a text-to-image pipeline of diffusers, SDXL's or SD3's.

Shapes: P pairs, C latent channels, h w latent height and width, H W those of the pictures.
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
from omniedit.specialists.learned.alignment import TokenMap, join_maps, token_map
from omniedit.specialists.learned.attention_control import AttentionControl, Reach, control_attention

T5_TOKENS = 256
"""Of SD3's T5, as its pipeline pads prompts by default."""


@dataclass(frozen=True)
class PromptPair:
    """A picture and its edit, in words.

    Args:
        exchange: words of the target take over the attention of those in whose place they stand; else they keep theirs.
        weights: of words of the target.
        mask: (H, W), where the target may differ from the source while their latents are blended; None: everywhere.
        seed: of their common noise.
    """

    source: str
    target: str
    seed: int
    exchange: bool = True
    weights: Mapping[str, float] = field(default_factory=dict)
    mask: Mask | None = None


@dataclass(frozen=True)
class PairSamplingOptions:
    """How pictures are denoised.

    Args:
        blend: share of the steps, the first ones, in which latents outside the mask are the source's.
    """

    steps: int = 30
    guidance: float = 5.0
    reach: Reach = field(default_factory=Reach)
    blend: float = 1.0


Pipeline = StableDiffusionXLPipeline | StableDiffusion3Pipeline
PIPELINES: dict[str, type[Pipeline]] = {
    kind.__name__: kind for kind in (StableDiffusionXLPipeline, StableDiffusion3Pipeline)
}
"""By the class in config/models.yaml."""


def generate(
    pipeline: Pipeline, prompts: Sequence[str], seeds: Sequence[int], size: tuple[int, int], how: PairSamplingOptions
) -> list[Image]:
    """Pictures of prompts alone, of height and width `size`: what each pair's source will be."""
    noise = torch.cat([_noise(pipeline, seed, size) for seed in seeds])
    return _denoise(pipeline, prompts, noise, size, how)


def generate_pairs(
    pipeline: Pipeline, pairs: Sequence[PromptPair], size: tuple[int, int], how: PairSamplingOptions
) -> list[tuple[Image, Image]]:
    """Source and target of each pair, pictures of height and width `size`, from the same noise."""
    network = pipeline.unet if isinstance(pipeline, StableDiffusionXLPipeline) else pipeline.transformer
    control = AttentionControl(
        [build_token_map(pipeline, pair) for pair in pairs], how.reach, how.steps, network.device
    )
    masks = latent_masks([pair.mask for pair in pairs], size, pipeline.vae_scale_factor).to(network.device)
    blended_steps = round(how.blend * how.steps)

    def after_step(_: Any, step: int, __: Any, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        control.step = step + 1
        latents = tensors["latents"]
        return {"latents": blend_latents(latents, masks) if step < blended_steps else latents}

    noise = torch.cat([_noise(pipeline, pair.seed, size) for pair in pairs]).repeat(2, 1, 1, 1)
    prompts = [pair.source for pair in pairs] + [pair.target for pair in pairs]
    with control_attention(network, control):
        images = _denoise(pipeline, prompts, noise, size, how, after_step)
    return list(zip(images[: len(pairs)], images[len(pairs) :], strict=True))


def build_token_map(pipeline: Pipeline, pair: PromptPair) -> TokenMap:
    """The pair's token map over all text tokens that the network sees."""

    def of(tokenizer: Any, length: int) -> TokenMap:
        return token_map(pair.source, pair.target, tokenizer, length, pair.exchange, pair.weights)

    clip = of(pipeline.tokenizer, pipeline.tokenizer.model_max_length)
    if isinstance(pipeline, StableDiffusionXLPipeline):
        return clip
    return join_maps([clip, of(pipeline.tokenizer_3, T5_TOKENS)])


def latent_masks(masks: Sequence[Mask | None], size: tuple[int, int], scale: int) -> Tensor:
    """(P, 1, h, w): a latent pixel is inside where any pixel of what it covers is."""
    whole = np.ones(size, bool)
    pixels = torch.from_numpy(np.stack([whole if mask is None else mask for mask in masks]))
    return functional.max_pool2d(pixels[:, None].float(), scale).bool()


def blend_latents(latents: Tensor, masks: Tensor) -> Tensor:
    """Sources and targets (2P, C, h, w), the targets' outside of their masks being the sources'."""
    source, target = latents.chunk(2)
    return torch.cat([source, torch.where(masks, target, source)])


def _noise(pipeline: Pipeline, seed: int, size: tuple[int, int]) -> Tensor:
    """(1, C, h, w), the same on every device."""
    scale, channels = pipeline.vae_scale_factor, pipeline.vae.config.latent_channels
    shape = (1, channels, size[0] // scale, size[1] // scale)
    return randn_tensor(shape, torch.Generator().manual_seed(seed), dtype=pipeline.dtype)


def _denoise(
    pipeline: Pipeline,
    prompts: Sequence[str],
    noise: Tensor,
    size: tuple[int, int],
    how: PairSamplingOptions,
    after_step: Any = None,
) -> list[Image]:
    output = pipeline(
        list(prompts),
        height=size[0],
        width=size[1],
        num_inference_steps=how.steps,
        guidance_scale=how.guidance,
        latents=noise.to(pipeline._execution_device),
        output_type="np",
        callback_on_step_end=after_step,
    )
    return list(levels(np.asarray(output.images)))
