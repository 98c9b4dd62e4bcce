"""A trained editor from its folder, on the device that it is to compute on."""

from pathlib import Path

import torch

from omniedit.errors import UserError
from omniedit.models.pipeline import EditPipeline


def default_device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def load_editor(folder: Path, device: str = "") -> EditPipeline:
    """The editor of a folder on a device, by default a GPU where there is one, there in bfloat16.

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
        return EditPipeline.from_pretrained(folder, dtype=dtype, local_files_only=True).to(place)
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        raise UserError(f"{folder}: no editor to load ({' '.join(str(error).split())[:300]})") from None
