"""Load networks, tokenizers and processors from local folders in diffusers' layout.

Only safetensors are read. Each folder is checked to be complete and of the expected class.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch import nn
from transformers import AutoProcessor, AutoTokenizer, PreTrainedModel

from omniedit.errors import UserError, one_line
from omniedit.models.weights import load_network
from omniedit.storage.atomic import LFS_POINTER, LFS_REMEDY

ANY_NAME = ""
"""Pattern of all names."""
PICKLES = (".bin", ".pt", ".pth", ".ckpt")
WEIGHTS_NAME = re.compile(r"[^.]*(?:\.(?P<variant>[^.]+?))?(?:-\d{5}-of-\d{5})?\.safetensors")
"""Name of a weights file or a shard of one; a variant such as "fp16" comes before or after the shard number."""
VOCABULARIES = (
    ("tokenizer.json",),
    ("vocab.txt",),
    ("vocab.json", "merges.txt"),
    ("spiece.model",),
    ("tokenizer.model",),
)
"""Sets of vocabulary files, of which a tokenizer needs one. Without it transformers builds an empty tokenizer."""


def load_part(
    folder: Path,
    classes: Sequence[type[nn.Module]],
    dtype: torch.dtype,
    others: Mapping[str, type[nn.Module]] = MappingProxyType({}),
    left_out: str | None = None,
    **options: Any,
) -> Any:
    """Load a frozen module from a folder; no code from the folder runs.

    Args:
        classes: accepted classes of diffusers or transformers.
        others: further accepted class names, each with the class that loads the needed part of those weights.
        left_out: pattern of names of weights in the files that the class ignores by design; None if there are none.
        options: further arguments of `from_pretrained`.

    Raises:
        UserError: the folder is missing, has another class or only pickles, or its weights do not match the class.
    """
    kind = model_class(folder, {kind.__name__: kind for kind in classes} | dict(others))
    check_weights(folder)
    dtype_name = "dtype" if issubclass(kind, PreTrainedModel) else "torch_dtype"
    options |= {"use_safetensors": True, dtype_name: dtype, "variant": part_variant(folder)}
    module = load_checked(kind, folder, left_out if kind in classes else ANY_NAME, **options)
    check_finite(module, folder)
    return module.eval().requires_grad_(False)


def load_checked(kind: Any, folder: Path, left_out: str | None, **options: Any) -> Any:
    """Load a network as `load_network`, with a one-line error for files that cannot be read.

    Raises:
        UserError: the weights are not those of the class, or cannot be read.
    """
    try:
        return load_network(kind, folder, left_out, **options)
    except UserError:
        raise
    except Exception as error:  # each library raises its own errors for broken weights
        raise UserError(f"{folder}: cannot be loaded ({one_line(error, 300)}); fetch it again") from None


@torch.no_grad()
def check_finite(module: nn.Module, folder: Path) -> None:
    """Check that all weights were loaded and are finite. NaN or infinity means a diverged training or a damaged file.

    Raises:
        UserError: a weight is missing, NaN or infinite.
    """
    for name, weight in module.named_parameters():
        if weight.is_meta:
            raise UserError(f"{folder}: has no weights for {name}; fetch or train it again")
        # aminmax finds both extremes in one pass; a NaN becomes both of them.
        if weight.numel() and not torch.stack(torch.aminmax(weight)).isfinite().all():
            raise UserError(f"{folder}: {name} has NaN or infinite values; fetch or train it again")


def load_tokenizer(folder: Path, kind: Any = AutoTokenizer) -> Any:
    """Load the tokenizer of a folder; no code from the folder runs.

    Args:
        kind: class of the tokenizer, if the folder's config does not name it.

    Raises:
        UserError: the tokenizer is missing or incomplete.
    """
    _check_vocabulary(folder)
    try:
        return kind.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # tokenizers raises plain Exception, transformers any error that a bad file causes
        raise UserError(f"{folder}: no tokenizer ({one_line(error, 200)}); fetch it again") from None


def check_vocabularies(folder: Path) -> None:
    """Check that every tokenizer of a pipeline has a vocabulary.

    Raises:
        UserError: a tokenizer lacks its vocabulary files.
    """
    for part in sorted(folder.glob("tokenizer*/")):
        _check_vocabulary(part)


def _check_vocabulary(folder: Path) -> None:
    if not any(all((folder / name).is_file() for name in names) for names in VOCABULARIES):
        known = " or ".join("+".join(names) for names in VOCABULARIES)
        raise UserError(f"{folder}: no tokenizer (no {known}), so no text can be encoded; fetch it again")


def load_processor(folder: Path, kind: Any = AutoProcessor) -> Any:
    """Load the processor of a model's inputs from its folder; no code from the folder runs.

    Args:
        kind: class of the processor, if it differs from the one that the folder names.

    Raises:
        UserError: the processor is missing, or needs a package that is not installed.
    """
    try:
        return kind.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except ImportError as error:
        raise UserError(
            f"{folder}: its image processor needs torchvision ({one_line(error, 200)}); install it"
        ) from None
    except (OSError, ValueError) as error:
        raise UserError(f"{folder}: no processor ({one_line(error, 200)}); fetch it again") from None


def model_class(folder: Path, by_name: Mapping[str, type[nn.Module]]) -> type[nn.Module]:
    """Return the class named by a folder's config."""
    config = read_config(folder / "config.json")
    architectures = config.get("architectures")
    name = config.get("_class_name") or (architectures[0] if isinstance(architectures, list) and architectures else "")
    if not isinstance(name, str) or name not in by_name:
        raise UserError(f"{folder}: is a {name or 'model without a class'}, expected {' or '.join(by_name)}")
    return by_name[name]


