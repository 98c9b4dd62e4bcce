"""Tests of an editor on pairs with known truth.

Shapes: B images, C latent channels, h w latent height and width.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
import torch
from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler
from torch import Tensor

from benchmarks.ablation.assets import Assets
from benchmarks.ablation.encoding import Texts, encode_latents, encode_references, to_pixels
from benchmarks.ablation.settings import Setting
from benchmarks.ablation.world import SceneOptions, World, WorldPair
from omniedit.evaluation.preservation import psnr
from omniedit.imaging.images import Image
from omniedit.models.codec import Vae, decode
from omniedit.models.conditions import get_supported_conditions
from omniedit.models.editor import Editor
from omniedit.models.full_size import restore_full_size
from omniedit.models.sampling import Conditioning, Guidance, SamplerState, sample
from omniedit.tasks import Task

PairT = TypeVar("PairT", bound=WorldPair)
SUCCESS = 0.5
"""Error below which an edit is successful: squared error inside the mask, as a share of the error without an edit."""
TEST_SEED = 20241111
"""Seed of the test pairs and of the noise from which edits start."""
TOGETHER = 56


def pairs_of_test(assets: Assets, setting: Setting) -> list[WorldPair]:
    """Return the test pairs, always the same, with objects and photographs that training never shows."""
    world = World(assets, setting.size, TEST_SEED, SceneOptions(held_out=True, like_photos=setting.like_photos))
    tasks = tested_tasks(setting)
    indices = range(len(tasks) * setting.pairs_per_task)
    return [world.make_pair(tasks[index % len(tasks)], index) for index in indices]


def tested_tasks(setting: Setting) -> list[Task]:
    return [Task(name) for name in setting.tested]


@torch.no_grad()
def edit_pairs(
    editor: Editor,
    vae: Vae,
    texts: Texts,
    pairs: Sequence[PairT],
    setting: Setting,
    steps: int,
    conditions: Callable[[Sequence[PairT]], Mapping[str, Tensor]] = lambda pairs: {},
) -> list[Image]:
    """Edit pairs with an editor in `steps` sampling steps, as `EditPipeline` does.

    Args:
        conditions: further fields of `Conditioning` for some pairs.
    """
    guidance = Guidance(setting.text_scale, setting.image_scale)
    answers: list[Image] = []
    for start in range(0, len(pairs), TOGETHER):
        some = pairs[start : start + TOGETHER]
        images = to_pixels([pair.source for pair in some])
        source = encode_latents(vae, [pair.source for pair in some])
        noise = torch.stack([make_noise(start + place, source.shape[1:]) for place in range(len(some))]).to(source)
        prompt, pooled = texts([pair.edit.instruction for pair in some])
        nothing, nothing_pooled = texts([""] * len(some))
        conditioning = Conditioning(source, prompt, nothing, pooled, nothing_pooled, task=task_indices(editor, some))
        if get_supported_conditions(editor).references:
            references = encode_references(vae, [pair.edit.references for pair in some], source)
            conditioning = replace(conditioning, **references)
        conditioning = replace(conditioning, **conditions(some))
        latents = sample(editor, FlowMatchEulerDiscreteScheduler(), SamplerState(conditioning, guidance, noise), steps)
        before, after = (decode(vae, each).cpu() for each in (source, latents))
        full, before, after = ((image + 1) / 2 for image in (images, before, after))
        full = restore_full_size(full, before, after)
        answers += list((255 * full).round().to(torch.uint8).permute(0, 2, 3, 1).numpy())
    return answers


def task_indices(editor: Editor, pairs: Sequence[WorldPair]) -> Tensor | None:
    """Return the tasks of pairs, (B,), for an editor that takes tasks."""
    takes = get_supported_conditions(editor)
    indices = [takes.task_index(pair.task) for pair in pairs]
    return torch.tensor(indices, device=editor.device) if takes.tasks else None


def make_noise(index: int, shape: Sequence[int]) -> Tensor:
    return torch.randn(tuple(shape), generator=torch.Generator().manual_seed(TEST_SEED + index))


def left_over(pair: WorldPair, answer: Image) -> float:
    """Return the squared error inside the mask as a share of the source's: 0 for the truth, 1 for no edit."""
    return error(answer, pair.edit.target, pair.edit.mask) / error(pair.source, pair.edit.target, pair.edit.mask)


def outside_psnr(pair: WorldPair, answer: Image) -> float | None:
    """Return the PSNR outside the mask in dB, at most 60, or None if the edit changes the whole image."""
    outside = ~pair.edit.mask
    if not outside.any():
        return None
    return min(60.0, psnr(error(answer, pair.source, outside)))


def error(image: Image, truth: Image, where: np.ndarray) -> float:
    """Return the mean squared difference inside `where`, on the scale 0-255."""
    squares = np.square(image.astype(np.float32) - truth).mean(axis=-1)
    return float(squares[where].mean()) if where.any() else math.nan
