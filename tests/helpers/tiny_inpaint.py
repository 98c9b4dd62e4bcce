"""Folder like those of scripts/train_inpainting.py, with tiny random weights, none of them zero."""

from pathlib import Path

import torch
from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler

from helpers.tiny_editor import RESOLUTION, TINY
from helpers.tiny_models import move_weights
from omniedit.models.codec import LappedCodec
from omniedit.models.inpaint_pipeline import InpaintPipeline
from omniedit.models.inpaintnet import InpaintNet
from omniedit.models.text import WIDTH, load_minilm
from omniedit.training.base.pretrain import small_sd3


def make_folder(folder: Path) -> Path:
    torch.manual_seed(0)
    InpaintPipeline(
        transformer=move_weights(InpaintNet.from_transformer(small_sd3(TINY, WIDTH), "sample")),
        vae=LappedCodec(),
        scheduler=FlowMatchEulerDiscreteScheduler(),
        resolution=RESOLUTION,
        **load_minilm().parts(),
    ).save_pretrained(folder)
    return folder
