"""InternVL judge with random weights: a folder like InternVL3-8B-hf's, with a tiny model of the same classes.

It has Qwen2's tokenizer over bytes, in which 10 is two tokens, tiles of 32 x 32 pixels and the chat template.
"""

from pathlib import Path
from typing import Any

import torch
from tokenizers import pre_tokenizers
from transformers import (
    GotOcr2ImageProcessorPil,
    InternVLConfig,
    InternVLForConditionalGeneration,
    Qwen2Config,
    Qwen2Tokenizer,
)
from transformers.models.internvl import InternVLVisionConfig

SIDE, PATCH = 32, 8
CHAT = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n'}}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}{{ '<IMG_CONTEXT>\n' }}{% else %}{{ part['text'] }}{% endif %}{% endfor %}"
    "{{'<|im_end|>\n'}}{% endfor %}{% if add_generation_prompt %}{{'<|im_start|>assistant\n' }}{% endif %}"
)


def make_internvl(folder: Path, numbers_only: bool = False, seed: int = 0) -> Path:
    """Save the judge in a folder and return the folder.

    Args:
        numbers_only: make it answer only with digits, each equally likely.
    """
    torch.manual_seed(seed)
    tokenizer = make_tokenizer()
    model = InternVLForConditionalGeneration(make_config(tokenizer))
    if numbers_only:
        answer_with_digits(model, [tokenizer.get_vocab()[str(digit)] for digit in range(10)])
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    size = {"height": SIDE, "width": SIDE}
    GotOcr2ImageProcessorPil(size=size, crop_to_patches=True, max_patches=12).save_pretrained(folder)
    return folder


def make_config(tokenizer: Any) -> InternVLConfig:
    """Return the config of an InternVL of one vision layer and two language layers."""
    width = 32
    vision = InternVLVisionConfig(
        hidden_size=width,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=2 * width,
        image_size=[SIDE, SIDE],
        patch_size=[PATCH, PATCH],
        layer_scale_init_value=1.0,
        initializer_range=0.05,
    )
    text = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=width,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        intermediate_size=2 * width,
        bos_token_id=None,
        eos_token_id=tokenizer.convert_tokens_to_ids("<|im_end|>"),
        pad_token_id=tokenizer.pad_token_id,
        initializer_range=0.05,
        tie_word_embeddings=False,
    )
    return InternVLConfig(
        vision_config=vision,
        text_config=text,
        image_token_id=tokenizer.context_image_token_id,
        image_seq_length=(SIDE // PATCH // 2) ** 2,
        tie_word_embeddings=False,
    )


@torch.no_grad()
def answer_with_digits(model: InternVLForConditionalGeneration, digits: list[int]) -> None:
    """Make the model answer with digits: one component, large in every token and tile, votes for them."""
    model.get_input_embeddings().get_parameter("weight")[:, 0] = 100
    model.model.multi_modal_projector.get_parameter("linear_2.bias")[0] = 100
    model.lm_head.weight.zero_()
    model.lm_head.weight[digits, 0] = 4


def make_tokenizer() -> Qwen2Tokenizer:
    """Return Qwen2's tokenizer over bytes, without merges."""
    names = ["<|endoftext|>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    about = {"start_image_token": "<img>", "end_image_token": "</img>", "context_image_token": "<IMG_CONTEXT>"}
    tokenizer = Qwen2Tokenizer(
        vocab={name: place for place, name in enumerate(names)},
        merges=[],
        eos_token="<|im_end|>",
        extra_special_tokens={**about, "video_token": "<video>", "start_turn_token": "<|im_start|>"},
    )
    tokenizer.chat_template = CHAT
    return tokenizer
