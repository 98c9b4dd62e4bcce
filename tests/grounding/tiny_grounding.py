"""Folders like those of GroundingDINO and SAM 2, tiny and with random weights."""

from dataclasses import replace
from pathlib import Path

import torch
from transformers import Sam2Config, Sam2Model

from benchmarks.random_models import TINY, Maker

SIDE = 64


def make_detector(folder: Path) -> Path:
    """One that finds up to six boxes."""
    six = replace(TINY, dino={**TINY.dino, "num_queries": 6})
    return Maker(six, "cpu").save("GroundingDinoForObjectDetection", folder)


def make_segmenter_2(folder: Path) -> Path:
    """SAM 2 at 64 x 64 pixels, 16 wide; torchvision prepares its pictures."""
    from transformers import Sam2ImageProcessor, Sam2Processor

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
    config = Sam2Config(vision_config=vision, prompt_encoder_config=prompt, mask_decoder_config=mask)
    Sam2Model(config).save_pretrained(folder)
    Sam2Processor(Sam2ImageProcessor(size={"height": SIDE, "width": SIDE})).save_pretrained(folder)
    return folder
