"""Folders like those of GroundingDINO and SAM 2, with tiny random weights."""

from dataclasses import replace
from pathlib import Path

import torch
from transformers import Sam2VideoConfig, Sam2VideoModel

from benchmarks.random_model_sizes import TINY
from benchmarks.random_models import Maker

SIDE = 64
MEMORY = {
    **{"memory_attention_hidden_size": 16, "memory_attention_num_layers": 1},
    **{"memory_attention_feed_forward_hidden_size": 16, "memory_attention_rope_feat_sizes": [4, 4]},
    **{"memory_encoder_hidden_size": 16, "memory_encoder_output_channels": 8, "mask_downsampler_embed_dim": 16},
    **{"memory_fuser_embed_dim": 16, "memory_fuser_intermediate_dim": 16},
}
"""Sizes of the part that tracks objects through a video, which single images do not use."""


def make_detector(folder: Path) -> Path:
    """Save a GroundingDINO that finds up to six boxes."""
    six = replace(TINY, dino={**TINY.dino, "num_queries": 6})
    return Maker(six, "cpu").save("GroundingDinoForObjectDetection", folder)


def make_segmenter_2(folder: Path) -> Path:
    """Save a SAM 2 at 64 x 64 pixels and width 16, as a video model like facebook/sam2.1-hiera-*.

    Its image processor needs torchvision.
    """
    from transformers import Sam2ImageProcessor, Sam2VideoProcessor, Sam2VideoVideoProcessor

    torch.manual_seed(0)
    hiera = {
        "model_type": "sam2_hiera_det_model",
        "hidden_size": 8,
        "image_size": [SIDE, SIDE],
        "blocks_per_stage": [1, 1, 2, 1],
        "embed_dim_per_stage": [8, 16, 32, 64],
        "num_attention_heads_per_stage": [1, 1, 2, 4],
        "window_size_per_stage": [4, 4, 2, 2],
        "global_attention_blocks": [3],
    }
    vision = {"model_type": "sam2_vision_model", "backbone_config": hiera, "backbone_channel_list": [64, 32, 16, 8]}
    vision |= {"backbone_feature_sizes": [[16, 16], [8, 8], [4, 4]], "fpn_hidden_size": 16}
    prompt = {"hidden_size": 16, "image_size": SIDE, "patch_size": 16, "mask_input_channels": 4}
    mask = {"hidden_size": 16, "mlp_dim": 16, "num_attention_heads": 2, "iou_head_hidden_dim": 16}
    config = Sam2VideoConfig(
        vision_config=vision,
        prompt_encoder_config=prompt,
        mask_decoder_config=mask,
        image_size=SIDE,
        **MEMORY,
    )
    Sam2VideoModel(config).save_pretrained(folder)
    size = {"height": SIDE, "width": SIDE}
    Sam2VideoProcessor(Sam2ImageProcessor(size=size), Sam2VideoVideoProcessor(size=size)).save_pretrained(folder)
    return folder
