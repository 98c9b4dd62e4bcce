"""Options that the trainings of the editor, its base, the inpainting specialist and the student share.

Each class has the options of one part of a training. `omniedit.config.training` composes them into the section `train`.
"""

from typing import Literal, Self

from pydantic import Field, model_validator

from omniedit.config.section import MAX_RESOLUTION, Section


def check_parts(batch_size: int, accumulate: int, keys: tuple[str, str] = ("batch_size", "accumulate")) -> None:
    """Check that a batch has `accumulate` equal parts.

    Args:
        keys: names of both values in the message.

    Raises:
        ValueError: the batch size is not a multiple of `accumulate`.
    """
    if batch_size % accumulate:
        raise ValueError(f"{keys[0]} {batch_size} must be a multiple of {keys[1]} {accumulate}")


class StepOptions(Section):
    """Number and size of a training's steps."""

    steps: int = Field(200, ge=1)
    """Optimizer steps of EditNet; used if epochs is null."""
    epochs: float | None = Field(None, gt=0)
    """Passes over the training pairs; overrides steps."""
    batch_size: int = Field(16, ge=1)
    """Pairs per step, over all ranks together."""
    accumulate: int = Field(1, ge=1)
    """Number of micro-batches into which each rank splits its share of a batch. A larger number needs less memory and
    takes the same step."""
    learning_rate: float = Field(3e-3, gt=0, lt=1)
    """Peak learning rate of AdamW."""

    @model_validator(mode="after")
    def _check_batch_split(self) -> Self:
        check_parts(self.batch_size, self.accumulate)
        return self


class OptimizerOptions(Section):
    """AdamW, the shape of its learning rate and the EMA; each training has its own peak learning rate."""

    warmup_steps: int = Field(20, ge=0)
    """Steps over which the learning rate rises from 0."""
    lr_decay: Literal["cosine", "linear", "constant"] = "cosine"
    """Decay of the learning rate after the warm-up: to a twentieth of its peak at the last step, or none
    (`constant`)."""
    adam_beta2: float = Field(0.99, gt=0, lt=1)
    """Decay of AdamW's second moment: 0.99 for runs of some hundred steps, 0.999 for long ones."""
    ema_decay: float = Field(0.99, ge=0, lt=1)
    """Decay of the EMA weights, which are evaluated and saved."""


class RuntimeOptions(Section):
    """Memory, speed, checkpoints and logs of a training. Only `dtype` and `optimizer` change its weights by more than
    rounding.
    """

    zero_stage: Literal[0, 1, 2, 3] = 2
    """DeepSpeed ZeRO stage."""
    zero_offload: Literal["none", "optimizer", "all"] = "none"
    """Tensors that ZeRO keeps in the host's memory: none; the float32 weights, moments and EMA (`optimizer`, from stage
    1), so that AdamW runs on the CPU; or the network's weights too (`all`, stage 3 only)."""
    optimizer: Literal["adamw", "adamw8bit", "paged_adamw8bit"] = "adamw"
    """AdamW with float32 moments, or with 8-bit moments by the package bitsandbytes, in pages that move to the host
    when the GPU is full (`paged_adamw8bit`)."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Number format of the forward and backward pass. With bfloat16, AdamW also keeps float32 weights."""
    checkpoint_activations: Literal["none", "selective", "all"] = "none"
    """Layers whose activations are recomputed in the backward pass instead of kept: none, every other one, or all."""
    compile: bool = False
    """Compile each block with torch.compile, once for each of the seven ratios."""
    attention: Literal["sdpa", "xformers", "flash"] = "sdpa"
    """Attention kernel: torch's own, or that of the package xformers or flash-attn."""
    max_skipped: int = Field(10, ge=1)
    """Number of consecutive skipped steps that stops the job. A step is skipped if its loss or gradient is not finite,
    or if its gradient exceeds 50 times the median of the recent ones. A step whose pairs all have weight 0 is skipped
    too, but not counted."""
    checkpoint_every: int = Field(50, ge=1)
    """Steps between checkpoints; a killed job loses at most this many."""
    held_out_every: int = Field(50, ge=1)
    """Steps between evaluations of the held-out loss."""
    sample_every: int = Field(200, ge=1)
    """Steps between grids of edited held-out pairs for inspection; another grid follows the last step."""
    wandb: str | None = None
    """Weights & Biases project that also receives the metrics."""

    @model_validator(mode="after")
    def _check_options(self) -> Self:
        if self.compile and self.zero_stage == 3:
            raise ValueError("compile does not work with zero_stage 3, which gathers weights on demand; use 0, 1 or 2")
        if self.attention == "flash" and self.dtype != "bfloat16":
            raise ValueError("attention flash computes only in bfloat16; set dtype: bfloat16")
        if self.zero_offload == "optimizer" and self.zero_stage == 0:
            raise ValueError("zero_offload optimizer needs ZeRO; set zero_stage: 1, 2 or 3")
        if self.zero_offload == "all" and self.zero_stage != 3:
            raise ValueError(f"zero_offload all needs zero_stage 3, not {self.zero_stage}")
        if self.optimizer != "adamw" and self.zero_stage == 3:
            raise ValueError(f"optimizer {self.optimizer} does not work with zero_stage 3; use 0, 1 or 2")
        if self.optimizer != "adamw" and self.zero_offload != "none":
            raise ValueError(f"optimizer {self.optimizer} does not work with zero_offload; use adamw")
        return self


