"""Reference images and tasks in the call of a pipeline."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from omniedit.imaging.images import Image, resize_contain
from omniedit.models.codec import Vae, encode
from omniedit.models.conditions import UNKNOWN_TASK, SupportedConditions, place_captions, place_references
from omniedit.models.demonstrations import MAX_DEMONSTRATIONS
from omniedit.models.pipeline_arguments import spread, to_list
from omniedit.models.pipeline_images import ImageLike, split_images, to_tensor
from omniedit.models.prepared_edit import PreparedEdit

REMEDY = "give an editor whose architecture takes {0}, such as {1} (docs/training.md), or omit {0}"
TAKE_IMAGES = "editnet_routed or editnet_demos_cross"


@dataclass(frozen=True)
class EditConditions:
    """Conditions of one edit other than image and instruction.

    Args:
        references: reference images.
        task: index of the task, or `UNKNOWN_TASK`.
        captions: caption of each reference, '' if it has none.
    """

    references: list
    task: int
    captions: tuple[str, ...] = ()


def match_conditions(
    references: Any, task: Any, count: int, takes: SupportedConditions, captions: Any = None
) -> list[EditConditions]:
    """Return the reference images, their captions and the index of the task for each of `count` edits.

    Args:
        references: None, images for all edits, or a list of lists with the images of each edit.
        task: None, the name of a task for all edits, or a list with the name of each or None.
        captions: None, or the captions of `references` in the same form, with None or '' for a reference without a
            caption.

    Raises:
        ValueError: the editor does not take such conditions, a task is not in its list, or the number of values does
            not match.
    """
    per_edit = _split_per_edit(references, count, "references")
    if any(per_edit) and not takes.references:
        raise ValueError(f"references: this editor takes no reference images; {REMEDY.format('them', TAKE_IMAGES)}")
    most = max(map(len, per_edit), default=0)
    if takes.captions and most > MAX_DEMONSTRATIONS:
        raise ValueError(f"references: {most} images, but this editor takes at most {MAX_DEMONSTRATIONS}")
    texts = _match_captions(captions, per_edit, takes)
    tasks = to_list(task) if task is not None else [None]
    indices = [_task_index(each, takes) for each in spread("tasks", tasks, count)]
    return [EditConditions(*each) for each in zip(per_edit, indices, texts, strict=True)]


def _split_per_edit(values: Any, count: int, name: str) -> list[list]:
    """Return the values of each edit: reference images, or their captions."""
    images = [] if values is None else split_images(values)
    if not any(isinstance(image, list | tuple) for image in images):
        return [images] * count
    if len(images) != count or not all(isinstance(image, list | tuple) for image in images):
        raise ValueError(f"{count} images, {len(images)} lists of {name}: give one list for each, or one for all")
    return [list(image) for image in images]


def _match_captions(captions: Any, per_edit: Sequence[list], takes: SupportedConditions) -> list[tuple[str, ...]]:
    """Return the captions of each edit's references."""
    per_text = _split_per_edit(captions, len(per_edit), "captions")
    if any(map(any, per_text)) and not takes.captions:
        remedy = REMEDY.format("them", "editnet_demos_cross")
        raise ValueError(f"reference_captions: this editor takes no captions of references; {remedy}")
    for references, texts in zip(per_edit, per_text, strict=True):
        if texts and len(texts) != len(references):
            counts = f"{len(references)} references, {len(texts)} captions"
            raise ValueError(f"reference_captions: {counts}; give one for each reference, '' for none")
    return [
        tuple(text or "" for text in texts) if texts else ("",) * len(references)
        for references, texts in zip(per_edit, per_text, strict=True)
    ]


def _task_index(task: Any, takes: SupportedConditions) -> int:
    """Return the index of a task; None is unknown."""
    if task is None:
        return UNKNOWN_TASK
    if not takes.tasks:
        raise ValueError(f"task: this editor takes no task; {REMEDY.format('it', 'editnet_routed')}")
    if task not in takes.tasks:
        raise ValueError(f"task: {str(task)[:100]!r} is not one of this editor's: {', '.join(takes.tasks)}")
    return takes.task_index(task)


def encode_references(vae: Vae, images: Sequence[ImageLike], like: Tensor) -> Tensor:
    """Encode references as in training: scaled to fit the size of the source image, uncropped. Return (R, C, h, w).

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
    takes: SupportedConditions,
    references: Sequence[Sequence[Image]],
    tasks: Sequence[str],
    captions: Sequence[Sequence[str | None]] = (),
) -> dict[str, Any]:
    """Return the arguments of a pipeline's call for pairs with references and tasks, without those that its editor does
    not take.

    Args:
        references: references of each pair.
        tasks: task of each pair; a task that is not in the editor's list counts as unknown.
        captions: captions of each pair's references; () for none.
    """
    arguments: dict[str, Any] = {}
    if takes.references:
        arguments["references"] = [list(images) for images in references]
    if takes.captions and captions:
        arguments["reference_captions"] = [list(texts) for texts in captions]
    if takes.tasks:
        arguments["task"] = [task if task in takes.tasks else None for task in tasks]
    return arguments


def gather_conditions(
    edits: Sequence[PreparedEdit],
    takes: SupportedConditions,
    encode_texts: Callable[[list[str]], tuple[Tensor, Tensor]],
) -> dict[str, Tensor]:
    """Return the fields of `Conditioning` that the editor takes for references and tasks of a batch of edits.

    Args:
        encode_texts: encodes captions, as `Text.encode`.
    """
    fields: dict[str, Tensor] = {}
    like, device = edits[0].source, edits[0].source.device
    counts = [len(edit.references) for edit in edits]
    if takes.references:
        latents = [reference for edit in edits for reference in edit.references]
        references, mask = place_references(latents, counts, like.shape[1:])
        fields |= {"references": references.to(like), "reference_mask": mask.to(device)}
    if takes.captions and any(counts):
        texts = [caption for edit in edits for caption in edit.captions]
        prompts, pooled = place_captions(encode_texts(texts), counts)
        fields |= {"reference_prompts": prompts.to(like), "reference_pooled": pooled.to(like)}
    if takes.tasks:
        fields["task"] = torch.tensor([edit.task for edit in edits], device=device)
    return fields
