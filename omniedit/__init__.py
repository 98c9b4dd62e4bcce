"""OmniEdit: instruction-based image editing, from source photos to a benchmarked editor.

Public names load on first use: `import omniedit` imports neither torch nor transformers.
"""

import gc
import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from omniedit import earlier_names

if "OMNIEDIT_JOB" in os.environ:
    gc.disable()  # `run_program` enables it after the imports of a job

__version__ = "0.1.0"
earlier_names.install()

if TYPE_CHECKING:
    from omniedit.models.pipeline import EditPipeline
    from omniedit.pairs import EditPair
    from omniedit.tasks import Task

_HOME = {
    "EditPair": "omniedit.pairs",
    "EditPipeline": "omniedit.models.pipeline",
    "Task": "omniedit.tasks",
}

__all__ = ["EditPair", "EditPipeline", "Task", "__version__"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'omniedit' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
