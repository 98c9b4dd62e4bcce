"""Turns of a chat with a multimodal language model: an image and a text, and the tokens or the text of the answer.

Shapes: B samples, T tokens of the answer.
"""

from collections.abc import Sequence
from typing import Any

import torch
from PIL import Image as PillowImage
from torch import Tensor
from torch.nn.functional import cross_entropy


def ask(processor: Any, images: Sequence[PillowImage.Image], texts: Sequence[str]) -> dict[str, Tensor]:
    """Return a model's inputs for B images, each with a text; they end where the answer begins."""
    turns = [
        [{"role": "user", "content": [{"type": "image", "image": image}, {"type": "text", "text": text}]}]
        for image, text in zip(images, texts, strict=True)
    ]
    return dict(
        processor.apply_chat_template(
            turns,
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
            processor_kwargs={"padding": True},
        )
    )


def append_answer(inputs: dict[str, Tensor], ids_BT: Tensor, mask_BT: Tensor) -> dict[str, Tensor]:
    """Return inputs that end with the tokens of an answer; tokens outside the mask are padding."""
    longer = dict(inputs)
    longer["input_ids"] = torch.cat([inputs["input_ids"], ids_BT], dim=1)
    longer["attention_mask"] = torch.cat([inputs["attention_mask"], mask_BT], dim=1)
    if "mm_token_type_ids" in inputs:
        longer["mm_token_type_ids"] = torch.cat([inputs["mm_token_type_ids"], torch.zeros_like(ids_BT)], dim=1)
    return longer


def ask_with_answers(
    processor: Any, images: Sequence[PillowImage.Image], questions: Sequence[str], answers: Sequence[str]
) -> dict[str, Tensor]:
    """Return the arguments of `answer_loss` for B questions about images; an answer ends with the end token."""
    tokenizer = processor.tokenizer
    rows = [[*tokenizer(text, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id] for text in answers]
    longest = max(map(len, rows))
    ids = torch.tensor([row + [tokenizer.pad_token_id] * (longest - len(row)) for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows])
    return append_answer(ask(processor, images, questions), ids, mask) | {"answer_mask": mask}


def answer_loss(model: Any, answer_mask: Tensor, **inputs: Tensor) -> Tensor:
    """Return the mean cross entropy of each answer's tokens, (B,).

    Args:
        answer_mask: (B, T), which of the last T tokens are the answer.
    """
    count = answer_mask.shape[1]
    logits = model(**inputs, logits_to_keep=count + 1, use_cache=False).logits[:, :-1].float()
    loss_BT = cross_entropy(logits.transpose(1, 2), inputs["input_ids"][:, -count:], reduction="none")
    return (loss_BT * answer_mask).sum(1) / answer_mask.sum(1)
