"""A model or a part of it from a local folder in diffusers' layout: safetensors only, whole, of the class wanted."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from diffusers.models.modeling_utils import ModelMixin
from diffusers.pipelines.pipeline_utils import DiffusionPipeline
from torch import nn
from transformers import AutoProcessor

from omniedit.errors import UserError

Pipeline = TypeVar("Pipeline", bound=DiffusionPipeline)
PICKLES = (".bin", ".pt", ".pth", ".ckpt")
LFS_POINTER = b"version https://git-lfs"


def load_part(folder: Path, classes: Sequence[type[nn.Module]], dtype: torch.dtype) -> Any:
    """A frozen module of a folder, of one of these classes of diffusers or transformers.

    Raises:
        UserError: the folder is missing, partial, of another class, or holds pickles only; no code of it is run.
    """
    kind = class_of(folder, classes)
    check_weights(folder)
    dtype_name = "torch_dtype" if issubclass(kind, ModelMixin) else "dtype"
    options = {"use_safetensors": True, "local_files_only": True, "output_loading_info": True, dtype_name: dtype}
    try:
        module, info = kind.from_pretrained(folder, **options)  # type: ignore[attr-defined]
    except Exception as error:  # safetensors, torch and both libraries each have their own for broken weights
        raise UserError(f"{folder}: cannot be loaded ({' '.join(str(error).split())[:300]}); fetch it again") from None
    if lost := sorted(info["missing_keys"]):
        raise UserError(f"{folder}: has no weights for {lost[0]} ({len(lost)} in all lost); fetch it again")
    return module.eval().requires_grad_(False)


def load_pipeline(folder: Path, kind: type[Pipeline], dtype: torch.dtype, **options: Any) -> Pipeline:
    """A whole pipeline of diffusers, with the weights in float16 where the folder has them so ("fp16") alone.

    Raises:
        UserError: the folder is missing, partial, not for this pipeline, or holds pickles only; no code of it is run.
    """
    index = read_config(folder / "model_index.json")
    parts = [folder / name for name in index if (folder / name / "config.json").is_file()]
    for part in parts:
        check_weights(part)
    halved = any(path for part in parts for path in part.glob("*.fp16.safetensors"))
    options |= {"use_safetensors": True, "local_files_only": True, "variant": "fp16" if halved else None}
    try:
        pipeline = kind.from_pretrained(folder, torch_dtype=dtype, **options)
    except Exception as error:  # safetensors, torch and both libraries each have their own for broken weights
        found = index.get("_class_name", "model of no class")
        problem = " ".join(str(error).split())[:300]
        raise UserError(f"{folder}: a {found} that cannot be loaded as {kind.__name__} ({problem})") from None
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def load_single_file(file: Path, configs: Path, kind: type[Pipeline], dtype: torch.dtype, **options: Any) -> Pipeline:
    """A whole pipeline whose weights are in one file, under the names of its authors' own code.

    Args:
        configs: folder in diffusers' layout of a model of the same parts: their configs and vocabularies.
        options: of diffusers' `from_single_file`; parts among them are taken as they are.

    Raises:
        UserError: the file is no such model or partial, or the folder has no configs; no network is asked.
    """
    read_config(configs / "model_index.json")
    _check_no_pointer(file)
    options |= {"config": str(configs), "local_files_only": True, "torch_dtype": dtype}
    loader: Any = kind  # not every pipeline has it
    try:
        pipeline = loader.from_single_file(str(file), **options)
    except Exception as error:  # safetensors, torch and diffusers each have their own for broken weights
        problem = " ".join(str(error).split())[:300]
        raise UserError(
            f"{file}: cannot be loaded as {kind.__name__} by the configs of {configs} ({problem})"
        ) from None
    networks = {name: part for name, part in pipeline.components.items() if isinstance(part, nn.Module)}
    lost = [f"{name}.{key}" for name, part in networks.items() for key, p in part.named_parameters() if p.is_meta]
    if lost:
        raise UserError(f"{file}: has no weights for {lost[0]} ({len(lost)} in all lost); fetch it again")
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def load_processor(folder: Path) -> Any:
    """What prepares a model's inputs, from its folder; no code of the folder is run.

    Raises:
        UserError: the folder has none, or its kind needs a package that is not installed.
    """
    try:
        return AutoProcessor.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except ImportError as error:
        raise UserError(f"{folder}: its pictures are prepared by torchvision ({_line(error)}); install it") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{folder}: no processor ({_line(error)}); fetch it again") from None


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def class_of(folder: Path, classes: Sequence[type[nn.Module]]) -> type[nn.Module]:
    """The class that a folder's config names."""
    config = read_config(folder / "config.json")
    name = config.get("_class_name") or (config.get("architectures") or [""])[0]
    by_name = {kind.__name__: kind for kind in classes}
    if name not in by_name:
        raise UserError(f"{folder}: a {name or 'model of no class'}; what can be used is {' or '.join(by_name)}")
    return by_name[name]


def read_config(path: Path) -> dict[str, Any]:
    """
    Raises:
        UserError: there is none, or it is no JSON object.
    """
    try:
        config = json.loads(path.read_text())
    except FileNotFoundError:
        remedy = "a gated model is fetched once its licence is accepted on its page: snakemake fetch_models"
        raise UserError(f"{path.parent}: no {path.name}, so no model in diffusers' layout; {remedy}") from None
    except ValueError as error:
        raise UserError(f"{path}: not JSON ({error}); fetch it again") from None
    if not isinstance(config, dict):
        raise UserError(f"{path}: no JSON object; fetch it again")
    return config


def check_weights(folder: Path) -> None:
    """
    Raises:
        UserError: a shard of the weights is missing or only a pointer, or there are pickles alone.
    """
    names = _shards(folder) or [path.name for path in folder.glob("*.safetensors")]
    if not names:
        pickles = sorted(path.name for path in folder.iterdir() if path.suffix in PICKLES)
        found = f"only {pickles[0]}, which could run code when it is read" if pickles else "no weights"
        raise UserError(f"{folder}: {found}; fetch its .safetensors")
    for name in names:
        if not (folder / name).is_file():
            raise UserError(f"{folder}: partial, it lacks {name} of {len(names)} files; fetch it again")
        _check_no_pointer(folder / name)


def _check_no_pointer(path: Path) -> None:
    with path.open("rb") as file:
        if file.read(len(LFS_POINTER)) == LFS_POINTER:
            raise UserError(f"{path}: a pointer of Git LFS, not the weights; run `git lfs pull` there")


def _shards(folder: Path) -> list[str]:
    """Files of weights that an index names, where there is one."""
    index = next(iter(sorted(folder.glob("*.safetensors.index.json"))), None)
    return sorted(set(read_config(index)["weight_map"].values())) if index else []
