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
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from omniedit.config.fitting import LoraConfig
from omniedit.errors import UserError, one_line
from omniedit.models.digest import weights_sha256
from omniedit.models.editor import Editor
from omniedit.models.factory import find_editor_class
from omniedit.models.folder import read_config
from omniedit.models.lora import adapter_state, lora_scale, merge_adapters, trained_weights

ADAPTER_FOLDER = "adapter"
EDITOR_JSON = "editor.json"
ADAPTER_CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
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
    save_file(_on_cpu({f"{PEFT_PREFIX}{name}": value for name, value in state.items()}), folder / WEIGHTS)
    save_file(_on_cpu(trained_weights(editor)), folder / TRAINED_WEIGHTS)


def has_adapters(folder: Path) -> bool:
    return (folder / ADAPTER_FOLDER / EDITOR_JSON).is_file()


def read_about(folder: Path) -> AdapterDescription:
    """Read the description of the editor whose adapters a folder holds.

    Raises:
        UserError: the folder has no adapters, or of another version.
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
        UserError: the folder has no adapters, or a file is missing or damaged.
    """
    read_about(folder)
    inner = folder / ADAPTER_FOLDER
    config = read_config(inner / ADAPTER_CONFIG)
    try:
        scale = config["lora_alpha"] / config["r"]
    except (KeyError, TypeError, ZeroDivisionError):
        raise UserError(f"{inner / ADAPTER_CONFIG}: has no valid lora_alpha and r; {COPY_REMEDY}") from None
    return {name.removeprefix(PEFT_PREFIX): value for name, value in _load(inner / WEIGHTS).items()}, scale


@torch.no_grad()
def build_from_adapters(folder: Path, transformer: Any) -> Editor:
    """Build an editor over its base's transformer, with the folder's weights and its adapters merged.

    Raises:
        UserError: the base is another one, or the folder is incomplete.
    """
    about = read_about(folder)
    if weights_sha256(transformer) != about.base_sha256:
        raise UserError(f"{folder}: {about.base} is not the base that its adapters were trained on; use that one")
    editor = find_editor_class(about.kind).from_transformer(transformer, about.prediction_type, **about.options)
    for key, value in _load(folder / ADAPTER_FOLDER / TRAINED_WEIGHTS).items():
        editor.get_parameter(key).copy_(value)
    merge_adapters(editor, *read_adapters(folder))
    return editor.requires_grad_(False).eval()


def _load(file: Path) -> dict[str, Tensor]:
    if not file.is_file():
        raise UserError(f"{file}: missing; {COPY_REMEDY}")
    try:
        return load_file(file)
    except Exception as error:  # safetensors raises an error of its own
        raise UserError(f"{file}: cannot be read ({one_line(error, 150)}); {COPY_REMEDY}") from None


def _on_cpu(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach().cpu().contiguous() for name, value in state.items()}