def read_config(path: Path) -> dict[str, Any]:
    """Read a JSON config.

    Raises:
        UserError: the file is missing, unreadable or not a JSON object.
    """
    try:
        config = json.loads(path.read_text())
    except FileNotFoundError:
        remedy = "run snakemake fetch_models; if the model is gated, accept its licence on its page first"
        raise UserError(f"{path.parent}: no {path.name}, so not a model in diffusers' layout; {remedy}") from None
    except NotADirectoryError:
        raise UserError(f"{path.parent}: is a file, but a model's folder is needed") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: not JSON ({error}); fetch it again") from None
    if not isinstance(config, dict):
        raise UserError(f"{path}: not a JSON object; fetch it again")
    return config


def check_weights(folder: Path) -> None:
    """Check that a folder has all shards of its weights, as safetensors.

    Raises:
        UserError: a shard is missing or only a Git LFS pointer, or the folder has only pickles.
    """
    names = _shards(folder) or find_safetensors(folder)
    if not names:
        pickles = sorted(path.name for path in folder.iterdir() if path.suffix in PICKLES)
        content = f"only {pickles[0]}, which could run code when it is read" if pickles else "no weights"
        raise UserError(f"{folder}: {content}; fetch its .safetensors")
    for name in names:
        if not (folder / name).is_file():
            raise UserError(f"{folder}: {name} is missing, one of {len(names)} files with weights; fetch it again")
        check_no_pointer(folder / name)


def check_no_pointer(path: Path) -> None:
    with path.open("rb") as file:
        if file.read(len(LFS_POINTER)) == LFS_POINTER:
            raise UserError(f"{path}: {LFS_REMEDY}")


def pipeline_variant(folder: Path) -> str | None:
    """Return the variant with which to load a pipeline: that of the first part whose weights exist only in a
    variant.
    """
    return next(filter(None, map(part_variant, sorted(folder.glob("*/")))), None)


def part_variant(folder: Path) -> str | None:
    """Return the variant of a part's weights, such as "fp16"; None if a file has no variant, or if there are no
    weights.
    """
    variants = [file_variant(name) for name in find_safetensors(folder)]
    return None if None in variants else next(iter(variants), None)


def file_variant(name: str) -> str | None:
    match = WEIGHTS_NAME.fullmatch(name)
    return match["variant"] if match else None


def find_safetensors(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.safetensors"))


def _shards(folder: Path) -> list[str]:
    """Return the weights files that the index lists; empty if there is no index."""
    variant = part_variant(folder)
    ending = f".index.{variant}.json" if variant else ".index.json"
    index = next(iter(sorted(folder.glob(f"*.safetensors{ending}"))), None)
    if index is None:
        return []
    weight_map = read_config(index).get("weight_map")
    if not isinstance(weight_map, dict) or not all(isinstance(name, str) for name in weight_map.values()):
        raise UserError(f"{index}: its weight_map names no files; fetch it again")
    return sorted(set(weight_map.values()))
