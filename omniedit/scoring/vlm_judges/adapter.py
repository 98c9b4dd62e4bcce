"""LoRA adapters (Hu et al. 2021) in peft's format, such as EditScore's, and the parts of a judge by role or folder."""

import re
from pathlib import Path
from typing import Any

from safetensors.torch import load_file

from omniedit.errors import UserError, one_line
from omniedit.models.folder import check_finite, read_config
from omniedit.models.registry import get_model, model_folder
from omniedit.models.weights import ADAPTER_WEIGHTS, check_state

EARLIER_NAMES = (
    (re.compile(r"^base_model\.model\.(language_model\.model|model)\.layers\."), "language_model.layers."),
    (re.compile(r"^base_model\.model\.visual\."), "visual."),
)
"""Names of layers before transformers 4.52, and their names within today's `model`."""


def part_folder(part: str) -> Path:
    """Return the folder of an adapter or a head, given as a folder or as a role in config/models.yaml.

    Raises:
        UserError: no such folder or role, or the role's model was not fetched.
    """
    return Path(part) if Path(part).is_dir() else model_folder(part)


def part_version(part: str) -> str:
    """Return the version of an adapter or a head: its repository and revision, or the name of its folder."""
    if Path(part).is_dir():
        return Path(part).resolve().name
    model = get_model(part)
    return f"{model.repository}@{model.revision}"


def check_adapter(folder: Path) -> int:
    """Check that a folder has a LoRA adapter, and return its rank.

    Raises:
        UserError: the folder has no LoRA adapter in safetensors.
    """
    config = read_config(folder / "adapter_config.json")
    if config.get("peft_type") != "LORA":
        raise UserError(f"{folder}: the adapter has the type {config.get('peft_type')}; only LORA can be merged")
    if not (folder / ADAPTER_WEIGHTS).is_file():
        raise UserError(f"{folder}: no {ADAPTER_WEIGHTS}; other formats can contain code and are not read")
    return int(config["r"])


def _check_base(folder: Path, model: Any) -> None:
    """Check that an adapter belongs to the class of a model, if its config names one.

    Raises:
        UserError: it belongs to another class.
    """
    mapping = read_config(folder / "adapter_config.json").get("auto_mapping") or {}
    base, class_name = mapping.get("base_model_class"), type(model).__name__
    if base not in (None, class_name):
        raise UserError(f"{folder}: the adapter belongs to a {base}, not to a {class_name}; name its base model")


def merge_adapter(model: Any, adapter: str) -> Any:
    """Merge an adapter into the weights of a model and return the model.

    If the adapter has no weights for any layer of a kind, these layers stay unchanged.

    Args:
        adapter: role or folder.

    Raises:
        UserError: the adapter is missing, is not a LoRA adapter, or belongs to another model.
    """
    try:
        from peft import PeftConfig, get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict
    except ImportError as error:
        raise UserError(f"scoring.vlm.adapter needs the package peft, which cannot be imported ({error})") from None
    folder = part_folder(adapter)
    check_adapter(folder)
    _check_base(folder, model)
    try:
        adapted: Any = get_peft_model(model, PeftConfig.from_pretrained(str(folder)))
        state = {_rename(name): weight for name, weight in load_file(folder / ADAPTER_WEIGHTS).items()}
    except Exception as error:  # peft and safetensors raise different errors for unsuitable configs and files
        raise UserError(f"{folder}: not an adapter of a {type(model).__name__} ({one_line(error, 300)})") from None
    kinds = {_kind(name) for name in state}
    expected = {name: value for name, value in get_peft_model_state_dict(adapted).items() if _kind(name) in kinds}
    remedy = "fetch it again, or name the adapter's base model"
    check_state(folder / ADAPTER_WEIGHTS, state, expected, type(model).__name__, remedy)
    set_peft_model_state_dict(adapted, state)
    merged: Any = adapted.merge_and_unload()
    check_finite(merged, folder)
    return merged.eval().requires_grad_(False)


def _kind(name: str) -> str:
    """Return the name of a weight without the numbers of its layer."""
    return re.sub(r"\d+", "#", name)


def _rename(name: str) -> str:
    for earlier, today in EARLIER_NAMES:
        name = earlier.sub(f"base_model.model.model.{today}", name)
    return name
