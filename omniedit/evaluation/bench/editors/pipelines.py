"""Pipelines of diffusers as editors, described by an entry of config/editors.yaml."""

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import torch
from diffusers.pipelines.pipeline_utils import DiffusionPipeline
from diffusers.schedulers.scheduling_utils import SchedulerMixin

from omniedit.errors import UserError, one_line
from omniedit.evaluation.bench.editors.editor import BenchEditor, EditFailure, FailureKind, ItemRequest
from omniedit.evaluation.bench.editors.entries import DiffusersEntry
from omniedit.evaluation.bench.editors.folder_identity import digest_weights
from omniedit.evaluation.bench.editors.pipeline_calls import METHODS
from omniedit.imaging.images import Image
from omniedit.models.adaptive_batches import OomAdaptiveBatcher, map_by_size
from omniedit.models.folder import ANY_NAME
from omniedit.models.loading import choose_device
from omniedit.models.pipeline_folder import INDEX, check_complete, check_parts
from omniedit.storage.manifest import digest_file


class Pipeline(BenchEditor):
    """Editor that is a pipeline of diffusers.

    Raises:
        UserError: the installed diffusers has no such class, or the weights cannot be loaded.
    """

    def __init__(self, entry: DiffusersEntry, device: str = "", pipeline: Any = None) -> None:
        self.entry, self.sizes, self.batch_size = entry, entry.sizes, entry.batch_size
        place = choose_device(device)
        self._pipeline, self.version = (pipeline, "given") if pipeline else load(entry, place)
        self.takes_references = entry.takes_references
        self._pipeline.set_progress_bar_config(disable=True)
        self._batches = OomAdaptiveBatcher(entry.batch_size)
        self._call = METHODS[entry.method]

    def edit(self, requests: Sequence[ItemRequest]) -> list[Image | EditFailure]:
        """Edit the requests, those of equal size together; the noise of each depends only on its own seed."""
        results: list[Image | EditFailure | None] = [self._reject(request) for request in requests]
        todo = [request for request, result in zip(requests, results, strict=True) if result is None]
        edit = partial(self._batches.map, self._edit_batch)
        edited = iter(map_by_size(edit, todo, lambda request: request.source.shape))
        return [next(edited) if result is None else result for result in results]

    def _reject(self, request: ItemRequest) -> EditFailure | None:
        """Return why the pipeline cannot take a request, or None."""
        captions = request.item.captions
        if self.entry.text == "target_caption" and not captions.edited:
            return EditFailure("the editor needs a caption of the requested result, but the item has none")
        if self.entry.method == "diffedit" and not captions.source:
            return EditFailure("the editor needs a caption of the source, but the item has none")
        return None

    @torch.no_grad()
    def _edit_batch(self, requests: Sequence[ItemRequest]) -> list[Image | EditFailure]:
        try:
            output = self._call(self._pipeline, self.entry, requests)
        except torch.OutOfMemoryError:
            raise
        except Exception as error:  # pipelines raise errors of any type for a size or a text that they cannot take
            if len(requests) > 1:
                return [self._edit_batch([request])[0] for request in requests]
            return [EditFailure(one_line(error, 300))]
        unsafe = getattr(output, "nsfw_content_detected", None) or [False] * len(requests)
        return [_to_image(image, bool(flag)) for image, flag in zip(output.images, unsafe, strict=True)]


def _to_image(image: Any, unsafe: bool) -> Image | EditFailure:
    if unsafe:
        return EditFailure("the pipeline's safety checker withholds the image", FailureKind.REFUSAL)
    return np.asarray(image.convert("RGB"))


def pipeline_class(name: str) -> type[DiffusionPipeline]:
    """Return a class of the installed diffusers.

    Raises:
        UserError: it has no such pipeline.
    """
    pipeline = getattr(diffusers, name, None)
    if not (isinstance(pipeline, type) and issubclass(pipeline, DiffusionPipeline)):
        raise UserError(
            f"class: diffusers {diffusers.__version__} has no pipeline {name}; run the editor in its own environment "
            "by an entry of kind command, or give a folder of its outputs"
        )
    return pipeline


