"""Sections `buckets`, `train` and `inpainting`: pairs to train on, and trainings of editor, base and inpainting."""

from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, model_validator

from omniedit.architectures import ARCHITECTURES
from omniedit.config.fitting import FittingOptions
from omniedit.config.instruction_encoder import InstructionEncoderConfig
from omniedit.config.section import MAX_RESOLUTION, SHIPPED, Section
from omniedit.config.training_options import FlowOptions, OptimizerOptions, SampleOptions, TrainerOptions

if TYPE_CHECKING:
    ArchitectureName = str
else:
    ArchitectureName = Literal[tuple(ARCHITECTURES)]


class BucketsConfig(Section):
    base_size: int = Field(1024, ge=64, le=MAX_RESOLUTION, multiple_of=16)
    """Size of a bucket's images: at least base_size^2 pixels, at one of the seven ratios."""
    pairs_per_zarr_shard: int = Field(4, ge=1)
    """Pairs per Zarr shard, the unit of writing."""
    parts: int = Field(2, ge=1, le=100_000)
    """Number of parallel jobs that write the buckets."""
    codec: Literal["zstd", "filtered", "jpeg"] = "zstd"
    """Codec of the stored images. `zstd` is lossless, and every reader of Zarr decodes it; `filtered` is lossless at
    half the size; `jpeg` is visually lossless at a fifth. docs/benchmarks.md has sizes and speeds."""
    max_pairs: int | None = Field(None, ge=1)
    """Maximum number of pairs to store and train on, drawn by a hash of their ids; null: all accepted pairs. Runs with
    and without a filter can then train on the same number of pairs, as in the paper's Table 6."""
    grow: bool = False
    """Append new pairs to the buckets of an earlier run, if all earlier pairs are still accepted. Earlier pairs keep
    their places, and unchanged Zarr shards are not written again. The order of the pairs then depends on the earlier
    runs."""


class BaseConfig(Section):
    """Base that editors build on: a trained one, or a small SD3 that the run pre-trains on its photos."""

    model: str | None = None
    """Trained base: `shipped`, the small one in the package, or a role in config/models.yaml. With null the run
    pre-trains a base on its own photos; the other keys of `train.base` apply only then, except `quantize`."""
    layers: int = Field(4, ge=1)
    """Number of joint transformer blocks."""
    heads: int = Field(4, ge=1)
    """Number of attention heads."""
    head_dim: int = Field(32, ge=8, multiple_of=8)
    """Width of a head; the model's width is heads x head_dim."""
    patch_size: int = Field(2, ge=1, le=2)
    """Side of an image token in latent pixels."""
    prediction: Literal["velocity", "sample"] = "sample"
    """Prediction of the base: the velocity, as in SD3, or the clean sample, which a narrow base learns faster."""
    steps: int = Field(240, ge=0)
    """Pre-training steps."""
    batch_size: int = Field(16, ge=1)
    """Images per pre-training step."""
    learning_rate: float = Field(2e-3, gt=0, lt=1)
    """Peak learning rate of pre-training."""
    quantize: Literal["int8", "nf4"] | None = None
    """Format of the frozen linear layers' weights in training: 8 bits (`int8`) or 4 bits (`nf4`) by the package
    bitsandbytes; null: as in `train.dtype`. The saved editor has the base's own weights."""

    @model_validator(mode="after")
    def _check_trained_base(self) -> Self:
        changed = list(self.model_dump(exclude={"model", "quantize"}, exclude_defaults=True))
        if self.model is not None and changed:
            raise ValueError(f"{changed[0]} is for a base that the run pre-trains; set model: null with it")
        return self


class PretrainingOptions(OptimizerOptions, FlowOptions):
    """Options of the pre-training of a base; its steps are set in `train.base`."""

    base: BaseConfig = BaseConfig()


class ArchitectureOptions(Section):
    """Editors to train."""

    model: ArchitectureName = "editnet"
    """Architecture of the editor; each `editnet_*` is EditNet with one open design choice made differently
    (docs/training.md)."""
    ablations: list[ArchitectureName] = Field([])
    """Additional architectures to train and benchmark on the same base, pairs and steps (the paper's Table 7)."""

    @property
    def editors(self) -> tuple[ArchitectureName, ...]:
        """Architectures to train, the run's own editor first."""
        return (self.model, *self.ablations)

    @model_validator(mode="after")
    def _check_editors(self) -> Self:
        if len(set(self.editors)) < len(self.editors):
            raise ValueError(f"ablations {self.ablations} must differ from each other and from model {self.model}")
        return self


