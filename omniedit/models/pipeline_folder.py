"""Load pipelines from local folders in diffusers' layout, or from a single file of weights together with the configs of
such a folder."""

from collections.abc import Collection
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import nn

from omniedit.architectures import INDEX
from omniedit.errors import UserError, one_line
from omniedit.models.folder import (
    check_no_pointer,
    check_vocabularies,
    check_weights,
    file_variant,
    find_safetensors,
    load_checked,
    part_variant,
    pipeline_variant,
    read_config,
)
from omniedit.models.weights import check_names

if TYPE_CHECKING:  # importing diffusers takes seconds
    from diffusers.pipelines.pipeline_utils import DiffusionPipeline

Pipeline = TypeVar("Pipeline", bound="DiffusionPipeline")


def load_pipeline(folder: Path, kind: type[Pipeline], dtype: torch.dtype, **options: Any) -> Pipeline:
    """Load a diffusers pipeline. If the folder has the weights only in a variant, such as fp16, that variant is loaded.

    No code from the folder runs.

    Raises:
        UserError: the folder is missing, incomplete or not for this pipeline, or has only pickles.
    """
    index = read_config(folder / INDEX)
    parts = [folder / name for name in index if (folder / name / "config.json").is_file()]
    for part in parts:
        check_weights(part)
    check_vocabularies(folder)
    check_parts(folder, options)
    options |= {"use_safetensors": True, "local_files_only": True, "variant": pipeline_variant(folder)}
    try:
        pipeline = kind.from_pretrained(folder, torch_dtype=dtype, **options)
    except Exception as error:  # each library raises its own errors for broken weights
        class_name = index.get("_class_name", "model without a class")
        problem = one_line(error, 300)
        raise UserError(
            f"{folder}: its pipeline ({class_name}) cannot be loaded as {kind.__name__} ({problem})"
        ) from None
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def load_single_file(file: Path, configs: Path, kind: type[Pipeline], dtype: torch.dtype, **options: Any) -> Pipeline:
    """Load a pipeline whose weights are in one file, with the key names of its authors' code. Uses no network.

    Args:
        configs: folder in diffusers' layout with the configs and vocabularies of a model with the same parts.
        options: arguments of diffusers' `from_single_file`; parts given here are used unchanged.

    Raises:
        UserError: the file is incomplete or of another model, or the folder has no configs.
    """
    read_config(configs / INDEX)
    check_no_pointer(file)
    options |= {"config": str(configs), "local_files_only": True, "torch_dtype": dtype}
    loader: Any = kind  # not every pipeline class has from_single_file
    try:
        pipeline = loader.from_single_file(str(file), **options)
    except Exception as error:  # safetensors, torch and diffusers raise different errors for broken weights
        problem = one_line(error, 300)
        raise UserError(
            f"{file}: cannot be loaded as {kind.__name__} with the configs of {configs} ({problem})"
        ) from None
    check_complete(file, pipeline)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def check_complete(file: Path, pipeline: "DiffusionPipeline") -> None:
    """Check that a pipeline from one file has all weights. diffusers only warns, and leaves missing weights without
    values.

    Unknown weights are allowed, because such files also hold other tensors, for example noise levels and EMA weights.

    Raises:
        UserError: weights are missing; the message names the first one.
    """
    networks = {name: part for name, part in pipeline.components.items() if isinstance(part, nn.Module)}
    missing = [f"{name}.{key}" for name, part in networks.items() for key, p in part.named_parameters() if p.is_meta]
    check_names(file, missing, (), (), type(pipeline).__name__)


def check_parts(
    folder: Path, given: Collection[str] = (), variant: str | None = None, left_out: str | None = None
) -> None:
    """Check that the networks of a pipeline's folder have exactly the weights of their classes, without reading them.

    Args:
        given: names of parts that the caller does not load from the folder.
        variant: variant to load for parts that have it. Other parts are loaded without a variant, or in their only one.
        left_out: as for `load_part`.

    Raises:
        UserError: a part is incomplete, or its weights differ from those of its class.
    """
    for name, entry in read_config(folder / INDEX).items():
        part, kind = folder / name, _network_class(entry)
        if kind is None or name in given or not find_safetensors(part):
            continue
        check_weights(part)
        chosen = variant if variant in map(file_variant, find_safetensors(part)) else part_variant(part)
        load_checked(kind, part, left_out, use_safetensors=True, variant=chosen, device_map="meta")


def _network_class(entry: Any) -> type[nn.Module] | None:
    """Return the class that a pipeline's index names by library and class; None if it is not a network of diffusers or
    transformers.
    """
    if not (isinstance(entry, list) and len(entry) == 2 and all(isinstance(name, str) for name in entry)):
        return None
    library, name = entry
    if library not in ("diffusers", "transformers") and not library.startswith("omniedit.models."):
        return None
    try:
        kind = getattr(import_module(library), name, None)
    except ImportError:
        return None
    return kind if isinstance(kind, type) and issubclass(kind, nn.Module) else None
