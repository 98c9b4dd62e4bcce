"""A folder like FLUX.1 Fill's, with tiny random weights of the same classes."""

from pathlib import Path

import torch
from diffusers import AutoencoderKL, FlowMatchEulerDiscreteScheduler, FluxFillPipeline, FluxTransformer2DModel
from transformers import CLIPTextModel, T5Config, T5EncoderModel

from models.tiny_sd3 import WORDS, clip, tokenizer


def make_inpainting(folder: Path) -> Path:
    """One double and one single block, 32 wide, over a CLIP 16 wide and a T5 48 wide."""
    torch.manual_seed(0)
    FluxFillPipeline(
        transformer=FluxTransformer2DModel(
            patch_size=1,
            in_channels=384,
            out_channels=64,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=48,
            pooled_projection_dim=16,
            guidance_embeds=True,
            axes_dims_rope=(4, 4, 8),
        ),
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        vae=AutoencoderKL(
            block_out_channels=(4, 4, 4, 4),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            latent_channels=16,
            norm_num_groups=2,
            scaling_factor=0.3611,
            shift_factor=0.1159,
            use_quant_conv=False,
            use_post_quant_conv=False,
        ),
        text_encoder=CLIPTextModel(clip(16).config),
        tokenizer=tokenizer(77),
        text_encoder_2=T5EncoderModel(
            T5Config(vocab_size=len(WORDS), d_model=48, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
        ),
        tokenizer_2=tokenizer(512),
    ).save_pretrained(folder)
    return folder
