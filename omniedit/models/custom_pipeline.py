"""File in an editor's folder by which `DiffusionPipeline.from_pretrained` finds the class of its pipeline."""

from pathlib import Path

NAME = "pipeline.py"
"""Name that diffusers looks for in the folder given as `custom_pipeline`."""
CODE = '''"""Class of this editor's pipeline, for diffusers; it needs the package omniedit.

>>> DiffusionPipeline.from_pretrained(folder, custom_pipeline=folder, trust_remote_code=True)
"""

from omniedit.models.pipeline import EditPipeline

__all__ = ["EditPipeline"]
'''


def write_custom_pipeline(folder: Path) -> None:
    (folder / NAME).write_text(CODE)
