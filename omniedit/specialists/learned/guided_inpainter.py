"""Inpainting by SDXL with a reference image and a depth map.

The reference enters by an IP-Adapter (Ye et al. 2023), the depth map by a ControlNet (Zhang et al. 2023).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from diffusers.models.controlnets.controlnet import ControlNetModel
from diffusers.models.embeddings import ImageProjection
from diffusers.pipelines.controlnet.pipeline_controlnet_inpaint_sd_xl import StableDiffusionXLControlNetInpaintPipeline
from diffusers.pipelines.stable_diffusion_xl.pipeline_stable_diffusion_xl_inpaint import (
    StableDiffusionXLInpaintPipeline,
)
from PIL import Image as PillowImage
from torch import Tensor

from omniedit.errors import UserError, one_line
from omniedit.imaging.images import Image
from omniedit.models.folder import load_part
from omniedit.models.pipeline_folder import load_pipeline
from omniedit.specialists.learned.canvas import Canvas
from omniedit.specialists.learned.inpainter import Hole, Inpainter, InpainterKind

WEIGHTS, ENCODER = "sdxl_models/ip-adapter_sdxl_vit-h.safetensors", "models/image_encoder"
"""Files of h94/IP-Adapter: the adapter for SDXL, and the image encoder of both adapters."""
SCALE = 0.8
"""Weight of the reference image relative to the prompt."""
CONTROL_SCALE = 0.9
"""Weight of the depth map, as in ZeST (Cheng et al. 2024)."""


@dataclass(frozen=True)
class GuidedHole(Hole):
    """Hole, with the images that guide the painting.

    Args:
        reference: (h, w, 3) image of the object or of the material to paint.
        control: (H, W, 3) depth map of the photo; None without one.
    """

    reference: Image
    control: Image | None = None


class GuidedInpainter(Inpainter):
    """Painter of guided holes, in batches of one size."""

    kinds: ClassVar[Mapping[str, InpainterKind]] = {
        kind.pipeline.__name__: kind
        for kind in (
            InpainterKind(StableDiffusionXLInpaintPipeline, 30, {"guidance_scale": 7.5, "strength": 1.0}),
            InpainterKind(
                StableDiffusionXLControlNetInpaintPipeline,
                30,
                {"guidance_scale": 7.5, "strength": 1.0, "controlnet_conditioning_scale": CONTROL_SCALE},
            ),
        )
    }

    @classmethod
    def load_guided(
        cls,
        base: Path,
        adapter: Path,
        controlnet: Path | None,
        dtype: torch.dtype = torch.float32,
        device: str = "cpu",
        **options: Any,
    ) -> "GuidedInpainter":
        """Load SDXL with an IP-Adapter, and with a ControlNet if it is given, from their folders.

        Raises:
            UserError: a folder cannot be loaded, or the base is not an SDXL.
        """
        parts = {} if controlnet is None else {"controlnet": load_part(controlnet, (ControlNetModel,), dtype)}
        kind: Any = StableDiffusionXLControlNetInpaintPipeline if parts else StableDiffusionXLInpaintPipeline
        pipeline = load_pipeline(base, kind, dtype, **parts).to(device)
        folder, _, name = WEIGHTS.partition("/")
        try:
            pipeline.load_ip_adapter(
                str(adapter),
                subfolder=folder,
                weight_name=name,
                image_encoder_folder=ENCODER,
                local_files_only=True,
                low_cpu_mem_usage=False,
            )
        except Exception as error:  # diffusers, safetensors and torch raise different errors for unsuitable weights
            problem = one_line(error, 300)
            raise UserError(f"{adapter}: no IP-Adapter for {base} ({problem}); fetch it again") from None
        pipeline.set_ip_adapter_scale(SCALE)
        # The pipelines repeat the embeddings batch-size times, which mixes up the references of a batch (diffusers
        # 0.42).
        pipeline.prepare_ip_adapter_image_embeds = lambda image, embeddings, *_: embeddings
        return cls(pipeline, **options)

    def guidance(self, laid_out: Sequence[tuple[Canvas, Any]]) -> dict[str, Any]:
        holes = [hole for _, hole in laid_out]
        arguments: dict[str, Any] = {"ip_adapter_image_embeds": [self._embed([hole.reference for hole in holes])]}
        if "controlnet" in self.pipeline.components:
            arguments["control_image"] = [
                PillowImage.fromarray(canvas.to_model(hole.control)) for canvas, hole in laid_out
            ]
        return arguments

    @torch.no_grad()
    def _embed(self, references: Sequence[Image]) -> Tensor:
        """Return embeddings (2B, 1, D) or (2B, 1, tokens, D): first those of an empty image, then the references'."""
        (layer,) = self.pipeline.unet.encoder_hid_proj.image_projection_layers
        images = [PillowImage.fromarray(reference) for reference in references]
        device = self.pipeline._execution_device
        embedded, empty = self.pipeline.encode_image(images, device, 1, not isinstance(layer, ImageProjection))
        return torch.cat([empty, embedded])[:, None]
