"""Callbacks at the end of a sampling step, as in diffusers' pipelines."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from diffusers.callbacks import MultiPipelineCallbacks, PipelineCallback
from torch import Tensor

from omniedit.models.sampling import SamplerState

Callback = Callable[[Any, int, Tensor, dict[str, Tensor]], dict[str, Tensor] | None]
"""Function of pipeline, step, timestep and tensors; it may return tensors that replace the current ones."""
TENSORS = ("latents", "prompt_embeds", "pooled_prompt_embeds")
"""Tensors that a callback may read and change, by diffusers' names."""


@dataclass(frozen=True)
class StepCallback:
    """Callback of a call and the names of its tensors; diffusers' own callbacks declare theirs.

    Args:
        function: a `Callback`, one of diffusers' callbacks, or None.

    Raises:
        ValueError: a name is not one of `TENSORS`.
    """

    function: Any
    tensor_inputs: Sequence[str]

    def __post_init__(self) -> None:
        if unknown := set(self.names) - set(TENSORS):
            known = ", ".join(TENSORS)
            raise ValueError(f"callback_on_step_end_tensor_inputs: {min(unknown)!r} is not one of {known}")

    @property
    def names(self) -> Sequence[str]:
        own = isinstance(self.function, PipelineCallback | MultiPipelineCallbacks)
        return self.function.tensor_inputs if own else self.tensor_inputs

    def __call__(self, pipeline: Any, step: int, timestep: Tensor, state: SamplerState) -> None:
        """Call the callback and update the state with the returned tensors."""
        tensors = read_tensors(state)
        changed = self.function(pipeline, step, timestep, {name: tensors[name] for name in self.names})
        update_state(state, changed or {})


def read_tensors(state: SamplerState) -> dict[str, Tensor]:
    """Return the state's `TENSORS`; embeddings are those of negative prompts, then of instructions."""
    conditioning = state.conditioning
    embeds = (
        torch.cat([conditioning.negative, conditioning.prompt]),
        torch.cat([conditioning.negative_pooled, conditioning.pooled]),
    )
    return dict(zip(TENSORS, (state.latents, *embeds), strict=True))


def update_state(state: SamplerState, changed: Mapping[str, Tensor]) -> None:
    """Update the state with the tensors that a callback returned.

    Raises:
        ValueError: the number of embeddings does not match the number of images.
    """
    state.latents = changed.get("latents", state.latents)
    count = len(state.latents)
    for name, fields in (
        ("prompt_embeds", ("negative", "prompt")),
        ("pooled_prompt_embeds", ("negative_pooled", "pooled")),
    ):
        if name in changed:
            parts = changed[name].split(count)
            if len(changed[name]) not in (count, 2 * count):
                raise ValueError(
                    f"callback_on_step_end: returned {len(changed[name])} {name} for {count} images of one size"
                )
            state.conditioning = replace(state.conditioning, **dict(zip(fields[-len(parts) :], parts, strict=True)))
