"""Editors and what they are built from: architectures, bases, codec, text encoder, pipeline; which models a run needs.

Nothing here knows of data sets, training or judges. Public names load on first use: the workflow reads the registry of
models each time that it is parsed, and needs no torch for that.
"""

import os
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from omniedit.models.architectures import ARCHITECTURES, build

__all__ = ["ARCHITECTURES", "build"]

_ACCELERATORS = ("nvidia*", "dri", "dxg", "kfd", "accel*", "davinci*")
if sys.platform == "linux" and not any(node for name in _ACCELERATORS for node in Path("/dev").glob(name)):
    # diffusers imports peft, peft DeepSpeed, and DeepSpeed warns of a machine without a GPU unless it is told.
    os.environ.setdefault("DS_ACCELERATOR", "cpu")


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'omniedit.models' has no attribute {name!r}")
    return getattr(import_module("omniedit.models.architectures"), name)


def __dir__() -> list[str]:
    return __all__
