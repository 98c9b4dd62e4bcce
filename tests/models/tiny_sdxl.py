"""Folders like those of SDXL and of what is made from it, with tiny random weights of the same classes."""

from pathlib import Path

import torch
from diffusers import (
    AutoencoderKL,
    DiffusionPipeline,
    EulerDiscreteScheduler,
    StableDiffusionXLInpaintPipeline,
    StableDiffusionXLInstructPix2PixPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from transformers import CLIPTextModel

from models.single_file import save_single_file
from models.tiny_sd3 import clip, tokenizer
from omniedit.specialists.learned.stylist import SINGLE_FILE


def make_generation(folder: Path) -> Path:
    return _saved(StableDiffusionXLPipeline, 4, folder)


def make_inpainting(folder: Path) -> Path:
    """Its UNet sees the mask and the masked picture beside the noise."""
    return _saved(StableDiffusionXLInpaintPipeline, 9, folder)


def make_style(folder: Path) -> Path:
    """As CosXL-Edit: its UNet sees the picture beside the noise, and predicts velocities."""
    return _saved(StableDiffusionXLInstructPix2PixPipeline, 8, folder, is_cosxl_edit=True)


def make_style_configs(folder: Path) -> Path:
    """SDXL's, as they are fetched for CosXL's one file: no weights."""
    for path in make_generation(folder).rglob("*.safetensors"):
        path.unlink()
    return folder


def make_single_style(folder: Path) -> Path:
    """CosXL-Edit as published: its weights in one file."""
    whole = StableDiffusionXLInstructPix2PixPipeline.from_pretrained(make_style(folder / "whole"))
    save_single_file(whole, folder / SINGLE_FILE)
    return folder


def _saved(kind: type[DiffusionPipeline], channels: int, folder: Path, **options: bool) -> Path:
    """A UNet of two levels 8 and 16 wide, two CLIPs 16 and 24 wide, a VAE of 4 channels at an eighth of the size."""
    torch.manual_seed(0)
    first = clip(16)
    kind(
        unet=UNet2DConditionModel(
            sample_size=16,
            in_channels=channels,
            out_channels=4,
            layers_per_block=1,
            block_out_channels=(8, 16),
            norm_num_groups=4,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
            attention_head_dim=(1, 2),
            use_linear_projection=True,
            transformer_layers_per_block=(1, 1),
            cross_attention_dim=40,
            addition_embed_type="text_time",
            addition_time_embed_dim=8,
            projection_class_embeddings_input_dim=6 * 8 + 24,
        ),
        scheduler=EulerDiscreteScheduler(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1
        ),
        vae=AutoencoderKL(
            block_out_channels=(4, 4, 4, 4),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            latent_channels=4,
            norm_num_groups=2,
        ),
        text_encoder=CLIPTextModel(first.config),
        tokenizer=tokenizer(77),
        text_encoder_2=clip(24),
        tokenizer_2=tokenizer(77),
        **options,
    ).save_pretrained(folder)
    return folder
