"""Options that make a training fit a machine: low-rank adapters and a budget for activations."""

from typing import Literal, Self

from pydantic import Field, model_validator

from omniedit.config.section import Section


class LoraConfig(Section):
    """Low-rank adapters (LoRA, Hu et al. 2021) in place of training all weights of an editor's blocks."""

    rank: int = Field(0, ge=0)
    """Rank of the adapters of the blocks' linear layers; 0 trains without adapters."""
    alpha: float | None = Field(None, gt=0)
    """An adapter's output is scaled by alpha / rank; null: by 1."""
    dora: bool = False
    """Also train the norm of each output's weights (DoRA, Liu et al. 2024), which takes more time."""
    targets: Literal["base", "control", "both"] = "control"
    """Blocks that get adapters. With `control` the control blocks are frozen copies of the base's blocks, except for
    adapters and output projections. With `base` the base gets adapters, and all weights of the control
    branch are trained."""
    save: Literal["merged", "adapter"] = "merged"
    """What training writes: an editor with merged adapters that loads like any other, with the adapters in its folder
    `adapter`; or only the trained weights, which load over the base and are small."""

    @model_validator(mode="after")
    def _check_rank(self) -> Self:
        if not self.rank and (changed := list(self.model_dump(exclude={"rank"}, exclude_defaults=True))):
            raise ValueError(f"{changed[0]} is for adapters; set rank, for example to 64, or leave it out")
        return self


class FittingOptions(Section):
    """Options of an editor's training that trade compute or exactness for memory."""

    activation_budget_gb: float | None = Field(None, gt=0)
    """Budget in GB for activations on each GPU. The cost model chooses the smallest number of layers that must be
    recomputed in the backward pass to stay within it. It takes the place of `checkpoint_activations`; null: no
    budget."""
    lora: LoraConfig = LoraConfig()
