"""Editors and bases from where they lie, on the device that they are to compute on."""

from pathlib import Path

import torch

from omniedit.config import SHIPPED
from omniedit.errors import UserError
from omniedit.models.base import Base
from omniedit.models.pipeline import EditPipeline
from omniedit.models.shipped import FOLDER, shipped_base, shipped_editor
from omniedit.weights import folder_of


def default_device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def load_base(given: Path, dtype: torch.dtype = torch.float32) -> Base:
    """The base of a folder, of the record models/{role}.json of a fetched one, or the one that ships, "shipped".

    Raises:
        UserError: it cannot be loaded.
    """
    if given == Path(SHIPPED):
        return shipped_base(dtype)
    return Base.load(folder_of(given.stem) if given.suffix == ".json" else given, dtype)


def load_editor(folder: Path | None = None, device: str = "") -> EditPipeline:
    """The editor of a folder, or the one that ships, on a device: by default a GPU where there is one, in bfloat16.

    Raises:
        UserError: the folder holds no editor that can be loaded.
    """
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    for logging in (diffusers_logging, transformers_logging):
        logging.disable_progress_bar()
    try:
        place = torch.device(device) if device else default_device()
        dtype = torch.float32 if place.type == "cpu" else torch.bfloat16
        if folder is None:
            editor = shipped_editor()
            return editor.to(place) if dtype == torch.float32 else editor.to(place, dtype)
        return EditPipeline.from_pretrained(folder, dtype=dtype, local_files_only=True).to(place)
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        raise UserError(f"{folder or FOLDER}: no editor to load ({' '.join(str(error).split())[:300]})") from None
