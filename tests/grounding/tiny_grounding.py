"""Folders like GroundingDINO's, SAM's and SAM 2's, with tiny random weights of the same classes."""

from pathlib import Path

import torch
from transformers import (
    BertConfig,
    BertTokenizer,
    GroundingDinoConfig,
    GroundingDinoForObjectDetection,
    GroundingDinoImageProcessorPil,
    GroundingDinoProcessor,
    Sam2Config,
    Sam2Model,
    SamConfig,
    SamImageProcessorPil,
    SamModel,
    SamProcessor,
    SwinConfig,
)

WORDS = {101: "[CLS]", 102: "[SEP]", 1012: ".", 1029: "?", 1030: "red", 1031: "car", 1032: "dog", 1033: "the"}
"""BERT's places of what GroundingDINO tells phrases apart by, and some words."""
SIDE = 64


def make_detector(folder: Path, queries: int = 6) -> Path:
    """As many boxes as queries, two layers, a Swin of two levels, a BERT 16 wide."""
    torch.manual_seed(0)
    backbone = SwinConfig(
        image_size=SIDE, patch_size=4, embed_dim=8, depths=[1, 1], num_heads=[1, 1], window_size=4, out_indices=[1, 2]
    )
    text = BertConfig(vocab_size=1040, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16)
    model = GroundingDinoForObjectDetection(
        GroundingDinoConfig(
            backbone_config=backbone,
            text_config=text,
            num_queries=queries,
            encoder_layers=2,
            decoder_layers=2,
            encoder_ffn_dim=16,
            decoder_ffn_dim=16,
            encoder_attention_heads=2,
            decoder_attention_heads=2,
            d_model=32,
            num_feature_levels=2,
        )
    )
    model.save_pretrained(folder)
    image_processor = GroundingDinoImageProcessorPil(size={"shortest_edge": SIDE, "longest_edge": 2 * SIDE})
    words = [WORDS.get(i, f"[unused{i}]") for i in range(1040)]
    words[0], words[100] = "[PAD]", "[UNK]"
    tokenizer = BertTokenizer(vocab={word: i for i, word in enumerate(words)})
    GroundingDinoProcessor(image_processor, tokenizer).save_pretrained(folder)
    return folder


def make_segmenter(folder: Path) -> Path:
    """SAM at 64 x 64 pixels, 16 wide."""
    torch.manual_seed(0)
    vision = {"hidden_size": 16, "output_channels": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    vision |= {"image_size": SIDE, "patch_size": 16, "window_size": 2, "global_attn_indexes": [0], "num_pos_feats": 8}
    prompt = {"hidden_size": 16, "image_size": SIDE, "patch_size": 16, "mask_input_channels": 4}
    mask = {"hidden_size": 16, "mlp_dim": 16, "num_attention_heads": 2, "iou_head_hidden_dim": 16}
    config = SamConfig(vision_config=vision, prompt_encoder_config=prompt, mask_decoder_config=mask)
    SamModel(config).save_pretrained(folder)
    pad = {"height": SIDE, "width": SIDE}
    SamProcessor(SamImageProcessorPil(size={"longest_edge": SIDE}, pad_size=pad)).save_pretrained(folder)
    return folder


def make_segmenter_2(folder: Path) -> Path:
    """SAM 2 at 64 x 64 pixels, 16 wide; torchvision prepares its pictures."""
    from transformers import Sam2ImageProcessor, Sam2Processor

    torch.manual_seed(0)
    hiera = {
        "model_type": "sam2_hiera_det_model",
        "hidden_size": 8,
        "image_size": [SIDE, SIDE],
        "blocks_per_stage": [1, 1, 1, 1],
        "embed_dim_per_stage": [8, 16, 32, 64],
        "num_attention_heads_per_stage": [1, 1, 2, 4],
        "window_size_per_stage": [4, 2, 2, 1],
        "global_attention_blocks": [2],
    }
    vision = {"model_type": "sam2_vision_model", "backbone_config": hiera, "backbone_channel_list": [64, 32, 16, 8]}
    vision |= {"backbone_feature_sizes": [[16, 16], [8, 8], [4, 4]], "fpn_hidden_size": 16}
    prompt = {"hidden_size": 16, "image_size": SIDE, "patch_size": 16, "mask_input_channels": 4}
    mask = {"hidden_size": 16, "mlp_dim": 16, "num_attention_heads": 2, "iou_head_hidden_dim": 16}
    config = Sam2Config(vision_config=vision, prompt_encoder_config=prompt, mask_decoder_config=mask)
    Sam2Model(config).save_pretrained(folder)
    Sam2Processor(Sam2ImageProcessor(size={"height": SIDE, "width": SIDE})).save_pretrained(folder)
    return folder
