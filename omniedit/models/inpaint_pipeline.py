"""Pipeline of the inpainting specialist, with the argument names of diffusers' inpainting pipelines."""

from collections.abc import Sequence
from typing import Any

import torch
from diffusers.image_processor import VaeImageProcessor
from diffusers.pipelines.pipeline_utils import DiffusionPipeline, ImagePipelineOutput
from diffusers.schedulers.scheduling_utils import SchedulerMixin
from diffusers.utils.torch_utils import randn_tensor
from PIL import Image

from omniedit.models.codec import BLOCK, Vae, decode
from omniedit.models.inpaintnet import MASK_CHANNELS, InpaintNet, inpainting_condition
from omniedit.models.sampling import Conditioning, Guidance, check_scheduler, sample
from omniedit.models.text import Text


class InpaintPipeline(DiffusionPipeline):
    """Pipeline that fills holes of images according to prompts. It does not paste the fills into the images.

    Args:
        transformer: network trained by scripts/train_inpainting.py.
        text_encoder, tokenizer: MiniLM, or SD3's first CLIP, which needs the other two encoders as well.
        resolution: the network was trained on images of about resolution^2 pixels and does poorly on larger ones.

    Raises:
        ValueError: the scheduler cannot sample a flow.
    """

    # diffusers reads these from the class, but declares them as instance attributes.
    model_cpu_offload_seq: Any = "text_encoder->text_encoder_2->text_encoder_3->transformer->vae"
    _optional_components: Any = ["text_encoder_2", "tokenizer_2", "text_encoder_3", "tokenizer_3"]  # noqa: RUF012

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
        check_scheduler(scheduler)
        self.register_modules(
            transformer=transformer,
            vae=vae,
            text_encoder=text_encoder,
            tokenizer=tokenizer,
            scheduler=scheduler,
            text_encoder_2=text_encoder_2,
            tokenizer_2=tokenizer_2,
            text_encoder_3=text_encoder_3,
            tokenizer_3=tokenizer_3,
        )
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
        """Generate whole images of `height` x `width`, which outside the holes match the input or nearly so.

        Args:
            image: one for each prompt.
            mask_image: white where the hole is.
            height, width: multiples of 16.
            guidance_scale: how strongly the prompts are followed; 1 turns guidance off.
            output_type: "pil", "np" or "pt".
        """
        device = self._execution_device
        results = self.image_processor.preprocess(list(image), height, width).to(device)
        holes = self.mask_processor.preprocess(list(mask_image), height, width).to(device)
        condition = inpainting_condition(self.vae, results, holes)
        texts = self._text.encode([*prompt, *[""] * len(prompt)], device)
        (given, negative), (pooled, negative_pooled) = (embeddings.chunk(2) for embeddings in texts)
        generators = None if generator is None else list(generator)
        noise = randn_tensor(condition[:, :-MASK_CHANNELS].shape, generator=generators, device=device)
        guidance = Guidance(text=guidance_scale, image=1.0)
        asked = Conditioning(condition, given, negative, pooled, negative_pooled)
        latents = sample(
            self.transformer,
            self.scheduler,
            asked,
            guidance,
            noise,
            num_inference_steps,
            self.progress_bar,
            generators=generators,
        )
        painted = decode(self.vae, latents).float()
        self.maybe_free_model_hooks()
        return ImagePipelineOutput(images=self.image_processor.postprocess(painted, output_type))

    @property
    def _text(self) -> Text:
        parts = self.components.items()
        return Text(**{name: part for name, part in parts if name.startswith(("text_encoder", "tokenizer"))})
