"""Sizes of published transformers other than SD3's, as configs of `create_transformer`."""

from typing import Any

from omniedit.models.bases.registry import CLASS

FLUX_SCHNELL: dict[str, Any] = {
    CLASS: "FluxTransformer2DModel",
    "in_channels": 64,
    "num_layers": 19,
    "num_single_layers": 38,
    "attention_head_dim": 128,
    "num_attention_heads": 24,
    "joint_attention_dim": 4096,
    "pooled_projection_dim": 768,
}
FLUX_DEV = FLUX_SCHNELL | {"guidance_embeds": True}
QWEN_IMAGE: dict[str, Any] = {
    CLASS: "QwenImageTransformer2DModel",
    "in_channels": 64,
    "out_channels": 16,
    "num_layers": 60,
    "attention_head_dim": 128,
    "num_attention_heads": 24,
    "joint_attention_dim": 3584,
}
Z_IMAGE: dict[str, Any] = {
    CLASS: "ZImageTransformer2DModel",
    "in_channels": 16,
    "dim": 3840,
    "n_layers": 30,
    "n_refiner_layers": 2,
    "n_heads": 30,
    "n_kv_heads": 30,
    "cap_feat_dim": 2560,
    "axes_dims": [32, 48, 48],
    "axes_lens": [1536, 512, 512],
}
SD15: dict[str, Any] = {
    CLASS: "UNet2DConditionModel",
    "sample_size": 64,
    "in_channels": 4,
    "out_channels": 4,
    "cross_attention_dim": 768,
    "block_out_channels": (320, 640, 1280, 1280),
}
