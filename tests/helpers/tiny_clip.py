"""Tiny random networks of metrics: CLIP with a tokenizer of bytes, and DINO."""

import json
from pathlib import Path

import torch
from transformers import CLIPConfig, CLIPModel, CLIPTokenizer, ViTConfig, ViTModel

TEXT = {"vocab_size": 514, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
VISION = {"image_size": 32, "patch_size": 8, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
START, END = 512, 513


def make_clip() -> CLIPModel:
    torch.manual_seed(0)
    ids = {"bos_token_id": START, "eos_token_id": END, "pad_token_id": END, "max_position_embeddings": 12}
    config = CLIPConfig(
        text_config=TEXT | ids,
        vision_config=VISION | {"intermediate_size": 32, "projection_dim": 24},
        projection_dim=24,
    )
    return CLIPModel(config).eval()


def make_tokenizer(folder: Path) -> CLIPTokenizer:
    """Write and load a tokenizer in CLIP's format, whose tokens are bytes."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    other = [chr(256 + place) for place in range(256 - len(shown))]
    letters = [*map(chr, shown), *other]
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({token: place for place, token in enumerate(tokens)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    names = {"bos_token": tokens[START], "eos_token": tokens[END], "pad_token": tokens[END], "unk_token": tokens[END]}
    about = {"tokenizer_class": "CLIPTokenizer", "model_max_length": 12} | names
    (folder / "tokenizer_config.json").write_text(json.dumps(about))
    return CLIPTokenizer.from_pretrained(folder)


def make_dino() -> ViTModel:
    torch.manual_seed(0)
    return ViTModel(ViTConfig(**VISION, intermediate_size=32), add_pooling_layer=False).eval()
