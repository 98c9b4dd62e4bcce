"""The editor as a user calls it: a picture and an instruction in, the edited picture out."""

import os
from collections.abc import Sequence
from math import ceil
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from diffusers.image_processor import VaeImageProcessor
from diffusers.pipelines.pipeline_utils import DiffusionPipeline, ImagePipelineOutput
from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler
from diffusers.utils.torch_utils import randn_tensor
from PIL import Image
from torch import Tensor
from torch.nn import functional
from transformers import BertModel, BertTokenizer

from omniedit.models.codec import Vae, decode, encode
from omniedit.models.editor import Editor
from omniedit.models.text import encode_text
from omniedit.upright import Unreadable, upright_rgb

OUTPUT_TYPES = ("pil", "np", "pt")


class EditPipeline(DiffusionPipeline):
    """An instruction-based image editor.

    >>> editor = EditPipeline.from_pretrained("results/mini/train/editnet")
    >>> editor(image=photo, instruction="Make it night.").images[0]

    Args:
        transformer: the editor's network, an architecture of `omniedit.models`.
        resolution: the network works at about resolution^2 pixels, as it was trained; a larger picture is scaled down
            for it, and what the edit changed is scaled up and added to the picture.
    """

    def __init__(
        self,
        transformer: Editor,
        vae: Vae,
        text_encoder: BertModel,
        tokenizer: BertTokenizer,
        scheduler: FlowMatchEulerDiscreteScheduler,
        resolution: int = 1024,
    ) -> None:
        super().__init__()
        self.register_modules(
            transformer=transformer, vae=vae, text_encoder=text_encoder, tokenizer=tokenizer, scheduler=scheduler
        )
        self.register_to_config(resolution=resolution)

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | os.PathLike[Any], **options: Any) -> Self:
        """The editor of a folder, as `snakemake` or `save_pretrained` wrote it, or of a name on the model hub.

        Raises:
            FileNotFoundError: no such folder, and no 'owner/name' either.
        """
        path = Path(pretrained_model_name_or_path)
        if not path.is_dir() and len(path.parts) != 2:
            raise FileNotFoundError(f"{path}: no such folder; `snakemake all` makes results/mini/train/editnet")
        return super().from_pretrained(pretrained_model_name_or_path, **options)

    @torch.no_grad()
    def __call__(
        self,
        image: Image.Image | Sequence[Image.Image],
        instruction: str | Sequence[str],
        num_inference_steps: int = 20,
        guidance_scale: float = 1.0,
        image_guidance_scale: float = 1.5,
        generator: torch.Generator | Sequence[torch.Generator] | None = None,
        output_type: str = "pil",
    ) -> ImagePipelineOutput:
        """Edited pictures, each of its source's size.

        Args:
            image: one picture, or several, of any sizes and modes; an EXIF orientation is applied, alpha goes on white.
            instruction: one for all pictures, or one for each.
            guidance_scale: how strongly the instruction is followed; 1 is no guidance.
            image_guidance_scale: how strongly the source is kept; 1 is no guidance.
            generator: of the noise; one for all, or one for each picture.
            output_type: "pil", "np" or "pt".

        Raises:
            ValueError: the arguments do not fit each other, or a picture cannot be read.
        """
        if num_inference_steps < 1:
            raise ValueError(f"num_inference_steps: {num_inference_steps}, but at least 1 is needed")
        if output_type not in OUTPUT_TYPES:
            raise ValueError(f"output_type: {output_type!r} is none of {', '.join(OUTPUT_TYPES)}")
        images = list(image) if isinstance(image, Sequence) and not isinstance(image, str) else [image]
        instructions = [instruction] * len(images) if isinstance(instruction, str) else list(instruction)
        generators = list(generator) if isinstance(generator, Sequence) else [generator] * len(images)
        if not len(images) == len(instructions) == len(generators):
            raise ValueError(f"{len(images)} images, {len(instructions)} instructions, {len(generators)} generators")
        edited = [
            self._edit(one, text, num_inference_steps, (guidance_scale, image_guidance_scale), noise)
            for one, text, noise in zip(images, instructions, generators, strict=True)
        ]
        return ImagePipelineOutput(images=_as_type(edited, output_type))

    def _edit(
        self,
        image: Image.Image,
        instruction: str,
        steps: int,
        scales: tuple[float, float],
        generator: torch.Generator | None,
    ) -> Tensor:
        """The edited picture, (3, H, W) in [0, 1]."""
        full_13HW = VaeImageProcessor.pil_to_numpy(_rgb(image))
        full_13HW = VaeImageProcessor.numpy_to_pt(full_13HW).to(self.device)
        longest = self._grid * self.transformer.base.config.pos_embed_max_size
        height, width = working_size(full_13HW.shape[-2], full_13HW.shape[-1], self.config["resolution"], longest)
        small_13hw = functional.interpolate(full_13HW, (height, width), mode="bilinear", antialias=True)
        source = encode(self.vae, 2 * pad_to_grid(small_13hw, self._grid) - 1)
        edited = self._sample(source, instruction, steps, scales, generator)
        # Half of the difference: the codec's pictures span [-1, 1], the full picture [0, 1].
        change = (decode(self.vae, edited) - decode(self.vae, source))[..., :height, :width] / 2
        change = functional.interpolate(change.float(), full_13HW.shape[-2:], mode="bicubic")
        return (full_13HW + change).clamp(0, 1)[0].cpu()

    def _sample(
        self,
        source: Tensor,
        instruction: str,
        steps: int,
        scales: tuple[float, float],
        generator: torch.Generator | None,
    ) -> Tensor:
        """Latents of the edited picture by Euler steps from noise, three forwards in one batch each."""
        prompt, pooled = encode_text(self.text_encoder, self.tokenizer, [instruction, "", ""])
        conditions = torch.cat([source, source, torch.zeros_like(source)])
        dtype = self.transformer.dtype
        latents = randn_tensor(source.shape, generator=generator, device=self.device)
        # The last step starts at 1 / steps and ends at 0, as in diffusers' pipelines of Flux.
        self.scheduler.set_timesteps(sigmas=np.linspace(1, 1 / steps, steps), device=self.device)
        for timestep in self.progress_bar(self.scheduler.timesteps):
            velocities = self.transformer(
                noisy=latents.expand(3, -1, -1, -1).to(dtype),
                timestep=timestep.expand(3),
                prompt_embeds=prompt.to(dtype),
                pooled=pooled.to(dtype),
                condition=conditions.to(dtype),
            )
            full, no_text, neither = velocities.float().split(1)
            velocity = two_scale_guidance(full, no_text, neither, *scales)
            latents = self.scheduler.step(velocity, timestep, latents, return_dict=False)[0]
        return latents

    @property
    def _grid(self) -> int:
        """Pixels on a side of one of the network's patches."""
        return 8 * self.transformer.base.config.patch_size


