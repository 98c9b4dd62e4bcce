"""Tiny pipelines of each base but SD3, with real classes for every part, saved as they are fetched."""

from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKLQwenImage,
    FlowMatchEulerDiscreteScheduler,
    FluxPipeline,
    FluxTransformer2DModel,
    QwenImagePipeline,
    QwenImageTransformer2DModel,
    ZImagePipeline,
    ZImageTransformer2DModel,
)
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen3Config,
    Qwen3Model,
)

from benchmarks.random_model_sizes import TINY
from benchmarks.random_models import WORDS, Maker, tokenizer
from helpers.tiny_bases import FLUX, QWEN, Z_IMAGE

WIDTH = 48
TEXT: dict[str, Any] = {"vocab_size": len(WORDS), "hidden_size": WIDTH, "intermediate_size": 32}
TEXT |= {"num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 2}


def make_flux() -> FluxPipeline:
    maker = Maker(TINY, "cpu")
    clip = CLIPTextConfig(vocab_size=len(WORDS), projection_dim=16, eos_token_id=len(WORDS) - 1, **TINY.clip)
    sizes = FLUX | {"joint_attention_dim": WIDTH, "pooled_projection_dim": 16}
    return FluxPipeline(
        transformer=FluxTransformer2DModel(**sizes, axes_dims_rope=(4, 6, 6), guidance_embeds=True),
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        vae=maker._vae(16, scaling_factor=0.3611, shift_factor=0.1159),
        text_encoder=CLIPTextModel(clip),
        tokenizer=tokenizer(77),
        text_encoder_2=maker._t5(),
        tokenizer_2=tokenizer(512, "$A <eos>"),
    )


def make_qwen_image() -> QwenImagePipeline:
    rope = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [4, 4, 4]}
    vision = {"depth": 1, "hidden_size": 16, "num_heads": 2, "intermediate_size": 16, "out_hidden_size": WIDTH}
    config = Qwen2_5_VLConfig(text_config=TEXT | {"rope_parameters": rope}, vision_config=vision)
    shift = {"use_dynamic_shifting": True, "max_shift": 0.9, "max_image_seq_len": 8192, "shift_terminal": 0.02}
    return QwenImagePipeline(
        transformer=QwenImageTransformer2DModel(**QWEN, joint_attention_dim=WIDTH, axes_dims_rope=(4, 6, 6)),
        scheduler=FlowMatchEulerDiscreteScheduler(**shift),
        vae=AutoencoderKLQwenImage(base_dim=4, num_res_blocks=1),
        text_encoder=Qwen2_5_VLForConditionalGeneration(config),
        tokenizer=tokenizer(2048, "$A <eos>"),
    )


def make_z_image() -> ZImagePipeline:
    words = tokenizer(2048, "$A")
    words.chat_template = "{% for message in messages %}<bos> {{ message.content }} <eos>{% endfor %}"
    return ZImagePipeline(
        transformer=ZImageTransformer2DModel(**Z_IMAGE | {"cap_feat_dim": WIDTH}),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=Maker(TINY, "cpu")._vae(16, scaling_factor=0.3611, shift_factor=0.1159),
        text_encoder=Qwen3Model(Qwen3Config(**TEXT, head_dim=24)),
        tokenizer=words,
    )


MAKERS = {"flux": make_flux, "qwen_image": make_qwen_image, "z_image": make_z_image}


def save(name: str, folder: Path) -> Path:
    """Save a pipeline of random weights, the same at each call, and return the folder."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        pipeline = MAKERS[name]()
        for part in pipeline.components.values():
            if isinstance(part, torch.nn.Module):
                part.eval()
        pipeline.save_pretrained(folder)
    return folder
