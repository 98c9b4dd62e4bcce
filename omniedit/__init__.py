"""OmniEdit: instruction-based image editing, from source photos to a benchmarked editor.

Public names load on first use: `import omniedit` imports neither torch nor transformers.
"""

import gc
import os
from typing import TYPE_CHECKING

from omniedit import earlier_names
from omniedit.lazy import load_on_first_use

if "OMNIEDIT_JOB" in os.environ:
    gc.disable()  # `run_program` enables it after the imports of a job

__version__ = "0.1.0"
earlier_names.install()

if TYPE_CHECKING:
    from omniedit.models.pipeline import EditPipeline
    from omniedit.pairs import EditPair
    from omniedit.tasks import Task

__all__ = ["EditPair", "EditPipeline", "Task", "__version__"]


__getattr__, __dir__ = load_on_first_use(
    __name__, {"models.pipeline": ("EditPipeline",), "pairs": ("EditPair",), "tasks": ("Task",)}
)
