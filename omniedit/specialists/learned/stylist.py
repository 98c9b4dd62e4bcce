"""Edits of whole photos by an instruction: CosXL-Edit on SDXL's InstructPix2Pix pipeline, and FLUX.1 Kontext."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.pipelines.flux.pipeline_flux_kontext import FluxKontextPipeline
from diffusers.pipelines.stable_diffusion_xl.pipeline_stable_diffusion_xl_instruct_pix2pix import (
    StableDiffusionXLInstructPix2PixPipeline,
)
from diffusers.schedulers.scheduling_edm_euler import EDMEulerScheduler
from PIL import Image as PillowImage

from omniedit.imaging.images import Image, levels
from omniedit.models.adaptive_batches import OomAdaptiveBatcher, map_by_size
from omniedit.models.pipeline_folder import load_pipeline, load_single_file
from omniedit.specialists.learned.canvas import Canvas

SINGLE_FILE = "cosxl_edit.safetensors"
"""File name under which Stability AI publishes the model."""


@dataclass(frozen=True)
class StylistKind:
    """Kind of pipeline that follows an instruction.

    Args:
        options: arguments of its call, with the authors' values.
    """

    pipeline: type[Any]
    steps: int
    options: Mapping[str, Any]


KINDS = {
    kind.pipeline.__name__: kind
    for kind in (
        StylistKind(StableDiffusionXLInstructPix2PixPipeline, 20, {"guidance_scale": 7.0, "image_guidance_scale": 1.5}),
        # Without `_auto_resize` the pipeline keeps the size of the canvas.
        StylistKind(FluxKontextPipeline, 28, {"guidance_scale": 2.5, "_auto_resize": False}),
    )
}
"""Kinds by the class in config/models.yaml."""


@dataclass(frozen=True)
class Restyling:
    """Photo to edit as a whole.

    Args:
        image: (H, W, 3) RGB.
        instruction: 'Redraw this photo as a pencil sketch.'
        seed: seed of the noise. The result depends only on the seed, the image and the instruction.
    """

    image: Image
    instruction: str
    seed: int


class Stylist:
    """Editor of whole photos, in batches of one size; each result has its photo's own size.

    Args:
        steps: denoising steps; None for the default of the kind.
        resolution: a photo of more than resolution^2 pixels is drawn at a smaller size and scaled back up.
    """

    def __init__(self, pipeline: Any, batch_size: int = 4, steps: int | None = None, resolution: int = 1024) -> None:
        kind = KINDS[type(pipeline).__name__]
        self.pipeline, self.steps, self.resolution = pipeline, steps or kind.steps, resolution
        self.scales = dict(kind.options)
        self.batches = OomAdaptiveBatcher(batch_size)
        self._thread = ThreadPoolExecutor(1, "full size")

    @classmethod
    def load(
        cls, folder: Path, configs: Path, dtype: torch.dtype = torch.float32, device: str = "cpu", **options: Any
    ) -> "Stylist":
        """Load CosXL-Edit from a folder.

        Args:
            folder: CosXL-Edit as published, in one file, or in diffusers' layout.
            configs: folder of SDXL's configs, which a model in one file lacks.

        Raises:
            UserError: the model cannot be loaded.
        """
        kind = StableDiffusionXLInstructPix2PixPipeline
        # The pipeline's folder does not store this flag. Without it, latents would be 7.7 times too large.
        scaled = {"is_cosxl_edit": True}
        if (folder / SINGLE_FILE).is_file():
            own = {"num_in_channels": 8, "scheduler": cosxl_scheduler()}
            pipeline = load_single_file(folder / SINGLE_FILE, configs, kind, dtype, **own, **scaled)
        else:
            pipeline = load_pipeline(folder, kind, dtype, **scaled)
        return cls(pipeline.to(device), **options)

    @classmethod
    def load_kontext(
        cls, folder: Path, dtype: torch.dtype = torch.float32, device: str = "cpu", **options: Any
    ) -> "Stylist":
        """Load FLUX.1 Kontext from a folder in diffusers' layout.

        Raises:
            UserError: the model cannot be loaded.
        """
        return cls(load_pipeline(folder, FluxKontextPipeline, dtype).to(device), **options)

    def restyle(self, restylings: Sequence[Restyling]) -> list[Image]:
        """Return the photos in their new styles, in order."""
        draw = partial(self.batches.map, self._draw_all)
        futures = map_by_size(draw, restylings, lambda one: self._canvas(one).padded)
        return [future.result() for future in futures]

    def _draw_all(self, restylings: Sequence[Restyling]) -> list[Future[Image]]:
        """Draw on the device; a thread resizes the results to their photos' sizes while the next batch is drawn."""
        canvases = [self._canvas(one) for one in restylings]
        height, width = canvases[0].padded
        laid_out = [canvas.to_model(one.image) for canvas, one in zip(canvases, restylings, strict=True)]
        output = self.pipeline(
            prompt=[one.instruction for one in restylings],
            image=[PillowImage.fromarray(fitted) for fitted in laid_out],
            height=height,
            width=width,
            num_inference_steps=self.steps,
            generator=[torch.Generator().manual_seed(one.seed) for one in restylings],
            output_type="np",
            **self.scales,
            **({"max_area": height * width} if isinstance(self.pipeline, FluxKontextPipeline) else {}),
        )
        outputs = levels(np.asarray(output.images))
        return [self._thread.submit(canvas.from_model, one) for canvas, one in zip(canvases, outputs, strict=True)]

    def _canvas(self, one: Restyling) -> Canvas:
        return Canvas.of(one.image, self.resolution, grid=2 * self.pipeline.vae_scale_factor)


def cosxl_scheduler() -> EDMEulerScheduler:
    """Return CosXL's scheduler, for velocities at continuous noise levels (cosine, EDM) up to 120."""
    return EDMEulerScheduler(
        sigma_min=0.002, sigma_max=120.0, sigma_data=1.0, sigma_schedule="exponential", prediction_type="v_prediction"
    )
