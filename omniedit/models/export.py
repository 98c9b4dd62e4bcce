"""Export of editors for other programs: one safetensors file for ComfyUI, and adapters as a LoRA of diffusers and peft.

Key layout of the file for ComfyUI:

model.diffusion_model.{name}               the base; over SD3 in its authors' layout, else in diffusers'
control_model.joint_blocks.{i}.{name}      control block i, over SD3 in the authors' layout of a block
control_model.{name}                       the editor's other weights, by their names in `omniedit.models`

Its metadata has the editor's class and config as JSON. docs/editing.md repeats this for users.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from omniedit.errors import UserError, one_line
from omniedit.models.adapter_folder import read_adapters
from omniedit.models.bases.registry import CLASS
from omniedit.models.editor import Editor
from omniedit.models.factory import find_editor_class
from omniedit.models.folder import check_finite
from omniedit.models.sd3_layout import (
    AUTHORS_BLOCK,
    block_from_authors,
    block_to_authors,
    convert_blocks,
    from_authors_layout,
    to_authors_layout,
)
from omniedit.models.weights import check_state
from omniedit.storage.atomic import replace_file

BASE_PREFIX, CONTROL_PREFIX = "model.diffusion_model.", "control_model."
CONTROL_BLOCK = "control_blocks.{}.block"
EXPORT_AGAIN = "export the editor again"
FORMAT = "omniedit.editor.1"
LORA_BASE, LORA_EDITOR = "transformer.", "editor."
"""Prefixes of a LoRA's keys: layers of the base, as diffusers' pipelines read them, and other layers of the editor."""


def export_comfyui(editor: Editor, file: Path, dtype: torch.dtype) -> None:
    """Write an editor's network to one safetensors file.

    Args:
        dtype: number format of the weights.
    """
    is_sd3 = _is_sd3(editor.config)
    base, other = _split_state(editor.state_dict())
    state = {f"{BASE_PREFIX}{name}": value for name, value in (to_authors_layout(base) if is_sd3 else base).items()}
    other = convert_blocks(other, CONTROL_BLOCK, AUTHORS_BLOCK, block_to_authors) if is_sd3 else other
    state |= {f"{CONTROL_PREFIX}{name}": value for name, value in other.items()}
    config = {name: value for name, value in editor.config.items() if not name.startswith("_")}
    kind = f"{type(editor).__module__}:{type(editor).__name__}"
    about = {"format": FORMAT, "class": kind, "config": json.dumps(config)}
    tensors = {name: (v.to(dtype) if v.is_floating_point() else v).contiguous().clone() for name, v in state.items()}
    with replace_file(file) as temporary:
        save_file(tensors, temporary, about)


def load_comfyui(file: Path) -> Editor:
    """Load an editor's network from a file of `export_comfyui`, in the file's number format.

    Raises:
        UserError: the file was not written by `export_comfyui`.
    """
    try:
        with safe_open(file, "pt") as opened:
            about: dict[str, str] = opened.metadata() or {}
            state = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 (not a mapping)
    except Exception as error:  # safetensors raises an error of its own
        raise UserError(f"{file}: cannot be read ({one_line(error, 150)})") from None
    if about.get("format") != FORMAT:
        raise UserError(f"{file}: not an editor of `omniedit export-editor`")
    editor = _create_editor(file, about)
    is_sd3 = _is_sd3(editor.config)
    base = {name.removeprefix(BASE_PREFIX): value for name, value in state.items() if name.startswith(BASE_PREFIX)}
    other = {name.removeprefix(CONTROL_PREFIX): v for name, v in state.items() if not name.startswith(BASE_PREFIX)}
    try:
        weights = {f"base.{name}": value for name, value in (from_authors_layout(base) if is_sd3 else base).items()}
        weights |= convert_blocks(other, AUTHORS_BLOCK, CONTROL_BLOCK, block_from_authors) if is_sd3 else other
    except KeyError as error:
        raise UserError(f"{file}: {error.args[0]} is no layer of SD3; {EXPORT_AGAIN}") from None
    check_state(file, weights, editor.state_dict(), type(editor).__name__, EXPORT_AGAIN)
    editor.load_state_dict(weights, assign=True)
    check_finite(editor, file)
    return editor.requires_grad_(False).eval()


def _create_editor(file: Path, about: Mapping[str, str]) -> Editor:
    """Create the editor that the metadata of a file describe.

    Raises:
        UserError: they describe none.
    """
    try:
        config = json.loads(about["config"])
        if not isinstance(config, dict):
            raise TypeError("config is not a JSON object")
        return find_editor_class(about["class"]).from_config(config)  # type: ignore[return-value]
    except Exception as error:  # an argument of the wrong kind can raise any error
        raise UserError(f"{file}: no editor in its metadata ({one_line(error, 150)}); {EXPORT_AGAIN}") from None


def _is_sd3(config: Any) -> bool:
    return CLASS not in config["base_config"]


def _split_state(state: dict[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return the weights of the base, without their prefix, and all other weights."""
    base = {name.removeprefix("base."): value for name, value in state.items() if name.startswith("base.")}
    return base, {name: value for name, value in state.items() if not name.startswith("base.")}


def export_lora(folder: Path, file: Path, dtype: torch.dtype) -> None:
    """Write the adapters of an editor's folder to one safetensors file.

    Keys are transformer.{layer}.lora_A.weight and so on for layers of the base, which `load_lora_weights` of diffusers'
    pipelines reads, and editor.{layer}... for those of the control branch. The scale is multiplied into lora_B, so
    alpha equals the rank.

    Raises:
        UserError: the folder has no adapters.
    """
    state, scale = read_adapters(folder)
    tensors = {}
    for name, value in state.items():
        scaled = scale * value.float() if name.endswith("lora_B.weight") else value
        in_base = name.startswith("base.")
        key = f"{LORA_BASE}{name.removeprefix('base.')}" if in_base else f"{LORA_EDITOR}{name}"
        tensors[key] = scaled.to(dtype).contiguous()
    with replace_file(file) as temporary:
        save_file(tensors, temporary, {"format": "pt"})