class TrainerOptions(RuntimeOptions, OptimizerOptions, StepOptions):
    """Options of `omniedit.training.trainer.Trainer`, the same for all networks."""


class FlowOptions(Section):
    """Image size and noise of a rectified-flow training."""

    resolution: int = Field(128, ge=32, le=MAX_RESOLUTION, multiple_of=16)
    """Training resolution: images of a bucket are scaled to about resolution^2 pixels at the bucket's ratio."""
    sigma_mean: float = 1.0
    """Mean of the logit of the noise level; values above 0 add more noise."""
    sigma_std: float = Field(1.0, gt=0)
    """Standard deviation of the logit of the noise level."""
    sigma_shift: float = Field(1.0, gt=0)
    """Shift of the noise levels towards noise, which larger images need (Esser et al. 2024, eq. 23): 3 at 1024 x 1024;
    1 leaves it unchanged."""


class SampleOptions(FlowOptions):
    """Weights, dropped conditions and noise of an editor's training samples."""

    importance: Literal["equal", "score", "soft"] = "equal"
    """Weight of an accepted pair in the loss: `equal` is 1 (with the filter, the paper's 0 and 1), `score` is O / 10,
    and `soft` is 1 / (1 + exp((soft_score - O) / soft_width)), for a filter.min_score below soft_score."""
    soft_score: float = Field(9.0, ge=0, le=10)
    """Score O at which a pair has half weight, if importance is `soft`."""
    soft_width: float = Field(0.5, gt=0)
    """Width of the transition, if importance is `soft`: a pair this far above soft_score has weight 0.73, and this far
    below 0.27."""
    text_dropout: float = Field(0.05, ge=0, le=1)
    """Share of samples without an instruction but with a condition image (InstructPix2Pix: 0.05)."""
    image_dropout: float = Field(0.05, ge=0, le=1)
    """Share of samples without a condition image but with an instruction."""
    both_dropout: float = Field(0.05, ge=0, le=1)
    """Share of samples with neither."""
    max_references: int = Field(4, ge=0, le=16)
    """Maximum number of reference images of a training sample, for editors that take references; if a pair has more,
    some are drawn at random."""
    reference_dropout: float = Field(0.05, ge=0, le=1)
    """Share of samples without their references but with an instruction. A sample without an instruction has no
    references either."""
    vary_references: bool = False
    """Draw the number of a training sample's references too, from 1 to `max_references`, so that the editor works with
    any number of demonstrations."""
    shuffle_references: bool = False
    """Give a training sample's references in random order, so that the editor does not depend on it."""
    caption_dropout: float = Field(0.1, ge=0, le=1)
    """Share of references without their caption, for editors that take captions."""
    task_dropout: float = Field(0.1, ge=0, le=1)
    """Share of samples with an instruction whose task is withheld, for editors that take tasks."""

    @model_validator(mode="after")
    def _check_dropouts(self) -> Self:
        if self.text_dropout + self.image_dropout + self.both_dropout > 1:
            raise ValueError("text_dropout + image_dropout + both_dropout must not exceed 1")
        return self
