"""Inputs of an edit at the network's resolution, and the transfer of the edit to the full size."""

from dataclasses import dataclass

import torch
from torch import Tensor

from omniedit.models.codec import Vae, decode
from omniedit.models.full_size import restore_full_size
from omniedit.models.instruction_warnings import warn_if_unchanged


@dataclass(frozen=True)
class PreparedEdit:
    """Inputs of one edit.

    Args:
        full: source image at full size, (1, 3, H, W) in [0, 1].
        size: height and width of the image at the network's resolution, before padding.
        source: latents of the image at that size, padded, (1, C, h, w).
        noise: initial noise, same shape as `source`.
        generator: generator of the initial noise and of the scheduler's noise; None for torch's global one.
        references: latents of reference images, (R, C, h, w).
        task: index of the task in the editor's list, or `UNKNOWN_TASK`.
        captions: caption of each reference, '' for none.
    """

    full: Tensor
    size: tuple[int, int]
    source: Tensor
    noise: Tensor
    instruction: str
    negative: str
    generator: torch.Generator | None
    references: Tensor
    task: int
    captions: tuple[str, ...] = ()

    def decode(self, vae: Vae, latents: Tensor, guided_radius: int = 0) -> Tensor:
        """Decode the latents of the edit, (1, C, h, w), to the edited image at full size, (3, H, W) in [0, 1].

        Args:
            guided_radius: as in `restore_full_size`.

        Warns:
            InstructionWarning: the edit hardly changes its image.
        """
        height, width = self.size
        images = (decode(vae, each).float()[..., :height, :width] for each in (self.source, latents))
        source, edited = ((image + 1) / 2 for image in images)
        warn_if_unchanged(self.instruction, source, edited)
        return restore_full_size(self.full, source, edited, guided_radius)[0].cpu()
