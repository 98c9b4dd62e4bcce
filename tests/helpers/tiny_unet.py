"""Tiny InstructPix2Pix, as it is fetched, and its UNet."""

from pathlib import Path

import torch
from diffusers import PNDMScheduler, StableDiffusionInstructPix2PixPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

from benchmarks.random_model_sizes import TINY
from benchmarks.random_models import WORDS, Maker, tokenizer
from omniedit.models.variance_preserving import SD15_SCHEDULE


def unet(channels: int = 4) -> UNet2DConditionModel:
    torch.manual_seed(0)
    return UNet2DConditionModel(
        in_channels=channels,
        block_out_channels=(8, 16),
        layers_per_block=1,
        norm_num_groups=4,
        cross_attention_dim=12,
        attention_head_dim=4,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
    ).eval()


def save_instruct_pix2pix(folder: Path) -> Path:
    clip = CLIPTextConfig(vocab_size=len(WORDS), eos_token_id=len(WORDS) - 1, **TINY.clip | {"hidden_size": 12})
    kind = StableDiffusionInstructPix2PixPipeline
    schedule = PNDMScheduler(**SD15_SCHEDULE, skip_prk_steps=True, steps_offset=1)
    networks = {"unet": unet(8), "vae": Maker(TINY, "cpu")._vae(4), "text_encoder": CLIPTextModel(clip)}
    none = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
    kind(**networks, tokenizer=tokenizer(77), scheduler=schedule, **none).save_pretrained(folder)
    return folder
