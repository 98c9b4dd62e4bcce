"""Editors and their parts: architectures, bases, codec, text encoder, pipeline. Also the registry of pretrained models.

This package does not depend on data sets, training or judges. Public names load on first use, because the workflow
reads the model registry each time Snakemake parses it and needs no torch for that.
"""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from omniedit.lazy import load_on_first_use

if TYPE_CHECKING:
    from omniedit.models.factory import ARCHITECTURES, build, create

__all__ = ["ARCHITECTURES", "build", "create"]

_ACCELERATORS = ("nvidia*", "dri", "dxg", "kfd", "accel*", "davinci*")
if sys.platform == "linux" and not any(node for name in _ACCELERATORS for node in Path("/dev").glob(name)):
    # diffusers imports peft, which imports DeepSpeed, which warns on a machine without a GPU unless this is set.
    os.environ.setdefault("DS_ACCELERATOR", "cpu")


__getattr__, __dir__ = load_on_first_use(__name__, {"factory": __all__})
