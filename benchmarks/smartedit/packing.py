"""Several questions to an image in one sequence: a step of training then learns from many answers.

Shapes: B images, T tokens.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from benchmarks.smartedit.questions import Questions
from benchmarks.smartedit.world import COLUMN_NAMES, COLUMNS

COLUMN_WEIGHT = 5.0
"""Weight of an answer's column in the loss, relative to its other tokens."""


def pack(processor: Any, rows: Sequence[Questions]) -> dict[str, Tensor]:
    """Return the inputs of a model for several questions to an image, and `labels`, -100 outside the answers.

    Each question sees the image and itself, at the positions that it would have alone.
    """
    tokenizer = processor.tokenizer
    packed = [_tokens(tokenizer, row) for row in rows]
    longest, padding = max(map(len, packed)), (tokenizer.pad_token_id, -100, 0, -1)
    padded = torch.tensor([row + [padding] * (longest - len(row)) for row in packed])
    ids, labels, positions, question_BT = padded.unbind(-1)
    pixels = processor.image_processor([row.source for row in rows], return_tensors="pt")["pixel_values"]
    return {
        "input_ids": ids,
        "labels": labels,
        "position_ids": positions,
        "attention_mask": attention_mask(question_BT),
        "pixel_values": pixels,
    }


def _tokens(tokenizer: Any, row: Questions) -> list[tuple[int, int, int, int]]:
    """Return id, label, position and number of the question of each token; those of the image have number 0."""

    def encode(text: str) -> list[int]:
        return list(tokenizer(text, add_special_tokens=False)["input_ids"])

    image = encode("user " + "<image> " * len(COLUMNS) ** 2)
    tokens = [(token, -100, place, 0) for place, token in enumerate(image)]
    for number, (text, answer) in enumerate(row.asked, start=1):
        asked, answered = encode(f"{text} assistant"), [*encode(answer), tokenizer.eos_token_id]
        labels = [-100] * len(asked) + answered
        for place, (token, label) in enumerate(zip(asked + answered, labels, strict=True), start=len(image)):
            tokens.append((token, label, place, number))
    return tokens


def attention_mask(question_BT: Tensor) -> Tensor:
    """Return the additive mask, (B, 1, T, T): a token sees earlier ones of the image (0) and of its question."""
    sees = (question_BT[:, :, None] == question_BT[:, None, :]) | (question_BT[:, None, :] == 0)
    return torch.zeros(sees.shape).masked_fill(~sees.tril(), torch.finfo(torch.float32).min)[:, None]


def question_loss(model: Any, processor: Any, rows: Sequence[Questions]) -> Tensor:
    """Return the mean cross entropy of the answers' tokens; the name of a column counts `COLUMN_WEIGHT` times."""
    inputs = pack(processor, rows)
    labels = inputs.pop("labels")[:, 1:]
    logits = model(**inputs, use_cache=False).logits[:, :-1][labels != -100]
    labels = labels[labels != -100]
    columns = torch.tensor(processor.tokenizer.convert_tokens_to_ids(list(COLUMN_NAMES)))
    weight = torch.where(torch.isin(labels, columns), COLUMN_WEIGHT, 1.0)
    return (weight * cross_entropy(logits, labels, reduction="none")).sum() / weight.sum()
