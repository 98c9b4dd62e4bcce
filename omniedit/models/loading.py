"""Load editors and bases from folders, fetched models or the package, onto a device."""

from pathlib import Path
from typing import Any

import torch

from omniedit.config.schema import SHIPPED
from omniedit.errors import UserError, one_line
from omniedit.models.adapter_folder import build_from_adapters, has_adapters, read_about
from omniedit.models.base import INDEX, Base
from omniedit.models.editnet import EARLIER_CLASSES, EditNet
from omniedit.models.factory import ARCHITECTURES, editor_class
from omniedit.models.flow_pipeline import INSTRUCTION_ENCODER
from omniedit.models.folder import check_finite, check_weights, model_class, read_config
from omniedit.models.pipeline import EditPipeline
from omniedit.models.registry import model_folder
from omniedit.models.shipped import FOLDER, load_shipped_base, load_shipped_editor


def default_device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def load_base(source: Path, dtype: torch.dtype = torch.float32) -> Base:
    """Load a base: a folder, the record models/{role}.json of a fetched model, or "shipped".

    Raises:
        UserError: the base cannot be loaded.
    """
    if source == Path(SHIPPED):
        return load_shipped_base(dtype)
    return Base.load(model_folder(source.stem) if source.suffix == ".json" else source, dtype)


def load_editor(folder: Path | None = None, device: str = "") -> EditPipeline:
    """Load the editor of a folder, or the shipped one, in float32 on the CPU and in bfloat16 elsewhere.

    Args:
        device: name of the device; empty for a GPU if there is one, else the CPU.

    Raises:
        UserError: the folder has no editor that can be loaded.
    """
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    for logging in (diffusers_logging, transformers_logging):
        logging.disable_progress_bar()
    chosen = choose_device(device)
    dtype = torch.float32 if chosen.type == "cpu" else torch.bfloat16
    try:
        return _load_pipeline(folder, dtype).to(chosen)
    except UserError:
        raise
    except Exception as error:  # each library raises its own errors for broken files
        problem = f"{type(error).__name__}: {error}" if isinstance(error, LookupError | MemoryError) else str(error)
        raise UserError(f"{folder or FOLDER}: no editor to load ({' '.join(problem.split())[:300]})") from None


def _load_pipeline(folder: Path | None, dtype: torch.dtype) -> EditPipeline:
    if folder is None:
        shipped = load_shipped_editor()
        return shipped if dtype == torch.float32 else shipped.to(dtype)
    if not (folder / INDEX).exists() and has_adapters(folder):
        return load_adapters(folder, dtype)
    check_editor(folder)
    options: dict[str, Any] = {"local_files_only": True, "use_safetensors": True}
    editor = EditPipeline.from_pretrained(folder, dtype=dtype, **options)
    for part in ("transformer", "vae"):
        check_finite(getattr(editor, part), folder / part)
    return editor


def load_adapters(folder: Path, dtype: torch.dtype) -> EditPipeline:
    """Load an editor from a folder with only its trained weights, over the base that they were trained on.

    Raises:
        UserError: the base or the folder cannot be used.
    """
    about = read_about(folder)
    base = load_base(Path(about.base), torch.float32)
    editor = build_from_adapters(folder, base.transformer)
    pipeline = base.pipeline(editor, **about.pipeline)
    if (folder / INSTRUCTION_ENCODER).is_dir():
        from omniedit.models.encoders.mllm import MllmEncoder  # peft takes a second to import

        pipeline.register_modules(instruction_encoder=MllmEncoder.from_pretrained(folder / INSTRUCTION_ENCODER))
    return pipeline.to(dtype)


def choose_device(name: str) -> torch.device:
    """Return the device of a name; an empty name selects a GPU if there is one, else the CPU.

    Raises:
        UserError: this machine or this torch does not have the device.
    """
    try:
        device = torch.device(name) if name else default_device()
        torch.zeros(1, device=device).tolist()
    except (RuntimeError, AssertionError, NotImplementedError, ValueError) as error:
        problem = one_line(error, 150)
        raise UserError(
            f"--device {name}: not on this machine ({problem}); omit the option to choose a device automatically"
        ) from None
    return device


def check_editor(folder: Path) -> None:
    """Check that a folder holds an editor.

    Raises:
        UserError: the folder is missing or incomplete, has only pickled weights, or holds another pipeline or network.
    """
    if not folder.is_dir():
        raise UserError(
            f"{folder}: no editor to load (no such folder); `snakemake all` makes results/mini/train/editnet"
        )
    if not (folder / INDEX).is_file():
        raise UserError(f"{folder}: no editor to load (no {INDEX}); give --model a folder that training wrote")
    index = read_config(folder / INDEX)
    if index.get("_class_name") != EditPipeline.__name__:
        class_name = index.get("_class_name") or (
            "base without an editor" if "prediction_type" in index else "model without a class"
        )
        raise UserError(
            f"{folder}: no editor to load (a {class_name}, not an {EditPipeline.__name__}); train an editor on it"
        )
    classes = {kind.__name__: kind for kind in map(editor_class, ARCHITECTURES)}
    model_class(folder / "transformer", classes | dict.fromkeys(EARLIER_CLASSES, EditNet))
    for part in (folder / name for name in index):
        if (part / "config.json").is_file():
            check_weights(part)
