"""Inpainting by the run's own specialist, or by diffusers pipelines: FLUX.1 Fill, SDXL's inpainting UNet, SD3."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from diffusers.pipelines.flux.pipeline_flux_fill import FluxFillPipeline
from diffusers.pipelines.stable_diffusion_3.pipeline_stable_diffusion_3_inpaint import StableDiffusion3InpaintPipeline
from diffusers.pipelines.stable_diffusion_xl.pipeline_stable_diffusion_xl_inpaint import (
    StableDiffusionXLInpaintPipeline,
)
from PIL import Image as PillowImage

from omniedit.errors import UserError
from omniedit.imaging.images import Image, Mask, levels
from omniedit.models.adaptive_batches import OomAdaptiveBatcher, map_by_size
from omniedit.models.inpaint_pipeline import InpaintPipeline
from omniedit.models.pipeline_folder import load_pipeline
from omniedit.specialists.learned.canvas import Canvas, composite


@dataclass(frozen=True)
class Hole:
    """Hole in a photo, and what to paint into it.

    Args:
        image: (H, W, 3) RGB.
        mask: (H, W), where to paint.
        prompt: description of what to paint.
        seed: seed of the noise. The result depends only on the hole and the seed.
    """

    image: Image
    mask: Mask
    prompt: str
    seed: int


@dataclass(frozen=True)
class InpainterKind:
    """Kind of inpainting pipeline.

    Args:
        options: arguments of its call: the authors' guidance, and pure noise as the start in the hole.
    """

    pipeline: type[Any]
    steps: int
    options: Mapping[str, Any] = field(default_factory=dict)


KINDS = {
    kind.pipeline.__name__: kind
    for kind in (
        InpainterKind(InpaintPipeline, 28, {"guidance_scale": 7.0}),
        InpainterKind(FluxFillPipeline, 50, {"guidance_scale": 30.0, "max_sequence_length": 512}),
        InpainterKind(StableDiffusionXLInpaintPipeline, 30, {"guidance_scale": 7.5, "strength": 1.0}),
        InpainterKind(StableDiffusion3InpaintPipeline, 28, {"guidance_scale": 7.0, "strength": 1.0}),
    )
}
"""Kinds by the class in config/models.yaml. `StableDiffusion3ControlNetInpaintingPipeline` is left out: it samples the
masked image's latents with torch's global generator, so results would not depend on the seed."""


class Inpainter:
    """Painter of holes, in batches of one size.

    Args:
        steps: denoising steps; None for the default of the kind.
        resolution: a photo of more than resolution^2 pixels is painted at a smaller size, and only its hole is scaled
            back up.
    """

    kinds: ClassVar[Mapping[str, InpainterKind]] = KINDS

    def __init__(self, pipeline: Any, batch_size: int = 4, steps: int | None = None, resolution: int = 1024) -> None:
        self.pipeline = pipeline
        # The run's own pipeline was trained at a fixed resolution.
        self.resolution = min(resolution, pipeline.config.get("resolution", resolution))
        self.kind = self.kinds[type(pipeline).__name__]
        self.steps = steps or self.kind.steps
        self.batches = OomAdaptiveBatcher(batch_size)
        self._thread = ThreadPoolExecutor(1, "full size")

    @classmethod
    def load(
        cls, folder: Path, class_name: str, dtype: torch.dtype = torch.float32, device: str = "cpu", **options: Any
    ) -> "Inpainter":
        """Load a pipeline from a folder.

        Args:
            class_name: key of `KINDS`.

        Raises:
            UserError: the class is not supported, or the folder cannot be loaded.
        """
        if class_name not in KINDS:
            problem = f"class {class_name} is not supported for inpainting; use one of {', '.join(KINDS)}"
            raise UserError(f"config/models.yaml: {problem}")
        return cls(load_pipeline(folder, KINDS[class_name].pipeline, dtype).to(device), **options)

    def fill(self, holes: Sequence[Hole]) -> list[Image]:
        """Return the photos with their holes painted, in order. Pixels outside a hole are unchanged."""
        paint = partial(self.batches.map, self._paint_all)
        painted = map_by_size(paint, holes, lambda hole: self._canvas(hole).padded)
        return [future.result() for future in painted]

    def _paint_all(self, holes: Sequence[Hole]) -> list[Future[Image]]:
        """Paint holes on the device; a thread composites them into their photos while the next are painted."""
        laid_out = [(self._canvas(hole), hole) for hole in holes]
        height, width = laid_out[0][0].padded
        output = self.pipeline(
            prompt=[hole.prompt for hole in holes],
            image=[PillowImage.fromarray(canvas.to_model(hole.image)) for canvas, hole in laid_out],
            mask_image=[PillowImage.fromarray(canvas.to_model_mask(hole.mask)) for canvas, hole in laid_out],
            height=height,
            width=width,
            num_inference_steps=self.steps,
            generator=[torch.Generator().manual_seed(hole.seed) for hole in holes],
            output_type="np",
            **self.kind.options,
            **self.guidance(laid_out),
        )
        return [
            self._thread.submit(_set_in, hole, canvas, painted)
            for (canvas, hole), painted in zip(laid_out, levels(np.asarray(output.images)), strict=True)
        ]

    def guidance(self, laid_out: Sequence[tuple[Canvas, Any]]) -> dict[str, Any]:
        """Return further arguments of the pipeline's call for holes on their canvases."""
        return {}

    def _canvas(self, hole: Hole) -> Canvas:
        return Canvas.of(hole.image, self.resolution, grid=2 * self.pipeline.vae_scale_factor)


def _set_in(hole: Hole, canvas: Canvas, painted: Image) -> Image:
    return composite(hole.image, canvas.from_model(painted), hole.mask)
