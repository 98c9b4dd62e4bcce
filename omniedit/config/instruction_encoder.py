"""Section `train.instruction_encoder`: a multimodal language model that reads image and instruction (SmartEdit)."""

from typing import Literal, Self

from pydantic import Field, model_validator

from omniedit.config.section import Section
from omniedit.config.training_options import TrainerOptions


class InstructionEncoderConfig(Section):
    """Multimodal language model in place of the base's text encoders, aligned with them in a separate stage. Settings
    of that stage that are missing here are taken from `train`."""

    model: str | None = None
    """Role in config/models.yaml of a LLaVA or Qwen-VL, or the path of its folder, with a slash; null: the base's
    own text encoders."""
    interaction: Literal["both", "one_way", "none"] = "both"
    """Interaction of instruction and image features: `both` is the published one, the others are its ablation."""
    image_tokens: int = Field(32, ge=1, le=256)
    """Number of [IMG] tokens, whose hidden states encode the instruction."""
    image_side: int = Field(224, ge=28)
    """Side in pixels of the square image that the language model sees."""
    layers: int = Field(6, ge=1)
    """Layers of the QFormer."""
    heads: int = Field(8, ge=1)
    """Attention heads of the QFormer and of the interaction."""
    width: int = Field(768, ge=8)
    """Width of the QFormer's layers, a multiple of `heads`."""
    steps: int = Field(1000, ge=1)
    """Optimizer steps of the alignment with the base's text encoders."""
    batch_size: int = Field(16, ge=1)
    """Pairs per step of the alignment, over all ranks together."""
    learning_rate: float = Field(2e-4, gt=0, lt=1)
    """Peak learning rate of the alignment, as published."""
    questions: str | None = None
    """Folder of questions about images that `omniedit import llava` wrote, `results/{run}/vqa/{name}`; the language
    model answers them while it is trained with the editor. null: none."""
    questions_share: float = Field(0.25, gt=0, lt=1)
    """Share of questions among all rows of a batch; a quarter, for the published 1:1:1:1 with three kinds of pairs."""

    @property
    def folder(self) -> str | None:
        """Folder of the language model, if `model` is one."""
        return self.model if self.model is not None and "/" in self.model else None

    @property
    def role(self) -> str | None:
        """Role of the language model in config/models.yaml, if `model` is one."""
        return None if self.folder else self.model

    @model_validator(mode="after")
    def _check_reader(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is not a multiple of heads, {self.heads}")
        if self.questions is not None and self.model is None:
            raise ValueError("questions are for a language model; set model, or leave questions out")
        return self

    def alignment(self, train: TrainerOptions) -> TrainerOptions:
        """Return the options of the alignment's training, with the editor's values where this section sets none."""
        own = {"steps": self.steps, "batch_size": self.batch_size, "learning_rate": self.learning_rate}
        return train.extract(TrainerOptions, epochs=None, **own)
