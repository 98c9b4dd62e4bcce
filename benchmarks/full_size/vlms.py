"""Vision-language models of config/models.yaml at their published sizes: configs, processors, networks without weights.

The tokenizers are those of the tiny models: one token per byte, so texts are about four times as long as with a real
one. The test compares the number of weights with `memory_gb` of config/models.yaml.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import (
    GotOcr2ImageProcessorPil,
    InternVLConfig,
    Qwen2_5_VLConfig,
    Qwen2Config,
    Qwen2VLImageProcessorPil,
    Qwen3Config,
    Qwen3VLConfig,
)
from transformers.models.internvl import InternVLVisionConfig

from benchmarks.random_judge import make_tokenizer
from benchmarks.random_vlms import QWEN_IMAGE, QWEN_TOKENS, build_llava_onevision, build_tokenizer, image_ids
from omniedit.models.activations import default_dtype
from omniedit.models.processors import load_processor

Published = tuple[Any, Any, Any]
"""Config, tokenizer and image processor."""

QWEN2_7B: dict[str, Any] = {
    "hidden_size": 3584,
    "intermediate_size": 18_944,
    "num_hidden_layers": 28,
    "num_attention_heads": 28,
    "num_key_value_heads": 4,
    "max_position_embeddings": 32_768,
    "tie_word_embeddings": False,
}
QWEN3_8B: dict[str, Any] = {
    "hidden_size": 4096,
    "intermediate_size": 12_288,
    "num_hidden_layers": 36,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "vocab_size": 151_936,
    "max_position_embeddings": 40_960,
    "tie_word_embeddings": False,
}
TILE, MAX_TILES = 448, 12
"""Side of an InternVL's tile in pixels, and how many its own image processor makes of an image."""


def internvl3() -> Published:
    """Return InternVL3-8B: InternViT-300M and Qwen2.5-7B."""
    return _internvl(Qwen2Config(vocab_size=151_674, **QWEN2_7B))


def internvl35() -> Published:
    """Return InternVL3.5-8B: InternViT-300M and Qwen3-8B."""
    return _internvl(Qwen3Config(**QWEN3_8B))


def _internvl(text: Any) -> Published:
    tokenizer = make_tokenizer()
    config = InternVLConfig(
        vision_config=InternVLVisionConfig(image_size=[TILE, TILE]),
        text_config=text,
        image_token_id=tokenizer.context_image_token_id,
        image_seq_length=256,
        tie_word_embeddings=False,
    )
    size = {"height": TILE, "width": TILE}
    return config, tokenizer, GotOcr2ImageProcessorPil(size=size, crop_to_patches=True, max_patches=MAX_TILES)


def qwen25_vl() -> Published:
    """Return Qwen2.5-VL-7B."""
    tokenizer = build_tokenizer(QWEN_IMAGE, *QWEN_TOKENS)
    rope = {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [16, 24, 24]}
    config = Qwen2_5_VLConfig(
        text_config=QWEN2_7B | {"vocab_size": 152_064, "rope_parameters": rope},
        vision_config={"hidden_size": 1280, "out_hidden_size": 3584},
        **image_ids(tokenizer),
    )
    return config, tokenizer, Qwen2VLImageProcessorPil(patch_size=14)


def qwen3_vl() -> Published:
    """Return Qwen3-VL-8B."""
    tokenizer = build_tokenizer(QWEN_IMAGE, *QWEN_TOKENS)
    rope = {"rope_type": "default", "rope_theta": 5e6, "mrope_section": [24, 20, 20], "mrope_interleaved": True}
    config = Qwen3VLConfig(
        text_config=QWEN3_8B | {"rope_parameters": rope},
        vision_config={"out_hidden_size": 4096},
        tie_word_embeddings=False,
        **image_ids(tokenizer),
    )
    return config, tokenizer, Qwen2VLImageProcessorPil(patch_size=16)


def llava_onevision() -> Published:
    """Return LLaVA-OneVision-7B: SigLIP so400m without its last layer, and Qwen2-7B."""
    tokenizer = build_tokenizer("<image>", "<image>", "<video>")
    layers = {"num_hidden_layers": 26, "num_attention_heads": 16}
    vision = {"hidden_size": 1152, "intermediate_size": 4304, **layers, "image_size": 384, "patch_size": 14}
    config, images = build_llava_onevision(tokenizer, QWEN2_7B | {"vocab_size": 152_000}, vision, 6)
    return config, tokenizer, images


BY_ROLE: dict[str, Callable[[], Published]] = {
    "judge": internvl3,
    "qwen3_vl": qwen3_vl,
    "qwen25_vl": qwen25_vl,
    "internvl35": internvl35,
    "llava_onevision": llava_onevision,
    "proposer": qwen25_vl,
}
"""Published sizes by role in config/models.yaml."""


def create_vlm(role: str, class_name: str, dtype: torch.dtype) -> tuple[Any, Any]:
    """Return a role's network on the meta device, and its processor.

    Args:
        class_name: class in config/models.yaml.
    """
    config, tokenizer, image_processor = BY_ROLE[role]()
    with torch.device("meta"), default_dtype(dtype):
        model = getattr(transformers, class_name)(config).eval().requires_grad_(False)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    with tempfile.TemporaryDirectory() as folder:
        for part in (config, tokenizer, image_processor):
            part.save_pretrained(folder)
        if role == "llava_onevision":
            settings = '{"num_image_tokens": 729, "vision_feature_select_strategy": "full"}'
            Path(folder, "processor_config.json").write_text(settings)
        return model, load_processor(Path(folder))
