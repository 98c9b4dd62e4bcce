"""Sizes of the random models: published and tiny."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from omniedit.models.bases.registry import CLASS
from omniedit.models.bases.sizes import FLUX_SCHNELL
from omniedit.models.cost import SD3_MEDIUM


@dataclass(frozen=True)
class Sizes:
    """Arguments of the models' configs."""

    unet: Mapping[str, Any]
    vae_widths: tuple[int, ...]
    vae_layers: int
    vae_groups: int
    clip: Mapping[str, Any]
    big_clip: Mapping[str, Any]
    t5: Mapping[str, Any]
    sd3: Mapping[str, Any]
    flux: Mapping[str, Any]
    dino: Mapping[str, Any]
    swin: Mapping[str, Any]
    bert: Mapping[str, Any]
    dino_side: Mapping[str, int]
    sam: Mapping[str, Mapping[str, Any]]
    sam_side: int


FULL = Sizes(
    unet={
        "sample_size": 128,
        "block_out_channels": (320, 640, 1280),
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        "layers_per_block": 2,
        "attention_head_dim": (5, 10, 20),
        "transformer_layers_per_block": (1, 2, 10),
        "cross_attention_dim": 2048,
        "addition_time_embed_dim": 256,
        "projection_class_embeddings_input_dim": 2816,
    },
    vae_widths=(128, 256, 512, 512),
    vae_layers=2,
    vae_groups=32,
    clip={"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12},
    big_clip={"hidden_size": 1280, "intermediate_size": 5120, "num_hidden_layers": 32, "num_attention_heads": 20},
    t5={"d_model": 4096, "d_kv": 64, "d_ff": 10240, "num_layers": 24, "num_heads": 64},
    sd3=SD3_MEDIUM,
    flux={name: size for name, size in FLUX_SCHNELL.items() if name not in (CLASS, "in_channels")},
    dino={},
    swin={
        "image_size": 384,
        "embed_dim": 128,
        "depths": [2, 2, 18, 2],
        "num_heads": [4, 8, 16, 32],
        "window_size": 12,
        "out_indices": [2, 3, 4],
    },
    bert={},
    dino_side={"shortest_edge": 800, "longest_edge": 1333},
    sam={
        "vision_config": {
            "hidden_size": 1280,
            "num_hidden_layers": 32,
            "num_attention_heads": 16,
            "global_attn_indexes": [7, 15, 23, 31],
        }
    },
    sam_side=1024,
)
"""SDXL, SD3-Medium, FLUX.1 Fill, GroundingDINO base, SAM huge."""


TINY = Sizes(
    unet={
        "sample_size": 16,
        "block_out_channels": (8, 16),
        "norm_num_groups": 4,
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
        "layers_per_block": 1,
        "attention_head_dim": (1, 2),
        "transformer_layers_per_block": (1, 1),
        "cross_attention_dim": 40,
        "addition_time_embed_dim": 8,
        "projection_class_embeddings_input_dim": 6 * 8 + 24,
    },
    vae_widths=(4, 4, 4, 4),
    vae_layers=1,
    vae_groups=2,
    clip={"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2},
    big_clip={"hidden_size": 24, "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2},
    t5={"d_model": 48, "d_kv": 8, "d_ff": 16, "num_layers": 1, "num_heads": 2},
    sd3={
        "sample_size": 16,
        "num_layers": 2,
        "num_attention_heads": 2,
        "attention_head_dim": 16,
        "joint_attention_dim": 48,
        "caption_projection_dim": 32,
        "pooled_projection_dim": 40,
        "pos_embed_max_size": 24,
    },
    flux={
        "num_layers": 1,
        "num_single_layers": 1,
        "attention_head_dim": 16,
        "num_attention_heads": 2,
        "joint_attention_dim": 48,
        "pooled_projection_dim": 16,
        "axes_dims_rope": (4, 4, 8),
    },
    dino={
        "num_queries": 1,
        "encoder_layers": 2,
        "decoder_layers": 2,
        "encoder_ffn_dim": 16,
        "decoder_ffn_dim": 16,
        "encoder_attention_heads": 2,
        "decoder_attention_heads": 2,
        "d_model": 32,
        "num_feature_levels": 2,
    },
    swin={
        "image_size": 64,
        "embed_dim": 8,
        "depths": [1, 1],
        "num_heads": [1, 1],
        "window_size": 4,
        "out_indices": [1, 2],
    },
    bert={"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16},
    dino_side={"shortest_edge": 64, "longest_edge": 128},
    sam={
        "vision_config": {
            "hidden_size": 16,
            "output_channels": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "image_size": 64,
            "window_size": 2,
            "global_attn_indexes": [0],
            "num_pos_feats": 8,
        },
        "prompt_encoder_config": {"hidden_size": 16, "image_size": 64, "mask_input_channels": 4},
        "mask_decoder_config": {
            "hidden_size": 16,
            "mlp_dim": 16,
            "num_attention_heads": 2,
            "iou_head_hidden_dim": 16,
        },
    },
    sam_side=64,
)
"""Tiny versions of the same models. GroundingDINO has one query: with random weights, a second one would match most
phrases about as well, so nearly every phrase would be ambiguous."""
