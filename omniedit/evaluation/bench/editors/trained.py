"""Editors that this project trained, loaded from their folder."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL.Image import fromarray

from omniedit.config.section import SHIPPED
from omniedit.errors import one_line
from omniedit.evaluation.bench.editors.editor import BenchEditor, EditFailure, ItemRequest
from omniedit.evaluation.bench.editors.entries import TrainedEntry
from omniedit.evaluation.bench.editors.folder_identity import digest_weights
from omniedit.imaging.images import Image
from omniedit.models.adaptive_batches import OomAdaptiveBatcher
from omniedit.models.instruction_warnings import InstructionWarning
from omniedit.models.loading import load_editor
from omniedit.models.pipeline_conditions import call_arguments
from omniedit.models.shipped import FOLDER


class TrainedEditor(BenchEditor):
    """Editor run by `EditPipeline`, which scales images to the training size.

    Raises:
        UserError: the folder has no editor that can be loaded.
    """

    def __init__(self, entry: TrainedEntry, device: str = "") -> None:
        folder = None if entry.folder == SHIPPED else Path(entry.folder)
        self.entry, self.sizes = entry, entry.sizes
        self._pipeline = load_editor(folder, device)
        self._pipeline.set_progress_bar_config(disable=True)
        self.takes_references = self._pipeline.takes.references
        self._batches = OomAdaptiveBatcher(self.batch_size)
        self.version = f"{(folder or FOLDER).name}@{digest_weights(folder or FOLDER)}, {self._describe_sampling()}"

    def _describe_sampling(self) -> str:
        """Describe the sampling settings: the entry's, or the editor's defaults."""
        config, entry = self._pipeline.config, self.entry
        arguments = {
            "num_inference_steps": entry.steps,
            "guidance_scale": entry.guidance_text,
            "image_guidance_scale": entry.guidance_image,
        }
        return ", ".join(f"{name} {config[name] if value is None else value:g}" for name, value in arguments.items())

    def edit(self, requests: Sequence[ItemRequest]) -> list[Image | EditFailure]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", InstructionWarning)  # a progress bar would print a line per item
            return self._batches.map(self._edit_batch, requests)

    def _edit_batch(self, requests: Sequence[ItemRequest]) -> list[Image | EditFailure]:
        try:
            output = self._pipeline(
                image=[fromarray(request.source) for request in requests],
                instruction=[request.item.instruction for request in requests],
                num_inference_steps=self.entry.steps,
                guidance_scale=self.entry.guidance_text,
                image_guidance_scale=self.entry.guidance_image,
                generator=[torch.Generator().manual_seed(request.seed) for request in requests],
                **call_arguments(
                    self._pipeline.takes,
                    [request.references for request in requests],
                    [request.item.task for request in requests],
                    [find_captions(request) for request in requests],
                ),
            )
        except ValueError as error:
            if len(requests) > 1:
                return [self._edit_batch([request])[0] for request in requests]
            return [EditFailure(one_line(error, 300))]
        return [np.asarray(image.convert("RGB")) for image in output.images]


def find_captions(request: ItemRequest) -> list[str | None]:
    """Return the captions of a request's references; all are None if the set has no captions."""
    return list(request.item.extra.get("reference_captions") or [None] * len(request.references))
