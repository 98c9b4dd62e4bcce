"""A model or a part of it from a local folder in diffusers' layout: safetensors only, whole, of the class wanted."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import torch
from diffusers.models.modeling_utils import ModelMixin
from diffusers.pipelines.pipeline_utils import DiffusionPipeline
from torch import nn
from transformers import AutoProcessor, AutoTokenizer

from omniedit.errors import UserError
from omniedit.storage.atomic import LFS_POINTER, LFS_REMEDY

Pipeline = TypeVar("Pipeline", bound=DiffusionPipeline)
PICKLES = (".bin", ".pt", ".pth", ".ckpt")
WEIGHTS_NAME = re.compile(r"[^.]*(?:\.(?P<variant>[^.]+?))?(?:-\d{5}-of-\d{5})?\.safetensors")
"""A file of weights or a shard of them; a variant such as "fp16" stands before or after the shard's number."""
VOCABULARIES = (
    ("tokenizer.json",),
    ("vocab.txt",),
    ("vocab.json", "merges.txt"),
    ("spiece.model",),
    ("tokenizer.model",),
)
"""Files of a tokenizer, any of these together: without them transformers makes one that knows no word."""


def load_part(
    folder: Path,
    classes: Sequence[type[nn.Module]],
    dtype: torch.dtype,
    others: Mapping[str, type[nn.Module]] = MappingProxyType({}),
) -> Any:
    """A frozen module of a folder, of one of these classes of diffusers or transformers.

    Args:
        others: names of further classes, whose weights one of these takes its own from.

    Raises:
        UserError: the folder is missing, partial, of another class, or holds pickles only; no code of it is run.
    """
    kind = model_class(folder, {kind.__name__: kind for kind in classes} | dict(others))
    check_weights(folder)
    dtype_name = "torch_dtype" if issubclass(kind, ModelMixin) else "dtype"
    options = {"use_safetensors": True, "local_files_only": True, "output_loading_info": True, dtype_name: dtype}
    options["variant"] = part_variant(folder)
    try:
        module, info = kind.from_pretrained(folder, **options)  # type: ignore[attr-defined]
    except Exception as error:  # safetensors, torch and both libraries each have their own for broken weights
        raise UserError(f"{folder}: cannot be loaded ({' '.join(str(error).split())[:300]}); fetch it again") from None
    if lost := sorted(info["missing_keys"]):
        raise UserError(f"{folder}: has no weights for {lost[0]} ({len(lost)} in all lost); fetch it again")
    check_finite(module, folder)
    return module.eval().requires_grad_(False)


@torch.no_grad()
def check_finite(module: nn.Module, folder: Path) -> None:
    """
    Raises:
        UserError: a weight is not a number, or infinite: a training that went wrong, or a file that was damaged.
    """
    for name, weight in module.named_parameters():
        # Both ends in one pass: what is not a number is both of them.
        if weight.numel() and not torch.stack(torch.aminmax(weight)).isfinite().all():
            raise UserError(f"{folder}: {name} holds what is no finite number; fetch it again, or train it anew")


def load_pipeline(folder: Path, kind: type[Pipeline], dtype: torch.dtype, **options: Any) -> Pipeline:
    """Load a whole pipeline of diffusers; its weights are of a variant where the folder has that alone.

    Raises:
        UserError: the folder is missing, partial, not for this pipeline, or holds pickles only; no code of it is run.
    """
    index = read_config(folder / "model_index.json")
    parts = [folder / name for name in index if (folder / name / "config.json").is_file()]
    for part in parts:
        check_weights(part)
    check_vocabularies(folder)
    options |= {"use_safetensors": True, "local_files_only": True, "variant": pipeline_variant(folder)}
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


def load_tokenizer(folder: Path, kind: Any = AutoTokenizer) -> Any:
    """
    Args:
        kind: its class, where the folder's config does not name it.

    Raises:
        UserError: the folder has none, or not all of it; no code of the folder is run.
    """
    _check_vocabulary(folder)
    try:
        return kind.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # tokenizers raises this very class, transformers whatever comes of a file it trusts
        raise UserError(f"{folder}: no tokenizer ({_line(error)}); fetch it again") from None


def check_vocabularies(folder: Path) -> None:
    """
    Raises:
        UserError: a tokenizer among a pipeline's parts has no vocabulary.
    """
    for part in sorted(folder.glob("tokenizer*/")):
        _check_vocabulary(part)


def _check_vocabulary(folder: Path) -> None:
    if not any(all((folder / name).is_file() for name in names) for names in VOCABULARIES):
        known = " or ".join("+".join(names) for names in VOCABULARIES)
        raise UserError(f"{folder}: no tokenizer (no {known}), so no text could be read; fetch it again")


def load_processor(folder: Path, kind: Any = AutoProcessor) -> Any:
    """What prepares a model's inputs, from its folder; no code of the folder is run.

    Args:
        kind: its class, where the folder names another one.

    Raises:
        UserError: the folder has none, or its kind needs a package that is not installed.
    """
    try:
        return kind.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except ImportError as error:
        raise UserError(f"{folder}: its pictures are prepared by torchvision ({_line(error)}); install it") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{folder}: no processor ({_line(error)}); fetch it again") from None


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def model_class(folder: Path, by_name: Mapping[str, type[nn.Module]]) -> type[nn.Module]:
    """The class that a folder's config names."""
    config = read_config(folder / "config.json")
    architectures = config.get("architectures")
    name = config.get("_class_name") or (architectures[0] if isinstance(architectures, list) and architectures else "")
    if not isinstance(name, str) or name not in by_name:
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
    except NotADirectoryError:
        raise UserError(f"{path.parent}: a file, where a model's folder is needed") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: not JSON ({error}); fetch it again") from None
    if not isinstance(config, dict):
        raise UserError(f"{path}: no JSON object; fetch it again")
    return config


def check_weights(folder: Path) -> None:
    """
    Raises:
        UserError: a shard of the weights is missing or only a pointer, or there are pickles alone.
    """
    names = _shards(folder) or _safetensors(folder)
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
            raise UserError(f"{path}: {LFS_REMEDY}")


def pipeline_variant(folder: Path) -> str | None:
    """Return the variant by which a pipeline's folder is loaded: that of the first part that has no other weights."""
    return next(filter(None, map(part_variant, sorted(folder.glob("*/")))), None)


def part_variant(folder: Path) -> str | None:
    """Return the variant of a part's weights, such as "fp16"; None where it has weights of no variant, or none."""
    variants = [_file_variant(name) for name in _safetensors(folder)]
    return None if None in variants else next(iter(variants), None)


def _file_variant(name: str) -> str | None:
    match = WEIGHTS_NAME.fullmatch(name)
    return match["variant"] if match else None


def _safetensors(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.safetensors"))


def _shards(folder: Path) -> list[str]:
    """Files of weights that an index names, where there is one."""
    variant = part_variant(folder)
    ending = f".index.{variant}.json" if variant else ".index.json"
    index = next(iter(sorted(folder.glob(f"*.safetensors{ending}"))), None)
    if index is None:
        return []
    weight_map = read_config(index).get("weight_map")
    if not isinstance(weight_map, dict) or not all(isinstance(name, str) for name in weight_map.values()):
        raise UserError(f"{index}: its weight_map names no files; fetch it again")
    return sorted(set(weight_map.values()))
