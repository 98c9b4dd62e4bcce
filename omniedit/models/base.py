"""Base of an editor: a text-to-image model in the folder layout of its diffusers pipeline, one subfolder per part."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler

from omniedit.errors import UserError, one_line
from omniedit.models.bases.registry import adapter_class
from omniedit.models.codec import Vae
from omniedit.models.editor import Editor
from omniedit.models.folder import load_part, load_tokenizer, read_config
from omniedit.models.layouts import LAYOUTS, TRAINED_BASE, FolderLayout
from omniedit.models.pipeline import EditPipeline
from omniedit.models.pipeline_folder import INDEX
from omniedit.models.sampling import check_scheduler
from omniedit.models.text import Text
from omniedit.models.variance_preserving import PREDICTIONS as DIFFUSIONS
from omniedit.models.variance_preserving import SD15_SCHEDULE

PREDICTIONS = ("velocity", "sample")


@dataclass(frozen=True)
class Base:
    """Text-to-image model and its parts.

    Args:
        transformer: transformer of a class that has an adapter in `omniedit.models.bases`.
        prediction_type: output of the transformer: "velocity" (all published flows) or the clean "sample"; for a UNet
            "epsilon" or "v_prediction". UNets are sampled as flows too.
    """

    transformer: Any
    vae: Vae
    text: Text
    scheduler: FlowMatchEulerDiscreteScheduler
    prediction_type: str

    @classmethod
    def load(cls, folder: Path, dtype: torch.dtype = torch.float32) -> "Base":
        """Load a base from a local folder: the run's own, or a pipeline of `LAYOUTS`. The VAE stays in float32.

        Raises:
            UserError: the folder is missing or incomplete, holds a pipeline or class that is not supported, or has no
                safetensors.
        """
        index = read_config(folder / INDEX)
        layout = LAYOUTS.get(index["_class_name"]) if "_class_name" in index else TRAINED_BASE
        prediction = index.get("prediction_type", None if "_class_name" not in index else "velocity")
        if layout is None or prediction not in PREDICTIONS:
            class_name = index.get("_class_name", "model without a class")
            raise UserError(f"{folder}: is a {class_name}, but an editor needs a {' or '.join(LAYOUTS)}")
        if layout.is_diffusion:
            prediction, scheduler = read_diffusion(folder / "scheduler"), FlowMatchEulerDiscreteScheduler()
        else:
            scheduler = load_scheduler(folder / "scheduler")
        transformer_class = adapter_class(layout.transformer).transformer_class
        return cls(
            transformer=load_part(folder / layout.network, (transformer_class,), dtype),
            vae=load_part(folder / "vae", layout.vae, torch.float32),
            text=load_text(folder, dtype, layout),
            scheduler=scheduler,
            prediction_type=prediction,
        )

    def move_encoders(self, device: torch.device) -> None:
        """Move the VAE and the text encoders to a device."""
        for module in (self.vae, *self.text.encoders()):
            module.to(device)

    def save(self, folder: Path) -> None:
        text = self.text.to_half_precision().parts()
        for name, part in {
            "transformer": self.transformer,
            "vae": self.vae,
            "scheduler": self.scheduler,
            **text,
        }.items():
            part.save_pretrained(folder / name)
        (folder / INDEX).write_text(json.dumps({"prediction_type": self.prediction_type}) + "\n")

    def pipeline(self, editor: Editor, resolution: int, known_instructions: str = "") -> EditPipeline:
        """Return a pipeline of the editor and the base's other parts, ready to use or save."""
        return EditPipeline(
            transformer=editor,
            vae=self.vae,
            scheduler=self.scheduler,
            resolution=resolution,
            known_instructions=known_instructions,
            **self.text.to_half_precision().parts(),
        )


def load_text(folder: Path, dtype: torch.dtype, layout: FolderLayout) -> Text:
    """Load the text encoders of a base with their tokenizers."""
    parts: dict[str, Any] = {}
    for name, classes in layout.encoders.items():
        tokenizer = name.replace("text_encoder", "tokenizer")
        parts[name] = load_part(folder / name, classes, dtype, layout.others)
        parts[tokenizer] = load_tokenizer(folder / tokenizer)
    return Text(**parts)


def read_diffusion(folder: Path) -> str:
    """Return the prediction type of a variance-preserving diffusion network, from its scheduler's config.

    Raises:
        UserError: the prediction or the noise schedule is not one that SD1.5 or SD2 has.
    """
    config = read_config(folder / "scheduler_config.json")
    prediction = config.get("prediction_type", DIFFUSIONS[0])
    schedule = {key: config.get(key, value) for key, value in SD15_SCHEDULE.items()}
    if prediction not in DIFFUSIONS or schedule != SD15_SCHEDULE:
        expected = ", ".join(f"{key} {value}" for key, value in SD15_SCHEDULE.items())
        raise UserError(
            f"{folder}: has prediction_type {prediction} and the schedule {schedule}; "
            f"needed: {' or '.join(DIFFUSIONS)}, {expected}"
        )
    return prediction


def load_scheduler(folder: Path) -> FlowMatchEulerDiscreteScheduler:
    """Load the flow-matching scheduler of a folder.

    Raises:
        UserError: the scheduler is missing, of a different class, cannot be built or cannot sample a flow.
    """
    name = read_config(folder / "scheduler_config.json").get("_class_name")
    if name != FlowMatchEulerDiscreteScheduler.__name__:
        expected = FlowMatchEulerDiscreteScheduler.__name__
        raise UserError(f"{folder}: is a {name or 'scheduler without a class'}, expected {expected}")
    try:
        scheduler = FlowMatchEulerDiscreteScheduler.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"{folder}: no scheduler ({one_line(error, 200)}); fetch it again") from None
    try:
        check_scheduler(scheduler)
    except ValueError as error:
        raise UserError(f"{folder}: {error}") from None
    return scheduler
