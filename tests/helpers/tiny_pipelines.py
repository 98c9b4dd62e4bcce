"""Tiny random pipelines of the classes in config/editors.yaml."""

from typing import Any

import torch
from diffusers import (
    DDIMInverseScheduler,
    DDIMScheduler,
    StableDiffusion3Img2ImgPipeline,
    StableDiffusionDiffEditPipeline,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionInstructPix2PixPipeline,
    UNet2DConditionModel,
)

from benchmarks.random_model_sizes import TINY
from benchmarks.random_models import Maker

MAKER = Maker(TINY, "cpu")


def make_pipeline(name: str) -> Any:
    """Return a pipeline by the name of its class; equal names give equal weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return MAKERS[name]()


def _make_sd3() -> Any:
    return StableDiffusion3Img2ImgPipeline(**MAKER.pipeline("StableDiffusion3Pipeline").components)


def _make_sd(kind: Any, channels: int, **parts: Any) -> Any:
    """Return a pipeline over a UNet of Stable Diffusion 1 or 2."""
    sdxl = MAKER.pipeline("StableDiffusionXLPipeline").components
    names = ("addition_time_embed_dim", "projection_class_embeddings_input_dim", "cross_attention_dim")
    sizes = {name: value for name, value in TINY.unet.items() if name not in names}
    unet = UNet2DConditionModel(in_channels=channels, out_channels=4, cross_attention_dim=16, **sizes)
    shared = {name: sdxl[name] for name in ("vae", "text_encoder", "tokenizer")}
    scheduler = DDIMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1)
    unsafe = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
    return kind(unet=unet, scheduler=scheduler, **shared, **unsafe, **parts)


MAKERS = {
    "StableDiffusionInstructPix2PixPipeline": lambda: _make_sd(StableDiffusionInstructPix2PixPipeline, 8),
    "StableDiffusionImg2ImgPipeline": lambda: _make_sd(StableDiffusionImg2ImgPipeline, 4),
    "StableDiffusionDiffEditPipeline": lambda: _make_sd(
        StableDiffusionDiffEditPipeline, 4, inverse_scheduler=DDIMInverseScheduler(clip_sample=False)
    ),
    "StableDiffusionXLInstructPix2PixPipeline": lambda: MAKER.pipeline("StableDiffusionXLInstructPix2PixPipeline"),
    "StableDiffusion3Img2ImgPipeline": _make_sd3,
    "FluxKontextPipeline": lambda: MAKER.pipeline("FluxKontextPipeline"),
}
