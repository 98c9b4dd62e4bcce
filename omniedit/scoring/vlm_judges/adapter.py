"""LoRA adapters (Hu et al. 2021) in peft's format, such as EditScore's, and the parts of a judge by role or folder."""

from pathlib import Path
from typing import Any

from safetensors.torch import load_file

from omniedit.errors import UserError
from omniedit.models.folder import check_finite, read_config
from omniedit.models.registry import get_model, model_folder

WEIGHTS = "adapter_model.safetensors"


def part_folder(part: str) -> Path:
    """Return the folder of an adapter or a head: the given one, or that of a role in config/models.yaml.

    Raises:
        UserError: there is neither such a folder nor such a role, or the role's model was not fetched.
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
        raise UserError(f"{folder}: an adapter of type {config.get('peft_type')}; only LORA can be merged")
    if not (folder / WEIGHTS).is_file():
        raise UserError(f"{folder}: no {WEIGHTS}; other formats can contain code and are not read")
    return int(config["r"])


def merge_adapter(model: Any, adapter: str) -> Any:
    """Merge an adapter into the weights of a model and return the model.

    Layers that the adapter names without having weights for them stay as they are.

    Args:
        adapter: role or folder.

    Raises:
        UserError: the adapter is missing, is no LoRA adapter, or belongs to another model.
    """
    try:
        from peft import PeftConfig, get_peft_model, set_peft_model_state_dict
    except ImportError as error:
        raise UserError(f"scoring.vlm.adapter needs the package peft, which cannot be imported ({error})") from None
    folder = part_folder(adapter)
    check_adapter(folder)
    try:
        adapted: Any = get_peft_model(model, PeftConfig.from_pretrained(folder))
        loaded = set_peft_model_state_dict(adapted, load_file(folder / WEIGHTS))
    except Exception as error:  # peft, safetensors and torch raise different errors for weights that do not fit
        reason = " ".join(str(error).split())[:300]
        raise UserError(f"{folder}: not an adapter of a {type(model).__name__} ({reason})") from None
    if loaded.unexpected_keys:
        problem = f"the {type(model).__name__} has no {loaded.unexpected_keys[0]}"
        raise UserError(f"{folder}: {problem}; name the base model that the adapter was trained on")
    merged: Any = adapted.merge_and_unload()
    check_finite(merged, folder)
    return merged.eval().requires_grad_(False)