class TrainConfig(FittingOptions, PretrainingOptions, SampleOptions, TrainerOptions, ArchitectureOptions):
    held_out: float = Field(0.1, ge=0, lt=1)
    """Share of accepted pairs held out from training; the held-out loss is computed on them."""
    encode_once: bool = False
    """Encode images and instructions once, in parallel jobs, instead of at each step. At 1024 x 1024 in bfloat16, a
    pair takes 2 MB of disk and, with SD3's encoders, each of its instructions 2.7 MB."""
    instruction_encoder: InstructionEncoderConfig = InstructionEncoderConfig()

    @model_validator(mode="after")
    def _check_editors_fit_base(self) -> Self:
        over_unet = [name for name in self.editors if ARCHITECTURES[name].over_unet]
        if over_unet and self.base.model in (None, SHIPPED):
            raise ValueError(f"{over_unet[0]} needs base.model: a role with a folder of SD1.5 or InstructPix2Pix")
        if 0 < len(over_unet) < len(self.editors):
            raise ValueError(f"{over_unet[0]} is built on a UNet, the others are not; train them in separate runs")
        return self

    @model_validator(mode="after")
    def _check_language_model(self) -> Self:
        if self.instruction_encoder.model is not None and self.encode_once:
            raise ValueError("encode_once stores no images, but instruction_encoder.model reads them; set it to false")
        return self

    @model_validator(mode="after")
    def _check_fitting_options(self) -> Self:
        if self.base.quantize and self.zero_stage == 3:
            raise ValueError("base.quantize does not work with zero_stage 3, which splits weights; use 0, 1 or 2")
        if self.activation_budget_gb is not None and self.checkpoint_activations != "none":
            raise ValueError("activation_budget_gb takes the place of checkpoint_activations; set one of them")
        plain = [name for name in self.editors if not ARCHITECTURES[name].control_branch]
        if self.lora.rank and self.lora.targets != "base" and plain:
            raise ValueError(f"lora.targets: {plain[0]} has no control branch; set targets: base")
        return self

    @property
    def fetched_base(self) -> str | None:
        """Role of config/models.yaml of the base; None if the base ships with the package or is trained in the run."""
        return None if self.base.model == SHIPPED else self.base.model


class HolesConfig(Section):
    """Shares of the kinds of holes that the inpainting specialist is trained on; they need not add up to 1."""

    random: float = Field(0.4, ge=0)
    """Share of holes that are strokes of a broad brush."""
    box: float = Field(0.2, ge=0)
    """Share of holes that are boxes."""
    object: float = Field(0.4, ge=0)
    """Share of holes that are outlines of the photo's objects, or everything but the object; boxes if the photo has no
    object."""

    @model_validator(mode="after")
    def _check_hole_kinds(self) -> Self:
        if not self.random + self.box + self.object:
            raise ValueError("at least one of random, box and object must be greater than 0")
        return self


class InpaintingOptions(TrainerOptions, FlowOptions):
    """Options of the inpainting specialist's training. Captions are dropped at the rates of editors' instructions."""

    held_out: float
    text_dropout: float
    both_dropout: float


class InpaintingConfig(Section):
    """Inpainting specialist that the run trains if `learned.inpainting` is `own`: a branch over `train.base` at
    `train.resolution`. Settings that are missing here are taken from `train`.
    """

    shards: int | None = Field(None, ge=1)
    """Number of shards, counted from the first, whose photos the specialist is trained on; null: all shards."""
    steps: int = Field(200, ge=1)
    """Optimizer steps."""
    batch_size: int = Field(16, ge=1)
    """Photos per step, over all ranks together."""
    learning_rate: float = Field(3e-3, gt=0, lt=1)
    """Peak learning rate of AdamW."""
    holes: HolesConfig = HolesConfig()

    def training(self, train: TrainConfig) -> InpaintingOptions:
        """Return the options of its training, with the editor's values where this section sets none."""
        return train.extract(InpaintingOptions, epochs=None, **self.model_dump(exclude={"shards", "holes"}))