def load(entry: DiffusersEntry, device: torch.device) -> tuple[Any, str]:
    """Load a pipeline onto a device, in float32 on the CPU; return it with a text that identifies it.

    Raises:
        UserError: the class is unknown, or the weights cannot be loaded.
    """
    kind = pipeline_class(entry.class_name)
    dtype = torch.float32 if device.type == "cpu" else getattr(torch, entry.dtype)
    options: dict[str, Any] = {"torch_dtype": dtype, **entry.load}
    place = entry.folder or entry.repository
    try:
        folder = Path(entry.folder) if entry.folder else _download(kind, entry)
        if folder.is_file():
            pipeline = kind.from_single_file(str(folder), **options)  # type: ignore[attr-defined]
            check_complete(folder, pipeline)
        else:
            if (folder / INDEX).is_file():
                check_parts(folder, options, entry.variant, ANY_NAME)  # diffusers ignores unknown weights too
            safe = {"use_safetensors": True, "local_files_only": True, "variant": entry.variant}
            pipeline = kind.from_pretrained(folder, **safe, **options)
    except (OSError, ValueError, TypeError, RuntimeError, AttributeError) as error:
        raise UserError(f"{place}: cannot be loaded as {entry.class_name} ({one_line(error, 300)})") from None
    _replace_schedulers(pipeline, entry)
    if entry.offload and device.type == "cuda":
        pipeline.enable_model_cpu_offload(device=device)
    else:
        pipeline.to(device)
    return pipeline, _version(entry, folder, dtype)


def _download(kind: type[DiffusionPipeline], entry: DiffusersEntry) -> Path:
    """Return the folder or the single file of a repository in the hub's cache; missing files are downloaded."""
    if entry.single_file:
        from huggingface_hub import hf_hub_download

        return Path(hf_hub_download(str(entry.repository), entry.single_file, revision=entry.revision))
    options = {"revision": entry.revision, "variant": entry.variant, "use_safetensors": True}
    return Path(kind.download(str(entry.repository), **options))


def _version(entry: DiffusersEntry, folder: Path, dtype: torch.dtype) -> str:
    """Return a text with repository and commit, or the folder and the digest of its weights, and all other settings
    that decide the outputs.

    The hub's cache names the folder of a repository by its commit, so the commit is known even if none is pinned.
    """
    if entry.repository:
        parts = folder.parts
        weights = (
            f"{entry.repository}@{parts[parts.index('snapshots') + 1] if 'snapshots' in parts else entry.revision}"
        )
    else:
        weights = f"{folder.name}@{digest_file(folder)[:12] if folder.is_file() else digest_weights(folder)}"
    decides = {"class_name", "load", "schedulers", "method", "image", "prompt", "text", "prompt_template", "arguments"}
    decides |= {"mask_arguments", "invert_arguments", "wants_list", "takes_references", "wants_size", "wants_generator"}
    options = entry.model_dump(include=decides, exclude_defaults=True)
    name = str(dtype).removeprefix("torch.")
    return f"{weights}, {name}, diffusers {diffusers.__version__}, {json.dumps(options, sort_keys=True)}"


def _replace_schedulers(pipeline: Any, entry: DiffusersEntry) -> None:
    """Replace the schedulers that the entry names: `class` and its arguments; `from_config: true` keeps the others.

    Raises:
        UserError: the installed diffusers has no such scheduler, or it does not take the arguments.
    """
    for part, settings in entry.schedulers.items():
        options = dict(settings)
        name, keeps = str(options.pop("class", "")), bool(options.pop("from_config", False))
        scheduler = getattr(diffusers, name, None)
        if not (isinstance(scheduler, type) and issubclass(scheduler, SchedulerMixin)):
            raise UserError(f"schedulers.{part}: diffusers {diffusers.__version__} has no {name or 'class given'}")
        kind: Any = scheduler
        try:
            made = kind.from_config(pipeline.scheduler.config, **options) if keeps else kind(**options)
        except TypeError as error:
            raise UserError(f"schedulers.{part}: {error}") from None
        pipeline.register_modules(**{part: made})
