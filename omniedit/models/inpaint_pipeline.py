"""Pipeline of the inpainting specialist, with the argument names of diffusers' inpainting pipelines."""

from collections.abc import Sequence
from typing import Any

import torch
from diffusers.image_processor import VaeImageProcessor
from diffusers.pipelines.pipeline_utils import ImagePipelineOutput
from diffusers.schedulers.scheduling_utils import SchedulerMixin
from diffusers.utils.torch_utils import randn_tensor
from PIL import Image

from omniedit.models.codec import BLOCK, Vae, decode
from omniedit.models.flow_pipeline import FlowPipeline
from omniedit.models.inpaintnet import MASK_CHANNELS, InpaintNet, inpainting_condition
from omniedit.models.sampling import Guidance, SamplerState, sample
from omniedit.models.text import Text


class InpaintPipeline(FlowPipeline):
    """Pipeline that fills holes of images according to prompts. It does not paste the fills into the images.

    Args:
        transformer: network trained by scripts/train_inpainting.py.
        text_encoder, tokenizer: MiniLM, or SD3's first CLIP, which needs the other two encoders as well.
        resolution: the network was trained on images of about resolution^2 pixels and does poorly on larger ones.

    Raises:
        ValueError: the scheduler cannot sample a flow.
    """

    def __init__(
        self,
        transformer: InpaintNet,
        vae: Vae,
        text_encoder: Any,
        tokenizer: Any,
        scheduler: SchedulerMixin,
        text_encoder_2: Any = None,
        tokenizer_2: Any = None,
        text_encoder_3: Any = None,
        tokenizer_3: Any = None,
        resolution: int = 1024,
    ) -> None:
        super().__init__()
        text = Text(text_encoder, tokenizer, text_encoder_2, tokenizer_2, text_encoder_3, tokenizer_3)
        self._register_parts(transformer, vae, scheduler, text)
        self.register_to_config(resolution=resolution)
        self.vae_scale_factor = BLOCK
        self.image_processor = VaeImageProcessor(vae_scale_factor=BLOCK)
        self.mask_processor = VaeImageProcessor(
            vae_scale_factor=BLOCK, do_normalize=False, do_binarize=True, do_convert_grayscale=True
        )

    @torch.no_grad()
    def __call__(
        self,
        prompt: Sequence[str],
        image: Sequence[Image.Image],
        mask_image: Sequence[Image.Image],
        height: int,
        width: int,
        num_inference_steps: int = 28,
        guidance_scale: float = 7.0,
        generator: Sequence[torch.Generator] | None = None,
        output_type: str = "np",
    ) -> ImagePipelineOutput:
        """Generate whole images of `height` x `width`. Outside the holes they nearly match the input.

        Args:
            image: one for each prompt.
            mask_image: white where the hole is.
            height, width: multiples of 16.
            guidance_scale: how strongly the prompts are followed; 1 turns guidance off.
            output_type: "pil", "np" or "pt".
        """
        device = self._execution_device
        images = self.image_processor.preprocess(list(image), height, width).to(device)
        holes = self.mask_processor.preprocess(list(mask_image), height, width).to(device)
        condition = inpainting_condition(self.vae, images, holes)
        conditioning = self._encode_prompts(condition, prompt, [""] * len(prompt))
        generators = None if generator is None else list(generator)
        noise = randn_tensor(condition[:, :-MASK_CHANNELS].shape, generator=generators, device=device)
        guidance = Guidance(text=guidance_scale, image=1.0)
        options: dict[str, Any] = {"progress": self.progress_bar, "generators": generators}
        state = SamplerState(conditioning, guidance, noise)
        latents = sample(self.transformer, self.scheduler, state, num_inference_steps, **options)
        painted = decode(self.vae, latents).float()
        self.maybe_free_model_hooks()
        return ImagePipelineOutput(images=self.image_processor.postprocess(painted, output_type))
