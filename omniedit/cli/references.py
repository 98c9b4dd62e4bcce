"""Reference images and the task of an edit, from the command line."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import PIL.Image

from omniedit.cli.special_files import special_kind
from omniedit.errors import UserError, one_line
from omniedit.imaging.decode import UnreadableImage
from omniedit.sources.photo_file import EncodedPhoto

if TYPE_CHECKING:
    from omniedit.models.pipeline import EditPipeline


def read_reference(path: Path) -> PIL.Image.Image:
    """Read a reference image.

    Raises:
        UserError: the file is missing, or not an image that can be read.
    """
    try:
        if kind := special_kind(path):
            raise UserError(f"--reference {path}: {kind}, not an image file")
        with EncodedPhoto(path) as photo:
            return PIL.Image.fromarray(photo.decode())
    except (UnreadableImage, OSError, MemoryError) as error:
        raise UserError(f"--reference {path}: cannot be read: {one_line(error)}") from None


def check_conditions(
    pipeline: "EditPipeline", references: Sequence[PIL.Image.Image], task: str | None, captions: Sequence[str] = ()
) -> None:
    """Check that an editor takes the given references, their captions and the task.

    Raises:
        UserError: it does not; the message names the remedy.
    """
    from omniedit.models.pipeline_conditions import match_conditions

    try:
        match_conditions(references, task, 1, pipeline.takes, list(captions) or None)
    except ValueError as error:
        message = str(error).replace("reference_captions:", "reference-caption:", 1)
        raise UserError(f"--{message.replace('references:', 'reference:', 1)}") from None
