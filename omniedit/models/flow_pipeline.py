"""Base of the pipelines that sample a flow: parts, text embeddings, offloading and the state of a call."""

from collections.abc import Iterable, Sequence
from typing import Any

from diffusers.pipelines.pipeline_utils import DiffusionPipeline
from diffusers.schedulers.scheduling_utils import SchedulerMixin
from torch import Tensor

from omniedit.models.codec import Vae
from omniedit.models.conditions import SupportedConditions, get_supported_conditions
from omniedit.models.editor import Editor
from omniedit.models.sampling import Conditioning, check_scheduler
from omniedit.models.text import Text

INSTRUCTION_ENCODER = "instruction_encoder"
"""Name of the part, and of its folder, that reads image and instruction in place of the text encoders."""


class FlowPipeline(DiffusionPipeline):
    """Pipeline of an `Editor`, a VAE, a scheduler and text encoders.

    diffusers reads the names of the parts from the signature of a subclass's `__init__`.
    """

    # diffusers reads these from the class, but declares them as instance attributes.
    model_cpu_offload_seq: Any = "text_encoder->text_encoder_2->text_encoder_3->transformer->vae"
    _optional_components: Any = [  # noqa: RUF012
        *("text_encoder_2", "tokenizer_2", "text_encoder_3", "tokenizer_3", INSTRUCTION_ENCODER)
    ]
    _guidance_scale = 1.0
    _num_timesteps = 0
    _interrupt = False

    def _register_parts(self, transformer: Editor, vae: Vae, scheduler: SchedulerMixin, text: Text) -> None:
        """Register the parts of the pipeline.

        Raises:
            ValueError: the scheduler cannot sample a flow.
        """
        check_scheduler(scheduler)
        self.register_modules(transformer=transformer, vae=vae, scheduler=scheduler, **vars(text))

    def _encode_prompts(self, source: Tensor, prompts: Sequence[str], negatives: Sequence[str]) -> Conditioning:
        """Encode one prompt and one negative prompt for each of the images whose condition is `source`."""
        embeds, pooled = self._text.encode([*prompts, *negatives], self._execution_device)
        return Conditioning(source, *embeds.chunk(2), *pooled.chunk(2))

    @property
    def _text(self) -> Text:
        parts = self.components.items()
        return Text(**{name: part for name, part in parts if name.startswith(("text_encoder", "tokenizer"))})

    def _show_progress(self, timesteps: Tensor) -> Iterable[Tensor]:
        self._num_timesteps = len(timesteps)
        return self.progress_bar(timesteps)

    def _setting(self, name: str, value: float | None) -> Any:
        """Return the value given to a call, or the editor's default if it is None."""
        return self.config[name] if value is None else value

    @property
    def takes(self) -> SupportedConditions:
        """Conditions that the editor takes besides image and instruction."""
        return get_supported_conditions(self.transformer)

    @property
    def num_timesteps(self) -> int:
        """Number of timesteps of the current call; a solver may take more than one per step."""
        return self._num_timesteps

    @property
    def guidance_scale(self) -> float:
        """Guidance scale of the current call."""
        return self._guidance_scale

    @property
    def interrupt(self) -> bool:
        return self._interrupt

    @property
    def _grid(self) -> int:
        """Side in pixels of one of the network's patches."""
        return 8 * self.transformer.adapter.patch
