"""Tiny models with random weights that guide or describe an edit: IP-Adapter, ControlNet, depth and segmentation."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from diffusers import ControlNetModel
from safetensors.torch import save_file
from transformers import (
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
    DepthAnythingConfig,
    DepthAnythingForDepthEstimation,
    Dinov2Config,
    DPTImageProcessorPil,
    SegformerImageProcessorPil,
    SwinConfig,
    UperNetConfig,
    UperNetForSemanticSegmentation,
)

from omniedit.specialists.learned.guided_inpainter import ENCODER, WEIGHTS

SIDE, WIDTH, TOKENS = 28, 16, 4
"""Side of the images that the encoders see, width of the embedding of a reference, number of its tokens."""


def save_ip_adapter(folder: Path, unet: Any, seed: int) -> Path:
    """Save an adapter for a UNet, and its image encoder, as in h94/IP-Adapter."""
    torch.manual_seed(seed)
    size: dict[str, Any] = {
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
    }
    config = CLIPVisionConfig(image_size=SIDE, patch_size=14, projection_dim=WIDTH, **size)
    CLIPVisionModelWithProjection(config).save_pretrained(folder / ENCODER)
    cross = unet.config.cross_attention_dim
    weights = {
        "image_proj.proj.weight": torch.randn(TOKENS * cross, WIDTH),
        "image_proj.proj.bias": torch.zeros(TOKENS * cross),
        "image_proj.norm.weight": torch.ones(cross),
        "image_proj.norm.bias": torch.zeros(cross),
    }
    layers = [name for name in unet.attn_processors if name.endswith("attn2.processor")]
    for number, name in enumerate(layers):
        width = unet.get_submodule(name.removesuffix(".processor")).inner_dim
        for part in ("to_k_ip", "to_v_ip"):
            weights[f"ip_adapter.{2 * number + 1}.{part}.weight"] = torch.randn(width, cross)
    (folder / WEIGHTS).parent.mkdir(parents=True, exist_ok=True)
    save_file(weights, folder / WEIGHTS)
    return folder


def save_controlnet(folder: Path, unet: Any, seed: int) -> Path:
    """Save a ControlNet of a UNet, without zeros in its last layers."""
    torch.manual_seed(seed)
    network = ControlNetModel.from_unet(unet)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    network.save_pretrained(folder)
    return folder


def save_depth(folder: Path, unet: Any, seed: int) -> Path:
    torch.manual_seed(seed)
    encoder: dict[str, Any] = {"image_size": SIDE, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    extra: dict[str, Any] = {"out_indices": [1, 2], "reshape_hidden_states": False}
    backbone = Dinov2Config(**encoder, **extra)
    sizes: dict[str, Any] = {"neck_hidden_sizes": [8, 8], "fusion_hidden_size": 8, "head_hidden_size": 8}
    sizes |= {"reassemble_hidden_size": 16, "reassemble_factors": [2, 1], "patch_size": 14}
    config = DepthAnythingConfig(backbone_config=backbone, **sizes)
    DepthAnythingForDepthEstimation(config).save_pretrained(folder)
    size = {"height": SIDE, "width": SIDE}
    DPTImageProcessorPil(size=size, ensure_multiple_of=14, keep_aspect_ratio=True).save_pretrained(folder)
    return folder


def save_semantic(folder: Path, unet: Any, seed: int) -> Path:
    torch.manual_seed(seed)
    encoder: dict[str, Any] = {
        "image_size": 32,
        "embed_dim": 8,
        "depths": [1] * 4,
        "num_heads": [1] * 4,
        "window_size": 2,
    }
    encoder["out_features"] = [f"stage{number}" for number in range(1, 5)]
    swin = SwinConfig(**encoder)
    head: dict[str, Any] = {"hidden_size": 8, "pool_scales": [1, 2], "use_auxiliary_head": False, "num_labels": 5}
    config = UperNetConfig(backbone_config=swin, **head)
    UperNetForSemanticSegmentation(config).save_pretrained(folder)
    SegformerImageProcessorPil(size={"height": 64, "width": 64}).save_pretrained(folder)
    return folder


GUIDES: dict[str, Callable[[Path, Any, int], Path]] = {
    "CLIPVisionModelWithProjection": save_ip_adapter,
    "ControlNetModel": save_controlnet,
    "DepthAnythingForDepthEstimation": save_depth,
    "UperNetForSemanticSegmentation": save_semantic,
}
"""Function that saves a model of a class in config/models.yaml, for the UNet of the text-to-image model."""
