"""Folder with the trained weights of an editor, without its base; its low-rank adapters are in peft's layout.

{editor}/adapter/editor.json                 class and options of the editor, and its base
{editor}/adapter/adapter_config.json         peft's config of the adapters
{editor}/adapter/adapter_model.safetensors   their weights, base_model.model.{name}, for `PeftModel.from_pretrained`
{editor}/adapter/trained.safetensors         the editor's other trained weights, by their names
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from omniedit.config.fitting import LoraConfig
from omniedit.errors import UserError
from omniedit.models.editor import Editor
from omniedit.models.factory import find_editor_class
from omniedit.models.folder import check_finite, read_config
from omniedit.models.lora import (
    adapter_factors,
    adapter_state,
    empty_adapters,
    freeze_targets,
    lora_scale,
    merge_adapters,
    trained_weights,
)
from omniedit.models.weights import ADAPTER_WEIGHTS, check_names, check_state, load_state, weights_sha256

ADAPTER_FOLDER = "adapter"
EDITOR_JSON = "editor.json"
ADAPTER_CONFIG = "adapter_config.json"
TRAINED_WEIGHTS = "trained.safetensors"
PEFT_PREFIX = "base_model.model."
COPY_REMEDY = "copy the whole folder of the editor"


@dataclass(frozen=True)
class AdapterDescription:
    """Description of the editor whose trained weights a folder holds.

    Args:
        kind: module:class of the editor.
        options: the editor's own options, without those of its base.
        base: folder, record or name of the base, as `load_base` takes it.
        base_sha256: digest of the base's transformer.
        prediction_type: output of the base.
        pipeline: options of the pipeline, such as its resolution.
    """

    kind: str
    options: dict[str, Any]
    base: str
    base_sha256: str
    prediction_type: str
    pipeline: dict[str, Any]


def describe_editor(
    editor: Editor, base: Path, transformer: nn.Module, pipeline: Mapping[str, Any]
) -> AdapterDescription:
    """Return the description of an editor over a base whose transformer is given."""
    without = {"base_config", "prediction_type"}
    options = {name: value for name, value in editor.config.items() if name not in without and name[0] != "_"}
    kind = f"{type(editor).__module__}:{type(editor).__name__}"
    digest = weights_sha256(transformer)
    return AdapterDescription(kind, options, str(base), digest, editor.config["prediction_type"], dict(pipeline))


def save_adapters(editor: Editor, options: LoraConfig, about: AdapterDescription, folder: Path) -> None:
    """Write the trained weights of an editor with adapters to a new folder."""
    folder.mkdir(parents=True)
    state = adapter_state(editor)
    layers = sorted({name.partition(".lora_")[0] for name in state})
    config = {
        "peft_type": "LORA",
        "r": options.rank,
        "lora_alpha": options.rank * lora_scale(options),
        "use_dora": options.dora,
        "target_modules": layers,
        "bias": "none",
    }
    (folder / ADAPTER_CONFIG).write_text(json.dumps(config, indent=2) + "\n")
    (folder / EDITOR_JSON).write_text(json.dumps(asdict(about), indent=2) + "\n")
    save_file(_on_cpu({f"{PEFT_PREFIX}{name}": value for name, value in state.items()}), folder / ADAPTER_WEIGHTS)
    save_file(_on_cpu(trained_weights(editor)), folder / TRAINED_WEIGHTS)


def has_adapters(folder: Path) -> bool:
    return (folder / ADAPTER_FOLDER / EDITOR_JSON).is_file()


def read_about(folder: Path) -> AdapterDescription:
    """Read the description of the editor whose adapters a folder holds.

    Raises:
        UserError: the folder has no adapters, or adapters from another version.
    """
    path = folder / ADAPTER_FOLDER / EDITOR_JSON
    if not path.is_file():
        raise UserError(f"{folder}: no adapters; train the editor with train.lora.rank")
    try:
        return AdapterDescription(**read_config(path))
    except TypeError as error:
        raise UserError(f"{path}: cannot be read ({error}); train the editor with this version") from None


def read_adapters(folder: Path) -> tuple[dict[str, Tensor], float]:
    """Return the adapters' weights, named as in `omniedit.models.lora`, and the scale of their output.

    Raises:
        UserError: the folder has no adapters, a file is missing or damaged, or the weights of a layer are incomplete.
    """
    read_about(folder)
    inner = folder / ADAPTER_FOLDER
    options, layers = _read_options(inner)
    state = {
        name.removeprefix(PEFT_PREFIX): value
        for name, value in load_state(inner / ADAPTER_WEIGHTS, COPY_REMEDY).items()
    }
    expected = {f"{layer}.{factor}" for layer in layers for factor in adapter_factors(options.dora)}
    check_names(
        inner / ADAPTER_WEIGHTS, expected - state.keys(), state.keys() - expected, (), ADAPTER_CONFIG, COPY_REMEDY
    )
    return state, lora_scale(options)


def _read_options(inner: Path) -> tuple[LoraConfig, list[str]]:
    """Return the options of the adapters in a folder, and the names of their layers."""
    config = read_config(inner / ADAPTER_CONFIG)
    try:
        layers = [str(layer) for layer in config["target_modules"]]
        parts = {"base" if layer.startswith("base.") else "control" for layer in layers}
        targets = parts.pop() if len(parts) == 1 else "both"
        options = {"rank": config["r"], "alpha": config["lora_alpha"], "dora": config.get("use_dora", False)}
        return LoraConfig.model_validate(options | {"targets": targets}), layers
    except (KeyError, TypeError, ValueError):
        raise UserError(
            f"{inner / ADAPTER_CONFIG}: has no valid r, lora_alpha and target_modules; {COPY_REMEDY}"
        ) from None


@torch.no_grad()
def build_from_adapters(folder: Path, transformer: Any) -> Editor:
    """Build an editor over its base's transformer, with the folder's weights and its adapters merged.

    Raises:
        UserError: the base is not the one of the training, or the folder is incomplete.
    """
    about = read_about(folder)
    if weights_sha256(transformer) != about.base_sha256:
        raise UserError(
            f"{folder}: {about.base} differs from the base that its adapters were trained on; use that base"
        )
    editor = find_editor_class(about.kind).from_transformer(transformer, about.prediction_type, **about.options)
    inner, name = folder / ADAPTER_FOLDER, type(editor).__name__
    trained, (options, layers), (adapters, scale) = (
        load_state(inner / TRAINED_WEIGHTS, COPY_REMEDY),
        _read_options(inner),
        read_adapters(folder),
    )
    try:
        expected = empty_adapters(editor, layers, options)
    except AttributeError as error:
        raise UserError(f"{inner / ADAPTER_CONFIG}: {name} has no such layer ({error}); {COPY_REMEDY}") from None
    check_state(inner / ADAPTER_WEIGHTS, adapters, expected, name, COPY_REMEDY)
    freeze_targets(editor, options.targets)
    check_state(inner / TRAINED_WEIGHTS, trained, trained_weights(editor), name, COPY_REMEDY)
    for key, value in trained.items():
        editor.get_parameter(key).copy_(value)
    merge_adapters(editor, adapters, scale)
    check_finite(editor, folder)
    return editor.requires_grad_(False).eval()


def _on_cpu(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach().cpu().contiguous() for name, value in state.items()}
