"""Choice of the references and tasks that an editor gets with a batch of pairs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from omniedit.buckets.references import reference_captions, reference_roles
from omniedit.buckets.store import PairBatch
from omniedit.config.training_options import SampleOptions
from omniedit.imaging.images import Image, resize_contain
from omniedit.models.conditions import UNKNOWN_TASK, SupportedConditions


@dataclass(frozen=True)
class ConditionChoice:
    """References, captions and task that an editor gets with each pair of a batch.

    Args:
        references: indices of a pair's references, ascending unless they are shuffled.
        tasks: index of its task.
        captions: caption of each chosen reference, '' for none.
    """

    references: list[list[int]]
    tasks: list[int]
    captions: list[list[str]]


def choose_conditions(
    pairs: Sequence[dict[str, Any]],
    takes: SupportedConditions,
    options: SampleOptions,
    keeps_text: Sequence[bool],
    rngs: Sequence[np.random.Generator],
) -> ConditionChoice:
    """Choose at random up to `max_references` references of each pair, and whether their captions and the task are
    given.

    A sample without its instruction gets neither references nor task, because the instruction points to the references.
    Text guidance thus has an unconditional counterpart.

    Args:
        keeps_text: whether a sample keeps its instruction.
        rngs: generator of each sample, used only here.
    """
    references, tasks, captions = [], [], []
    for pair, keeps, rng in zip(pairs, keeps_text, rngs, strict=True):
        loses_references, loses_task = rng.random(2) < (options.reference_dropout, options.task_dropout)
        drawn = rng.permutation(len(reference_roles(pair)))[: options.max_references].tolist()
        if options.vary_references and drawn:
            drawn = drawn[: rng.integers(1, len(drawn), endpoint=True)]
        numbers = drawn if options.shuffle_references else sorted(drawn)
        references.append(numbers if keeps and not loses_references else [])
        tasks.append(takes.task_index(pair["task"]) if keeps and not loses_task else UNKNOWN_TASK)
        loses_caption = rng.random(len(references[-1])) < options.caption_dropout
        texts = pick_captions(pair, references[-1])
        captions.append(["" if is_dropped else text for text, is_dropped in zip(texts, loses_caption, strict=True)])
    return ConditionChoice(references, tasks, captions)


def first_conditions(
    pairs: Sequence[dict[str, Any]], takes: SupportedConditions, options: SampleOptions
) -> ConditionChoice:
    """Choose the first `max_references` references of each pair, and its task."""
    numbers = [[*range(min(len(reference_roles(pair)), options.max_references))] for pair in pairs]
    captions = [pick_captions(pair, chosen) for pair, chosen in zip(pairs, numbers, strict=True)]
    return ConditionChoice(numbers, [takes.task_index(pair["task"]) for pair in pairs], captions)


def pick_captions(pair: dict[str, Any], numbers: Sequence[int]) -> list[str]:
    """Return the captions of some of a pair's references, '' for one without."""
    captions = reference_captions(pair)
    return [captions[number] or "" for number in numbers]


def pick_references(pairs: PairBatch, chosen: ConditionChoice, flips: Sequence[bool]) -> tuple[list[Image], list[bool]]:
    """Return the chosen references, pair after pair, at the size of the pairs' images, and whether to mirror each."""
    height, width = pairs.source.shape[1:3]
    picked = [(row, number) for row, numbers in enumerate(chosen.references) for number in numbers]
    images = [resize_contain(pairs.references[row][number], width, height) for row, number in picked]
    return images, [flips[row] for row, _ in picked]
