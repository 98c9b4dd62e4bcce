"""Checks of the arguments of a pipeline, which may be one value for all images or one for each."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch

SIZE = "an edit has the size of its image"
TEXT = "give the text as instruction and negative_prompt"
REPLACEMENTS = {
    "prompt": "give it as instruction",
    "num_images_per_prompt": "give the image several times, with a generator for each",
    "seed": "give generator=torch.Generator().manual_seed(seed)",
    "true_cfg_scale": "give it as guidance_scale",
    "strength": "image_guidance_scale says how strongly the image is preserved",
    "height": SIZE,
    "width": SIZE,
    "max_area": SIZE,
    "callback": "give callback_on_step_end",
    "prompt_embeds": TEXT,
    "prompt_2": TEXT,
    "prompt_3": TEXT,
    "latents": "give generator for the noise",
    "sigmas": "give num_inference_steps",
    "timesteps": "give num_inference_steps",
}
"""Arguments of diffusers' pipelines, and what to do in their place."""


def reject_unknown(arguments: Iterable[str]) -> None:
    """Raise an error for the first argument that `EditPipeline` does not take.

    Raises:
        TypeError: there is an argument.
    """
    for name in arguments:
        remedy = REPLACEMENTS.get(name, "help(EditPipeline.__call__) lists its arguments")
        raise TypeError(f"EditPipeline takes no argument {name!r}: {remedy}")


def to_list(value: Any) -> list:
    """Return the values of a sequence as a list, or one value as a list of one."""
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str | bytes) else [value]


def check_whole(name: str, value: Any, minimum: int, maximum: int | None = None) -> int:
    """Return a whole number, such as a number of steps.

    Raises:
        ValueError: it is not a whole number from `least` to `most`.
    """
    is_whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not is_whole or value < minimum or (maximum is not None and value > maximum):
        allowed = f"of at least {minimum}" if maximum is None else f"from {minimum} to {maximum}"
        raise ValueError(f"{name}: {value!r}, but a whole number {allowed} is needed")
    return int(value)


def check_scale(name: str, scale: Any) -> float:
    """Return a guidance scale.

    Raises:
        ValueError: it is not a finite number.
    """
    if not isinstance(scale, int | float | np.number) or not np.isfinite(scale):
        raise ValueError(f"{name}: {scale!r}, but a number is needed")
    return scale  # type: ignore[return-value]


def match_arguments(
    images: Sequence[Any],
    instruction: str | Sequence[str],
    negative_prompt: str | Sequence[str],
    generator: torch.Generator | Sequence[torch.Generator] | None,
) -> list[tuple[Any, str, str, torch.Generator | None]]:
    """Return the image, instruction, negative prompt and generator of each edit.

    Raises:
        ValueError: there is no image, a value has the wrong type, or an argument has neither one value nor one per
            image.
    """
    if not images:
        raise ValueError("image: the list is empty; give one image or several")
    instructions, negatives, generators = map(to_list, (instruction, negative_prompt, generator))
    _check_types("instruction", instructions, str, '"Make it night."')
    _check_types("negative_prompt", negatives, str, '"blurry"')
    if broken := [text for text in (*instructions, *negatives) if re.search("[\ud800-\udfff]", text)]:
        raise ValueError(f"instruction: {broken[0][:100]!a} has half of a surrogate pair; decode it as UTF-8")
    if generator is not None:
        _check_types("generator", generators, torch.Generator, "torch.Generator().manual_seed(0)")
    named = {"instructions": instructions, "negative prompts": negatives, "generators": generators}
    each = (spread(name, values, len(images)) for name, values in named.items())
    return list(zip(images, *each, strict=True))


def _check_types(name: str, values: Sequence[object], kind: type, example: str) -> None:
    """Check the types of an argument's values.

    Raises:
        ValueError: a value has the wrong type.
    """
    for value in values:
        if not isinstance(value, kind):
            library = type(value).__module__.partition(".")[0]
            of = "" if library == "builtins" else f" of {library}"
            type_name = "None" if value is None else f"a {type(value).__name__}{of}"
            raise ValueError(
                f"{name}: {type_name}, but a {kind.__name__} is needed, such as {example}, or a list of them"
            )


def spread(name: str, values: list, count: int) -> list:
    """Return `count` values from one or `count` of them.

    Raises:
        ValueError: there are neither one nor `count` values.
    """
    if len(values) not in (1, count):
        raise ValueError(f"{count} images, {len(values)} {name}: give one for all, or one for each")
    return values * count if len(values) == 1 else values
