"""What an editor stands on: a folder in the layout of diffusers' SD3, a subfolder for each part."""

import copy
import json
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers.models.transformers.transformer_sd3 import SD3Transformer2DModel
from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler
from transformers import BertModel, BertTokenizer

from omniedit.errors import UserError
from omniedit.models.codec import DctCodec, Vae
from omniedit.models.editor import Editor
from omniedit.models.pipeline import EditPipeline

PARTS = ("transformer", "vae", "text_encoder", "tokenizer", "scheduler")
INDEX = "model_index.json"


@dataclass(frozen=True)
class Base:
    """A text-to-image model and its parts.

    Args:
        prediction_type: what the transformer gives, "velocity" (SD3) or the clean "sample".
    """

    transformer: SD3Transformer2DModel
    vae: Vae
    text_encoder: BertModel
    tokenizer: BertTokenizer
    scheduler: FlowMatchEulerDiscreteScheduler
    prediction_type: str

    @classmethod
    def load(cls, folder: Path) -> "Base":
        """
        Raises:
            UserError: the folder lacks a part.
        """
        missing = [part for part in PARTS if not (folder / part).is_dir()]
        if missing:
            raise UserError(f"{folder}: no base, it lacks {', '.join(missing)}; scripts/pretrain_base.py makes one")
        return cls(
            transformer=SD3Transformer2DModel.from_pretrained(folder / "transformer"),
            vae=DctCodec.from_pretrained(folder / "vae"),
            text_encoder=BertModel.from_pretrained(folder / "text_encoder", dtype=torch.float32),
            tokenizer=BertTokenizer.from_pretrained(folder / "tokenizer"),
            scheduler=FlowMatchEulerDiscreteScheduler.from_pretrained(folder / "scheduler"),
            prediction_type=json.loads((folder / INDEX).read_text()).get("prediction_type", "velocity"),
        )

    def save(self, folder: Path) -> None:
        for part in PARTS:
            saved = copy.deepcopy(self.text_encoder).half() if part == "text_encoder" else getattr(self, part)
            saved.save_pretrained(folder / part)
        (folder / INDEX).write_text(json.dumps({"prediction_type": self.prediction_type}) + "\n")

    def pipeline(self, editor: Editor, resolution: int) -> EditPipeline:
        """The editor with the base's other parts, ready to be used or saved."""
        return EditPipeline(
            transformer=editor,
            vae=self.vae,
            text_encoder=copy.deepcopy(self.text_encoder).half(),
            tokenizer=self.tokenizer,
            scheduler=self.scheduler,
            resolution=resolution,
        )
