"""Vision-language models with random weights: folders like those of the hub, with tiny models of the same classes.

They share Qwen2's tokenizer over bytes, in which 10 is two tokens. `benchmarks.random_judge` makes the InternVL.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from tokenizers import pre_tokenizers
from transformers import (
    LlavaOnevisionConfig,
    LlavaOnevisionForConditionalGeneration,
    LlavaOnevisionImageProcessorPil,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2Config,
    Qwen2Tokenizer,
    Qwen2VLImageProcessorPil,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
    SiglipVisionConfig,
)

from benchmarks.random_judge import CHAT, make_internvl
from omniedit.storage.atomic import write_text

Config = dict[str, Any]

WIDTH, PATCH = 32, 8
TEXT: Config = {"hidden_size": WIDTH, "intermediate_size": 2 * WIDTH, "num_hidden_layers": 2, "num_attention_heads": 4}
TEXT |= {"num_key_value_heads": 2, "initializer_range": 0.05, "tie_word_embeddings": False, "bos_token_id": None}
QWEN_IMAGE = "<|vision_start|><|image_pad|><|vision_end|>"
QWEN_TOKENS = ("<|image_pad|>", "<|video_pad|>", "<|vision_start|>", "<|vision_end|>")
ROPE: Config = {"rope_type": "default", "rope_theta": 10_000.0, "mrope_section": [1, 1, 2]}


def build_tokenizer(image: str, *tokens: str) -> Qwen2Tokenizer:
    """Build Qwen2's tokenizer over bytes, without merges.

    Args:
        image: what its chat template writes for an image.
        tokens: special tokens.
    """
    names = ["<|endoftext|>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    tokenizer = Qwen2Tokenizer(
        vocab={name: place for place, name in enumerate(names)}, merges=[], eos_token="<|im_end|>"
    )
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>", *tokens]})
    tokenizer.chat_template = CHAT.replace("<IMG_CONTEXT>\n", image)
    return tokenizer


def make_qwen25(folder: Path, seed: int = 0, width: int = WIDTH, vision_width: int = WIDTH, layers: int = 2) -> Path:
    """Save a Qwen2.5-VL and return the folder.

    Args:
        width: of its language model.
        vision_width: of its image encoder.
        layers: of each of them.
    """
    tokenizer = build_tokenizer(QWEN_IMAGE, *QWEN_TOKENS)
    vision: Config = {
        "depth": layers,
        "hidden_size": vision_width,
        "num_heads": 2,
        "intermediate_size": 2 * vision_width,
    }
    vision |= {"patch_size": PATCH, "window_size": 4 * PATCH, "fullatt_block_indexes": [1], "out_hidden_size": width}
    rope = ROPE | {"mrope_section": [width // 32, width // 32, width // 16]}
    text = _text(tokenizer) | {"hidden_size": width, "intermediate_size": 2 * width, "num_hidden_layers": layers}
    config = Qwen2_5_VLConfig(
        text_config=text | {"rope_parameters": rope}, vision_config=vision, **image_ids(tokenizer)
    )
    return _save(folder, seed, Qwen2_5_VLForConditionalGeneration, config, tokenizer, _qwen_images())


def make_qwen3(folder: Path, seed: int = 0) -> Path:
    """Save a Qwen3-VL, with features for two layers of its language model, and return the folder."""
    tokenizer = build_tokenizer(QWEN_IMAGE, *QWEN_TOKENS)
    vision: Config = {
        "depth": 3,
        "hidden_size": WIDTH,
        "num_heads": 2,
        "intermediate_size": WIDTH,
        "out_hidden_size": WIDTH,
    }
    vision |= {"patch_size": PATCH, "num_position_embeddings": 64, "deepstack_visual_indexes": [0, 1]}
    rope = ROPE | {"mrope_interleaved": True}
    config = Qwen3VLConfig(
        text_config=_text(tokenizer) | {"rope_parameters": rope, "head_dim": WIDTH // 4},
        vision_config=vision,
        tie_word_embeddings=False,
        **image_ids(tokenizer),
    )
    return _save(folder, seed, Qwen3VLForConditionalGeneration, config, tokenizer, _qwen_images())


def build_llava_onevision(tokenizer: Any, text: Config, vision: Config, tiles: int) -> tuple[Any, Any]:
    """Return the config and the image processor of a LLaVA-OneVision.

    Args:
        text, vision: arguments of its language model's config and of its image encoder's.
        tiles: largest number of tiles along a side of an image.
    """
    side, ids = vision["image_size"], tokenizer.get_vocab()
    pinpoints = [[side * rows, side * columns] for rows in range(1, tiles + 1) for columns in range(1, tiles + 1)]
    config = LlavaOnevisionConfig(
        vision_config=SiglipVisionConfig(vision_use_head=False, **vision),
        text_config=Qwen2Config(**text),
        image_token_index=ids["<image>"],
        video_token_index=ids["<video>"],
        image_grid_pinpoints=pinpoints,
        vision_feature_layer=-1,
        vision_feature_select_strategy="full",
        tie_word_embeddings=False,
    )
    size = {"height": side, "width": side}
    return config, LlavaOnevisionImageProcessorPil(size=size, image_grid_pinpoints=pinpoints)


def make_llava_onevision(folder: Path, seed: int = 0) -> Path:
    """Save a LLaVA-OneVision, which shows a single image in up to four tiles, and return the folder."""
    tokenizer = build_tokenizer("<image>", "<image>", "<video>")
    layers = {"num_hidden_layers": 2, "num_attention_heads": 2}
    vision = {"hidden_size": WIDTH, "intermediate_size": WIDTH, **layers, "image_size": 4 * PATCH, "patch_size": PATCH}
    config, images = build_llava_onevision(tokenizer, _text(tokenizer), vision, 2)
    made = _save(folder, seed, LlavaOnevisionForConditionalGeneration, config, tokenizer, images)
    write_text(made / "processor_config.json", '{"num_image_tokens": 16, "vision_feature_select_strategy": "full"}')
    return made


MODELS: dict[str, Callable[[Path], Path]] = {
    "qwen2.5-vl": make_qwen25,
    "qwen3-vl": make_qwen3,
    "llava-onevision": make_llava_onevision,
    "internvl": make_internvl,
}
"""Functions that save a tiny model in a folder, by family."""


def _save(folder: Path, seed: int, kind: Any, config: Any, tokenizer: Any, image_processor: Any) -> Path:
    torch.manual_seed(seed)
    model = kind(config)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    for part in (model, tokenizer, image_processor):
        part.save_pretrained(folder)
    return folder


def _qwen_images() -> Any:
    """Build an image processor of 4 x 4 to 8 x 8 patches; 2 x 2 patches are a token."""
    size = {"shortest_edge": 16 * PATCH**2, "longest_edge": 64 * PATCH**2}
    return Qwen2VLImageProcessorPil(size=size, patch_size=PATCH, temporal_patch_size=2, merge_size=2)


def _text(tokenizer: Any) -> Config:
    ends = {"eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id}
    return {**TEXT, **ends, "vocab_size": len(tokenizer)}


def image_ids(tokenizer: Any) -> Config:
    """Return the ids of the tokens around and for images and videos, as in a config of Qwen-VL."""
    names = ("image_token_id", "video_token_id", "vision_start_token_id", "vision_end_token_id")
    return dict(zip(names, tokenizer.convert_tokens_to_ids(list(QWEN_TOKENS)), strict=True))
