"""Untrained editor of the real classes, as small as possible, with MiniLM as text encoder."""

from functools import cache

import torch
from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler

from omniedit import models
from omniedit.config.schema import TrainConfig
from omniedit.models.base import Base
from omniedit.models.codec import LappedCodec
from omniedit.models.pipeline import EditPipeline
from omniedit.models.text import WIDTH, Text, load_minilm
from omniedit.training.base.pretrain import small_sd3

RESOLUTION = 64
TINY = TrainConfig.model_validate({"resolution": RESOLUTION, "base": {"layers": 2, "heads": 2, "head_dim": 16}})


@cache
def minilm() -> Text:
    """Load MiniLM once for all pipelines of this process; each pipeline copies it."""
    return load_minilm()


def make_pipeline(architecture: str = "editnet") -> EditPipeline:
    torch.manual_seed(0)
    transformer = small_sd3(TINY, WIDTH)
    base = Base(transformer, LappedCodec(), minilm(), FlowMatchEulerDiscreteScheduler(), "sample")
    made = base.pipeline(models.build(architecture, transformer, "sample"), RESOLUTION)
    made.set_progress_bar_config(disable=True)
    return made
