"""Conditions that some editors take besides source image and instruction: reference images, and the task.

Shapes: B samples, R references, C latent channels, h w latent height and width.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

UNKNOWN_TASK = -1
"""Index of a task that is not given or not in an editor's list."""


@dataclass(frozen=True)
class SupportedConditions:
    """Conditions that an editor takes.

    Args:
        references: whether it takes reference images.
        tasks: names of the known tasks, in the order of their indices; () if it takes no task.
        captions: whether it takes captions of the reference images.
    """

    references: bool = False
    tasks: tuple[str, ...] = ()
    captions: bool = False

    def task_index(self, task: str) -> int:
        """Return the index of a task, or `UNKNOWN_TASK`."""
        return self.tasks.index(task) if task in self.tasks else UNKNOWN_TASK


def get_supported_conditions(editor: Any) -> SupportedConditions:
    """Return the conditions that an editor takes."""
    names = getattr(editor, "takes", ())
    tasks = tuple(editor.config["tasks"]) if "task" in names else ()
    return SupportedConditions("references" in names, tasks, "captions" in names)


NO_CONDITIONS = SupportedConditions()
"""Conditions of an editor that takes only source and instruction."""


def place_captions(embeddings: tuple[Tensor, Tensor], counts: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Pad the embeddings of references' captions, given sample after sample, as `place_references` does with their
    images.

    Args:
        embeddings: (captions, M, D) and (captions, ...), even if there are no captions.
        counts: number of references of each sample.

    Returns:
        (B, R, M, D) and (B, R, ...), zeros where a sample has fewer references.
    """
    slots = max(1, *counts) if counts else 1
    present = torch.arange(slots) < torch.tensor(counts)[:, None]
    placed = []
    for rows in embeddings:
        padded = rows.new_zeros(len(counts), slots, *rows.shape[1:])
        padded[present.to(rows.device)] = rows
        placed.append(padded)
    return placed[0], placed[1]


def place_references(latents: Sequence[Tensor], counts: Sequence[int], shape: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Pad the references of all samples to one tensor, and return it with its mask.

    Args:
        latents: latents of each reference, (C, h, w), sample after sample.
        counts: number of references of each sample.
        shape: (C, h, w), needed even without references.

    Returns:
        (B, R, C, h, w) with zeros where a sample has fewer references, and (B, R) bool. R is at least 1, so that all
        ranks of a training use the same parameters.
    """
    slots = max(1, *counts) if counts else 1
    like = latents[0] if len(latents) else torch.zeros(())
    placed = like.new_zeros(len(counts), slots, *shape)
    mask = torch.arange(slots, device=like.device) < torch.tensor(counts, device=like.device)[:, None]
    if len(latents):
        placed[mask] = torch.stack(list(latents))
    return placed, mask
