"""A folder like InternVL3-8B-hf's, with a tiny random model of the same classes: Qwen2's tokenizer over bytes, in which
10 is two tokens, tiles of 32 x 32 pixels, the checkpoint's chat template."""

from collections.abc import Sequence
from pathlib import Path

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

from omniedit.scoring.examples import Example
from omniedit.scoring.internvl import InternvlJudge

SIDE, PATCH = 32, 8
CHAT = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n'}}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}{{ '<IMG_CONTEXT>\n' }}{% else %}{{ part['text'] }}{% endif %}{% endfor %}"
    "{{'<|im_end|>\n'}}{% endfor %}{% if add_generation_prompt %}{{'<|im_start|>assistant\n' }}{% endif %}"
)


def make_internvl(folder: Path, numbers_only: bool = False) -> Path:
    """
    Args:
        numbers_only: nothing but digits comes to its mind, each as likely as any other.
    """
    torch.manual_seed(0)
    width = 32
    tokenizer = make_tokenizer()
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
    config = InternVLConfig(
        vision_config=vision,
        text_config=text,
        image_token_id=tokenizer.context_image_token_id,
        image_seq_length=(SIDE // PATCH // 2) ** 2,
        tie_word_embeddings=False,
    )
    model = InternVLForConditionalGeneration(config)
    if numbers_only:
        think_of_numbers(model, [tokenizer.convert_tokens_to_ids(str(digit)) for digit in range(10)])
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    size = {"height": SIDE, "width": SIDE}
    GotOcr2ImageProcessorPil(size=size, crop_to_patches=True, max_patches=12).save_pretrained(folder)
    return folder


@torch.no_grad()
def think_of_numbers(model: InternVLForConditionalGeneration, digits: list[int]) -> None:
    """One component of what every token and tile is, large everywhere, speaks for digits."""
    model.get_input_embeddings().weight[:, 0] = 100
    model.model.multi_modal_projector.linear_2.bias[0] = 100
    model.lm_head.weight.zero_()
    model.lm_head.weight[digits, 0] = 4


def make_tokenizer() -> Qwen2Tokenizer:
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


def teach(judge: InternvlJudge, lessons: Sequence[tuple[Example, str]], steps: int) -> None:
    """Train a judge of one question on its own prompts, each with the reply that it is to give."""
    (question,) = judge.rubric.questions
    tiles = [{name: judge.tiles(picture) for name, picture in example.pictures.items()} for example, _ in lessons]
    pixels = torch.cat([each[name] for each in tiles for name in question.pictures])
    asked = [judge.prompt(question, example, each) for (example, _), each in zip(lessons, tiles, strict=True)]
    told = [judge.tokenizer(reply + "<|im_end|>")["input_ids"] for _, reply in lessons]
    length = max(len(a) + len(b) for a, b in zip(asked, told, strict=True))
    ids, labels = torch.zeros(2, len(lessons), length, dtype=torch.long)
    labels -= 100
    for row, (prompt, reply) in enumerate(zip(asked, told, strict=True)):
        ids[row, : len(prompt) + len(reply)] = torch.tensor([*prompt, *reply])
        labels[row, len(prompt) : len(prompt) + len(reply)] = torch.tensor(reply)
    optimizer = torch.optim.AdamW(judge.model.requires_grad_(True).parameters(), lr=5e-3)
    for _ in range(steps):
        optimizer.zero_grad()
        judge.model(input_ids=ids, labels=labels, pixel_values=pixels).loss.backward()
        optimizer.step()
    judge.model.requires_grad_(False)
