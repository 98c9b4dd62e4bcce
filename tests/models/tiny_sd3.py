"""A folder like SD3-Medium's, with tiny random weights of the same classes."""

from pathlib import Path

import torch
from diffusers import AutoencoderKL, FlowMatchEulerDiscreteScheduler, SD3Transformer2DModel, StableDiffusion3Pipeline
from tokenizers import Tokenizer, pre_tokenizers
from tokenizers.models import WordLevel
from transformers import (
    CLIPTextConfig,
    CLIPTextModelWithProjection,
    PreTrainedTokenizerFast,
    T5Config,
    T5EncoderModel,
)

WORDS = ["<pad>", "<bos>", "<eos>", "<unk>", *["make", "it", "night", "add", "fog", "remove", "the", "dog"]]
TOKENS = 77 + 256


def make_folder(folder: Path) -> Path:
    """Two CLIPs 16 and 24 wide, a T5 48 wide, two joint blocks, a VAE of 16 channels at an eighth of the size."""
    torch.manual_seed(0)
    pipeline = StableDiffusion3Pipeline(
        transformer=SD3Transformer2DModel(
            sample_size=16,
            num_layers=2,
            num_attention_heads=2,
            attention_head_dim=16,
            joint_attention_dim=48,
            caption_projection_dim=32,
            pooled_projection_dim=40,
            pos_embed_max_size=24,
        ),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=AutoencoderKL(
            block_out_channels=(4, 4, 4, 4),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            latent_channels=16,
            norm_num_groups=2,
            scaling_factor=1.5305,
            shift_factor=0.0609,
            use_quant_conv=False,
            use_post_quant_conv=False,
        ),
        text_encoder=clip(16),
        tokenizer=tokenizer(77),
        text_encoder_2=clip(24),
        tokenizer_2=tokenizer(77),
        text_encoder_3=T5EncoderModel(
            T5Config(vocab_size=len(WORDS), d_model=48, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
        ),
        tokenizer_3=tokenizer(512),
    )
    pipeline.save_pretrained(folder)
    return folder


def clip(width: int) -> CLIPTextModelWithProjection:
    config = CLIPTextConfig(
        vocab_size=len(WORDS),
        hidden_size=width,
        projection_dim=width,
        intermediate_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
    )
    return CLIPTextModelWithProjection(config)


def tokenizer(longest: int) -> PreTrainedTokenizerFast:
    words = Tokenizer(WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="<pad>", unk_token="<unk>", eos_token="<eos>", model_max_length=longest
    )
