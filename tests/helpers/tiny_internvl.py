"""Tiny InternVL of `benchmarks.random_judge`, and functions that train such models to give fixed replies."""

import inspect
from collections.abc import Sequence
from typing import Any

import torch

from benchmarks.random_judge import PATCH, SIDE, make_internvl, make_tokenizer
from omniedit.scoring.examples import Example
from omniedit.scoring.rubric import Question
from omniedit.scoring.vlm_judges.images import join_inputs
from omniedit.scoring.vlm_judges.local import LocalJudge, Shown
from omniedit.scoring.vlm_judges.passes import image_tokens

__all__ = ["PATCH", "SIDE", "forward", "image_inputs", "make_internvl", "make_tokenizer", "teach"]


def image_inputs(judge: LocalJudge, question: Question, shown: Sequence[Shown]) -> dict[str, torch.Tensor]:
    """Return the arguments of `forward` for the images of a batch as pixels, without any reuse."""
    inputs = join_inputs([[each[name] for name in question.images] for each in shown])
    accepted = set(inspect.signature(judge.model.forward).parameters)
    return {name: value for name, value in inputs.items() if name in accepted}


def forward(judge: LocalJudge, ids: torch.Tensor, mask: torch.Tensor, images: dict[str, torch.Tensor]) -> Any:
    """Run a model on whole texts, which are padded on the right, as transformers' own processor would."""
    kinds = {"mm_token_type_ids": image_tokens(judge.model, ids)} if "image_grid_thw" in images else {}
    return judge.model(input_ids=ids, attention_mask=mask, **images, **kinds)


def teach(judge: LocalJudge, lessons: Sequence[tuple[Example, str]], steps: int) -> None:
    """Train a judge of one question on its own prompts, each with its target reply."""
    (question,) = judge.rubric.questions
    shown = judge.prepare_images([example for example, _ in lessons])
    images = image_inputs(judge, question, shown)
    prompts = [judge.prompt(question, example, each) for (example, _), each in zip(lessons, shown, strict=True)]
    replies = [judge.tokenizer(reply + "<|im_end|>", add_special_tokens=False)["input_ids"] for _, reply in lessons]
    length = max(len(a) + len(b) for a, b in zip(prompts, replies, strict=True))
    ids, mask, labels = torch.zeros(3, len(lessons), length, dtype=torch.long)
    labels -= 100
    for row, (prompt, reply) in enumerate(zip(prompts, replies, strict=True)):
        ids[row, : len(prompt) + len(reply)] = torch.tensor([*prompt, *reply])
        mask[row, : len(prompt) + len(reply)] = 1
        labels[row, len(prompt) : len(prompt) + len(reply)] = torch.tensor(reply)
    optimizer = torch.optim.AdamW(judge.model.requires_grad_(True).parameters(), lr=5e-3)
    for _ in range(steps):
        optimizer.zero_grad()
        logits = forward(judge, ids, mask, images).logits[:, :-1].flatten(0, 1)
        torch.nn.functional.cross_entropy(logits, labels[:, 1:].flatten()).backward()
        optimizer.step()
    judge.model.requires_grad_(False)
