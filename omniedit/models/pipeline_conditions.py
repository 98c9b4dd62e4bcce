"""Reference images and tasks in the call of a pipeline."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from omniedit.imaging.images import Image, resize_contain
from omniedit.models.codec import Vae, encode
from omniedit.models.conditions import UNKNOWN_TASK, TakenConditions, place_references
from omniedit.models.pipeline_arguments import to_list
from omniedit.models.pipeline_images import ImageLike, split_images, to_tensor
from omniedit.models.prepared_edit import PreparedEdit

REMEDY = "give an editor whose architecture takes {0}, such as editnet_routed (docs/training.md), or omit {0}"


def match_conditions(references: Any, task: Any, count: int, takes: TakenConditions) -> list[tuple[list, int]]:
    """Return the reference images and the task's index of each of `count` edits.

    Args:
        references: None, images for all edits, or a list of lists with the images of each edit.
        task: None, the name of a task for all edits, or a list with the name of each or None.

    Raises:
        ValueError: the editor does not take them, a task is not in its list, or their number does not match.
    """
    per_edit = _split_references(references, count)
    if any(per_edit) and not takes.references:
        raise ValueError(f"references: this editor takes no reference images; {REMEDY.format('them')}")
    tasks = to_list(task) if task is not None else [None]
    if len(tasks) not in (1, count):
        raise ValueError(f"{count} images, {len(tasks)} tasks: give one for all, or one for each")
    indices = [_task_index(each, takes) for each in tasks]
    return list(zip(per_edit, indices * count if len(indices) == 1 else indices, strict=True))


def _split_references(references: Any, count: int) -> list[list]:
    """Return the reference images of each edit."""
    given = [] if references is None else split_images(references)
    if not any(isinstance(each, list | tuple) for each in given):
        return [given] * count
    if len(given) != count or not all(isinstance(each, list | tuple) for each in given):
        raise ValueError(f"{count} images, {len(given)} lists of references: give one list for each, or one for all")
    return [list(each) for each in given]


def _task_index(task: Any, takes: TakenConditions) -> int:
    """Return the index of a task; None is unknown."""
    if task is None:
        return UNKNOWN_TASK
    if not takes.tasks:
        raise ValueError(f"task: this editor takes no task; {REMEDY.format('it')}")
    if task not in takes.tasks:
        raise ValueError(f"task: {str(task)[:100]!r} is not one of this editor's: {', '.join(takes.tasks)}")
    return takes.task_index(task)


def encode_references(vae: Vae, images: Sequence[ImageLike], like: Tensor) -> Tensor:
    """Encode references as training does, (R, C, h, w): whole, at the size of the source image.

    Args:
        like: latents of the source image, (1, C, h, w).
    """
    height, width = (8 * side for side in like.shape[-2:])
    arrays = [(255 * to_tensor(image).permute(1, 2, 0)).round().to(torch.uint8).cpu().numpy() for image in images]
    if not arrays:
        return like.new_zeros(0, *like.shape[1:])
    fitted = np.stack([resize_contain(array, width, height) for array in arrays])
    return encode(vae, torch.from_numpy(fitted).to(like.device).permute(0, 3, 1, 2) / 127.5 - 1)


def call_arguments(
    takes: TakenConditions, references: Sequence[Sequence[Image]], tasks: Sequence[str]
) -> dict[str, Any]:
    """Return the arguments of a pipeline's call for pairs with references and tasks, as far as its editor takes them.

    Args:
        references: those of each pair.
        tasks: that of each pair; one that is not in the editor's list is left to the editor.
    """
    arguments: dict[str, Any] = {}
    if takes.references:
        arguments["references"] = [list(images) for images in references]
    if takes.tasks:
        arguments["task"] = [task if task in takes.tasks else None for task in tasks]
    return arguments


def gather_conditions(edits: Sequence[PreparedEdit], takes: TakenConditions) -> dict[str, Tensor]:
    """Return the fields of `Conditioning` for references and tasks of a batch of edits, as the editor takes them."""
    fields: dict[str, Tensor] = {}
    device = edits[0].source.device
    if takes.references:
        latents = [reference for edit in edits for reference in edit.references]
        counts = [len(edit.references) for edit in edits]
        references, mask = place_references(latents, counts, edits[0].source.shape[1:])
        fields |= {"references": references.to(edits[0].source), "reference_mask": mask.to(device)}
    if takes.tasks:
        fields["task"] = torch.tensor([edit.task for edit in edits], device=device)
    return fields
