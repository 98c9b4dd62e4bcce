"""Tiny InternVL of `benchmarks.random_judge`, and a function that trains it to give fixed replies."""

from collections.abc import Sequence

import torch

from benchmarks.random_judge import PATCH, SIDE, make_internvl, make_tokenizer
from omniedit.scoring.examples import Example
from omniedit.scoring.vlm_judges.internvl import InternvlJudge

__all__ = ["PATCH", "SIDE", "make_internvl", "make_tokenizer", "teach"]


def teach(judge: InternvlJudge, lessons: Sequence[tuple[Example, str]], steps: int) -> None:
    """Train a judge of one question on its own prompts, each with its target reply."""
    (question,) = judge.rubric.questions
    tiles = [{name: judge.tiles(image) for name, image in example.images.items()} for example, _ in lessons]
    pixels = torch.cat([each[name] for each in tiles for name in question.images])
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
