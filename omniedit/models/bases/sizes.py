"""Sizes of published transformers other than SD3's, as configs of `create_transformer`."""

from collections.abc import Mapping
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
LAYER_KEYS = ("num_layers", "num_single_layers", "n_layers")


def count_layers(config: Mapping[str, Any]) -> int:
    """Return the number of blocks of a transformer that editors run one by one."""
    return sum(config.get(key) or 0 for key in LAYER_KEYS)
