"""Small editor that ships with OmniEdit, and its base.

`benchmarks/ablation/ship.py` makes them; `shipped/README.md` is the model card. The text encoder is not included: it is
MiniLM, from its own package.
"""

import json
from pathlib import Path

import torch
from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler

from omniedit.errors import UserError
from omniedit.models.base import Base
from omniedit.models.codec import LappedCodec
from omniedit.models.editnet import EditNet
from omniedit.models.folder import load_part
from omniedit.models.pipeline import EditPipeline
from omniedit.models.text import load_minilm

FOLDER = Path(__file__).parent / "shipped"
SAMPLING = "sampling.json"
"""File with resolution, steps and guidance scales: arguments of `EditPipeline`."""


def load_shipped_base(dtype: torch.dtype = torch.float32) -> Base:
    """Load the shipped base.

    Raises:
        UserError: this checkout does not include it.
    """
    return _base(FOLDER, _network(FOLDER, dtype), dtype)


def load_shipped_editor(folder: Path | None = None) -> EditPipeline:
    """Load the shipped editor, or another one that `benchmarks/ablation/ship.py` wrote to a folder.

    Raises:
        UserError: this checkout does not include it.
    """
    folder = folder or FOLDER
    network = _network(folder, torch.float32)
    sampling = json.loads((folder / SAMPLING).read_text())
    base = _base(folder, network, torch.float32)
    parts = {"vae": base.vae, "scheduler": base.scheduler, **base.text.parts()}
    return EditPipeline(transformer=network, **parts, **sampling)


def _network(folder: Path, dtype: torch.dtype) -> EditNet:
    if not folder.is_dir():
        raise UserError(f"{folder}: no editor is here; make one with benchmarks/ablation/ship.py")
    return load_part(folder / "transformer", (EditNet,), dtype)


def _base(folder: Path, network: EditNet, dtype: torch.dtype) -> Base:
    text = load_minilm()
    text.text_encoder.to(dtype=dtype)
    return Base(
        transformer=network.base,
        vae=load_part(folder / "vae", (LappedCodec,), torch.float32),
        text=text,
        scheduler=FlowMatchEulerDiscreteScheduler.from_pretrained(folder / "scheduler"),
        prediction_type=network.config["prediction_type"],
    )
