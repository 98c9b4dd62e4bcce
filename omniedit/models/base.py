"""Base of an editor: a text-to-image model in the folder layout of diffusers' SD3, one subfolder per part."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.transformers.transformer_sd3 import SD3Transformer2DModel
from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler
from transformers import BertModel, CLIPTextModelWithProjection, T5EncoderModel

from omniedit.errors import UserError
from omniedit.models.codec import LappedCodec, Vae
from omniedit.models.editor import Editor
from omniedit.models.folder import load_part, load_tokenizer, read_config
from omniedit.models.pipeline import EditPipeline
from omniedit.models.sampling import check_scheduler
from omniedit.models.text import Text

INDEX = "model_index.json"
SD3 = "StableDiffusion3Pipeline"
PREDICTIONS = ("velocity", "sample")
TEXT_CLASSES = {
    "text_encoder": (BertModel, CLIPTextModelWithProjection),
    "text_encoder_2": (CLIPTextModelWithProjection,),
    "text_encoder_3": (T5EncoderModel,),
}


@dataclass(frozen=True)
class Base:
    """Text-to-image model and its parts.

    Args:
        prediction_type: output of the transformer, "velocity" (SD3) or the clean "sample".
    """

    transformer: SD3Transformer2DModel
    vae: Vae
    text: Text
    scheduler: FlowMatchEulerDiscreteScheduler
    prediction_type: str

    @classmethod
    def load(cls, folder: Path, dtype: torch.dtype = torch.float32) -> "Base":
        """Load a base from a local folder: the run's own, SD3-Medium, SD3.5 or similar. The VAE stays in float32.

        Raises:
            UserError: the folder is missing, incomplete, of another pipeline or class, or has no safetensors.
        """
        index = read_config(folder / INDEX)
        prediction = index.get("prediction_type", None if "_class_name" not in index else "velocity")
        if index.get("_class_name", SD3) != SD3 or prediction not in PREDICTIONS:
            raise UserError(f"{folder}: a {index.get('_class_name', 'model without a class')}; an editor needs a {SD3}")
        return cls(
            transformer=load_part(folder / "transformer", (SD3Transformer2DModel,), dtype),
            vae=load_part(folder / "vae", (LappedCodec, AutoencoderKL), torch.float32),
            text=load_text(folder, dtype, full="_class_name" in index),
            scheduler=load_scheduler(folder / "scheduler"),
            prediction_type=prediction,
        )

    def move_encoders(self, device: torch.device) -> None:
        """Move the VAE and the text encoders to a device."""
        for module in (self.vae, *self.text.encoders()):
            module.to(device)

    def save(self, folder: Path) -> None:
        text = self.text.to_ship().parts()
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
            **self.text.to_ship().parts(),
        )


def load_text(folder: Path, dtype: torch.dtype, full: bool) -> Text:
    """Load the text encoders of a base with their tokenizers.

    Args:
        full: load all three encoders of SD3, not MiniLM alone.
    """
    parts: dict[str, Any] = {}
    for name, classes in TEXT_CLASSES.items() if full else [("text_encoder", TEXT_CLASSES["text_encoder"])]:
        tokenizer = name.replace("text_encoder", "tokenizer")
        parts[name] = load_part(folder / name, classes, dtype)
        parts[tokenizer] = load_tokenizer(folder / tokenizer)
    return Text(**parts)


def load_scheduler(folder: Path) -> FlowMatchEulerDiscreteScheduler:
    """Load the flow-matching scheduler of a folder.

    Raises:
        UserError: the scheduler is missing, of another class, cannot be built or cannot sample a flow.
    """
    name = read_config(folder / "scheduler_config.json").get("_class_name")
    if name != FlowMatchEulerDiscreteScheduler.__name__:
        wanted = FlowMatchEulerDiscreteScheduler.__name__
        raise UserError(f"{folder}: a {name or 'scheduler without a class'}; expected {wanted}")
    try:
        scheduler = FlowMatchEulerDiscreteScheduler.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"{folder}: no scheduler ({' '.join(str(error).split())[:200]}); fetch it again") from None
    try:
        check_scheduler(scheduler)
    except ValueError as error:
        raise UserError(f"{folder}: {error}") from None
    return scheduler