def two_scale_guidance(full: Tensor, no_text: Tensor, neither: Tensor, text_scale: float, image_scale: float) -> Tensor:
    """Velocity guided by instruction and picture (Brooks et al. 2023, eq. 3).

    Args:
        full, no_text, neither: velocity given both, given the picture alone, given neither.
    """
    return neither + image_scale * (no_text - neither) + text_scale * (full - no_text)


def working_size(height: int, width: int, resolution: int, longest: int) -> tuple[int, int]:
    """Height and width of a picture scaled down to about resolution^2 pixels and sides of at most `longest`.

    A smaller one stays as it is.
    """
    scale = min(1.0, resolution / (height * width) ** 0.5, longest / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def pad_to_grid(images: Tensor, grid: int) -> Tensor:
    """Pictures (B, 3, H, W) continued at the right and bottom by reflection to multiples of `grid`."""
    height, width = images.shape[-2:]
    rows, columns = (_reflected(size, ceil(size / grid) * grid) for size in (height, width))
    return images[..., rows, :][..., columns]


def _reflected(size: int, padded: int) -> Tensor:
    """Indices 0, 1, .. size - 1, size - 1, .. 1, 0, 0, 1, ..: any amount of padding, also for the narrowest picture."""
    place = torch.arange(padded) % (2 * size)
    return torch.minimum(place, 2 * size - 1 - place)


def _rgb(image: Image.Image) -> Image.Image:
    if not isinstance(image, Image.Image):
        raise ValueError(f"image: a {type(image).__name__}, but a PIL picture is needed; open it with PIL.Image.open")
    try:
        return upright_rgb(image)
    except (Unreadable, OSError) as error:
        raise ValueError(f"image: {error}") from error


def _as_type(images: Sequence[Tensor], output_type: str) -> list:
    if output_type == "pt":
        return list(images)
    arrays = [image.permute(1, 2, 0).numpy() for image in images]
    if output_type == "np":
        return arrays
    return [Image.fromarray((255 * array).round().astype(np.uint8)) for array in arrays]
