"""Pipeline of an editor: takes an image and an instruction, returns the edited image."""

import inspect
import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Self

import torch
from diffusers.callbacks import MultiPipelineCallbacks, PipelineCallback
from diffusers.models.modeling_utils import ModelMixin
from diffusers.pipelines.pipeline_utils import DiffusionPipeline, ImagePipelineOutput
from diffusers.schedulers.scheduling_utils import SchedulerMixin
from diffusers.utils.torch_utils import randn_tensor
from torch import Tensor
from torch.nn import functional
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from omniedit.models.adaptive_batches import map_by_size
from omniedit.models.codec import Vae, encode
from omniedit.models.custom_pipeline import write_custom_pipeline
from omniedit.models.editor import Editor
from omniedit.models.flow_pipeline import INSTRUCTION_ENCODER, FlowPipeline
from omniedit.models.folder import check_vocabularies, pipeline_variant
from omniedit.models.full_size import MAX_RADIUS, pad_to_grid, working_size
from omniedit.models.instruction_warnings import InstructionWarning, is_empty, warn_if_unfamiliar
from omniedit.models.pipeline_arguments import check_scale, check_whole, match_arguments, reject_unknown
from omniedit.models.pipeline_callbacks import TENSORS, Callback, StepCallback
from omniedit.models.pipeline_conditions import EditConditions, encode_references, gather_conditions, match_conditions
from omniedit.models.pipeline_folder import INDEX, check_parts
from omniedit.models.pipeline_images import ImageLike, check_output_type, split_images, to_output_type, to_tensor
from omniedit.models.prepared_edit import PreparedEdit
from omniedit.models.sampling import BRANCHES, Conditioning, Guidance, SamplerState, check_scheduler, sample
from omniedit.models.text import Text

__all__ = ["EditPipeline", "InstructionWarning"]


class EditPipeline(FlowPipeline):
    """Instruction-based image editor.

    >>> editor = EditPipeline.from_pretrained("results/mini/train/editnet")
    >>> editor(image=photo, instruction="Make it night.").images[0]

    Args:
        transformer: the editor's network, an architecture of `omniedit.models`.
        text_encoder, tokenizer: MiniLM, or the first encoder of the base's pipeline, which may need the others as well.
        scheduler: a diffusers scheduler that `check_scheduler` accepts: FlowMatchEuler, FlowMatchHeun, FlowMatchLCM, or
            a solver with use_flow_sigmas=True and prediction_type="flow_prediction".
        resolution: the network works at about resolution^2 pixels, as in training. Larger images are scaled down for
            it, and the edit is transferred to the image at full size.
        num_inference_steps, guidance_scale, image_guidance_scale: defaults of a call, the editor's best values.
        known_instructions: sample of the training instructions, one per line. An editor over MiniLM warns of
            instructions that are unlike all of them.
        instruction_encoder: multimodal language model that reads image and instruction in place of the text encoders.
        guided_radius: radius in pixels, at the network's resolution, of a guided filter that makes the change follow
            the image's outlines; for a network that is too small to draw these outlines; 0 for none, at most
            `MAX_RADIUS`.

    Raises:
        ValueError: the network is not an `Editor`, the scheduler cannot sample a flow, or a setting is out of range.
    """

    _callback_tensor_inputs: Any = [*TENSORS]  # noqa: RUF012 (read by diffusers, which declares it so)

    def __init__(
        self,
        transformer: Editor,
        vae: Vae,
        text_encoder: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        scheduler: SchedulerMixin,
        text_encoder_2: PreTrainedModel | None = None,
        tokenizer_2: PreTrainedTokenizerBase | None = None,
        text_encoder_3: PreTrainedModel | None = None,
        tokenizer_3: PreTrainedTokenizerBase | None = None,
        resolution: int = 1024,
        num_inference_steps: int = 20,
        guidance_scale: float = 1.0,
        image_guidance_scale: float = 1.5,
        known_instructions: str = "",
        instruction_encoder: ModelMixin | None = None,
        guided_radius: int = 0,
    ) -> None:
        super().__init__()
        if not isinstance(transformer, Editor):
            raise ValueError(f"transformer: is a {type(transformer).__name__}, but an editor's network is needed")
        if not isinstance(known_instructions, str):
            raise ValueError(f"known_instructions: {known_instructions!r}, but a text with a line for each is needed")
        text = Text(text_encoder, tokenizer, text_encoder_2, tokenizer_2, text_encoder_3, tokenizer_3)
        self._register_parts(transformer, vae, scheduler, text)
        self.register_modules(instruction_encoder=instruction_encoder)
        self.register_to_config(
            resolution=check_whole("resolution", resolution, 1),
            num_inference_steps=check_whole("num_inference_steps", num_inference_steps, 1),
            guidance_scale=check_scale("guidance_scale", guidance_scale),
            image_guidance_scale=check_scale("image_guidance_scale", image_guidance_scale),
            known_instructions=known_instructions,
            guided_radius=check_whole("guided_radius", guided_radius, 0, MAX_RADIUS),
        )
        self._known_ND = torch.empty(0)

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | os.PathLike[Any], **options: Any) -> Self:
        """Load an editor from a folder written by `snakemake` or `save_pretrained`, or by its name on the model hub.

        If the folder has the weights of only one `variant`, such as "fp16", that variant is loaded.

        Raises:
            FileNotFoundError: the path is neither the folder of an editor nor an 'owner/name'.
            UserError: a tokenizer has no vocabulary, or the weights in a network's files do not match its class.
            ValueError: the scheduler cannot sample a flow.
        """
        path = Path(pretrained_model_name_or_path)
        if not path.is_dir():
            if len(path.parts) != 2:
                raise FileNotFoundError(f"{path}: no such folder; `snakemake all` makes results/mini/train/editnet")
            path = Path(cls.download(str(path), **options))
        if not (path / INDEX).is_file():
            raise FileNotFoundError(f"{path}: no {INDEX}; give the folder that training or `save_pretrained` wrote")
        if (path / INSTRUCTION_ENCODER).is_dir():
            import omniedit.models.encoders.mllm  # noqa: F401 (diffusers loads parts of imported modules only)
        options = {"variant": pipeline_variant(path)} | options
        check_vocabularies(path)
        check_parts(path, options, options["variant"])
        return super().from_pretrained(path, **options)

    def save_pretrained(self, save_directory: str | os.PathLike[Any], *args: Any, **options: Any) -> None:
        """Save the parts as diffusers does, and the file that `DiffusionPipeline.from_pretrained` needs to load
        them.
        """
        super().save_pretrained(save_directory, *args, **options)
        write_custom_pipeline(Path(save_directory))

    @classmethod
    def from_pipe(cls, pipeline: DiffusionPipeline, **changes: Any) -> Self:
        """Return a pipeline that shares the parts and settings of another one.

        Unlike diffusers' method, it keeps the precision of the shared parts.

        Args:
            changes: parts and settings to replace, and `dtype` to convert the parts.

        Raises:
            ValueError: the network of the other pipeline is not an `Editor`.
        """
        dtype = changes.pop("dtype", changes.pop("torch_dtype", None))
        names = inspect.signature(cls).parameters
        shared = {**pipeline.config, **pipeline.components}
        created = cls(**({name: value for name, value in shared.items() if name in names} | changes))
        return created if dtype is None else created.to(dtype)

    @torch.no_grad()
    def __call__(
        self,
        image: ImageLike | Sequence[ImageLike],
        instruction: str | Sequence[str],
        num_inference_steps: int | None = None,
        guidance_scale: float | None = None,
        image_guidance_scale: float | None = None,
        negative_prompt: str | Sequence[str] | None = None,
        generator: torch.Generator | Sequence[torch.Generator] | None = None,
        output_type: str = "pil",
        return_dict: bool = True,
        callback_on_step_end: Callback | PipelineCallback | MultiPipelineCallbacks | None = None,
        callback_on_step_end_tensor_inputs: Sequence[str] = ("latents",),
        embedded_guidance_scale: float | None = None,
        references: Sequence[ImageLike] | Sequence[Sequence[ImageLike]] | None = None,
        task: str | Sequence[str | None] | None = None,
        reference_captions: Sequence[str | None] | Sequence[Sequence[str | None]] | None = None,
        **unknown: Any,
    ) -> ImagePipelineOutput:
        """Edit images and return them at the sizes of their sources.

        Images of the same size at the network's resolution are edited in one batch.

        Args:
            image: one image or several, of any sizes and modes. An EXIF orientation is applied, and alpha is blended
                with white. Arrays (H, W, 3) or (B, H, W, 3) and tensors (3, H, W) or (B, 3, H, W) are uint8 or in
                [0, 1].
            instruction: one for all images, or one for each.
            num_inference_steps: number of sampling steps. Here and below, None takes the editor's value from `config`.
            guidance_scale: how strongly the instruction is followed; 1 turns this guidance off.
            image_guidance_scale: how strongly the source image is preserved; 1 turns this guidance off.
            negative_prompt: text that guidance leads away from; one for all images, or one for each.
            generator: generator of all noise, including that of a stochastic scheduler's steps; one for all images, or
                one for each.
            output_type: "pil", "np", "pt", or "latent": (C, h, w) each, at the network's resolution.
            return_dict: False returns a tuple whose first element is the images.
            callback_on_step_end: called as (pipeline, step, timestep, tensors) after each step, once per image size.
                Tensors that it returns replace the current ones. If it sets the pipeline's `_guidance_scale` to 1 or
                less, as diffusers' own callbacks do, both guidances end. If it sets `_interrupt`, the remaining steps
                are skipped.
            callback_on_step_end_tensor_inputs: names of the tensors passed to the callback, from "latents",
                "prompt_embeds" and "pooled_prompt_embeds". Embeddings are those of negative prompts, then of
                instructions; the callback may return only the latter.
            embedded_guidance_scale: scale that FLUX.1-dev embeds, in addition to the guidance of the other scales.
            references: reference images of any sizes for all images, or a list of them for each image; for an editor
                that takes references. Each is scaled as a whole to the size of the source image.
            task: name of the task for all images, or one for each; for an editor that takes tasks. None leaves it to
                the editor.
            reference_captions: captions of `references`, in the same form; for an editor that takes them.

        Warns:
            InstructionWarning: an instruction is unlike those of training, or an edit hardly changes its image.

        Raises:
            TypeError: an argument is unknown, such as another pipeline's `prompt`; the message names what replaces it.
            ValueError: the arguments do not match, an image cannot be read, or sampling produced non-finite values.
        """
        reject_unknown(unknown)
        steps = check_whole("num_inference_steps", self._setting("num_inference_steps", num_inference_steps), 1)
        scales = {"guidance_scale": guidance_scale, "image_guidance_scale": image_guidance_scale}
        text, preserve = (check_scale(name, self._setting(name, scale)) for name, scale in scales.items())
        if embedded_guidance_scale is not None:
            check_scale("embedded_guidance_scale", embedded_guidance_scale)
            if not self.transformer.adapter.embeds_guidance:
                raise ValueError("embedded_guidance_scale: this editor's base embeds no guidance; omit it")
        guidance = Guidance(text, preserve, embedded_guidance_scale)
        check_output_type(output_type)
        callback = StepCallback(callback_on_step_end, callback_on_step_end_tensor_inputs)
        check_scheduler(self.scheduler)
        self._interrupt = False
        matched = match_arguments(split_images(image), instruction, negative_prompt or "", generator)
        conditions = match_conditions(references, task, len(matched), self.takes, reference_captions)
        edits = [self._prepare_edit(*matching, more) for matching, more in zip(matched, conditions, strict=True)]

        def edit_batch(batch: Sequence[PreparedEdit]) -> Iterable[Tensor]:
            latents = self._sample_latents(batch, guidance, steps, callback)
            return latents if output_type == "latent" else self._decode_edits(batch, latents)

        edited = map_by_size(edit_batch, edits, lambda edit: tuple(edit.source.shape))
        self.maybe_free_model_hooks()
        output = ImagePipelineOutput(images=to_output_type(edited, output_type))
        return output if return_dict else output.to_tuple()  # type: ignore[return-value]

    def _prepare_edit(
        self, image: ImageLike, instruction: str, negative: str, generator: torch.Generator | None, more: EditConditions
    ) -> PreparedEdit:
        device = self._execution_device
        full = to_tensor(image)[None].to(device)
        longest = self._grid * self.transformer.adapter.longest_side
        size = working_size(full.shape[-2], full.shape[-1], self.config["resolution"], longest)
        small = functional.interpolate(full, size, mode="bilinear", antialias=True)
        source = encode(self.vae, 2 * pad_to_grid(small, self._grid) - 1)
        noise = randn_tensor(source.shape, generator=generator, device=device)
        encoded = encode_references(self.vae, more.references, source)
        conditions = encoded, more.task, more.captions
        return PreparedEdit(full, size, source, noise, instruction, negative, generator, *conditions)

    def _sample_latents(
        self, edits: Sequence[PreparedEdit], guidance: Guidance, steps: int, callback: StepCallback
    ) -> Tensor:
        """Sample the latents of the edited images, (B, C, h, w).

        Raises:
            ValueError: sampling produced non-finite values.
        """
        self._guidance_scale = guidance.text
        source, noise = (torch.cat(tensors) for tensors in zip(*((e.source, e.noise) for e in edits), strict=True))
        branches = BRANCHES if callback.function else tuple(guidance.weights())  # a callback may change the guidance
        encode_texts = partial(self._text.encode, device=self._execution_device)
        conditions = gather_conditions(edits, self.takes, encode_texts)
        encoded = replace(self._encode_edits(edits, source, branches), **conditions)
        generators = [edit.generator for edit in edits if edit.generator is not None] or None
        after_step = partial(self._after_step, callback, guidance)
        latents = sample(
            self.transformer,
            self.scheduler,
            SamplerState(encoded, guidance, noise),
            steps,
            self._show_progress,
            after_step,
            generators,
        )
        if not latents.isfinite().all():
            raise ValueError(
                f"sampling gave NaN or infinite values, at guidance scales {guidance.text:g} and {guidance.image:g}"
            )
        return latents

    def _encode_edits(self, edits: Sequence[PreparedEdit], source: Tensor, branches: Sequence[str]) -> Conditioning:
        """Encode the instructions of edits of one size, and warn if one is unlike all known ones.

        Args:
            branches: branches of the guidance in use; a language model reads image and instruction for each branch.
        """
        if self.instruction_encoder is not None:
            from omniedit.models.encoders.conditioning import read_edits  # peft takes a second to import

            return read_edits(self.instruction_encoder, edits, source, branches)
        instructions = [edit.instruction for edit in edits]
        conditioning = self._encode_prompts(source, instructions, [edit.negative for edit in edits])
        for text, pooled_D in dict(zip(instructions, conditioning.pooled, strict=True)).items():
            self._warn_of_unknown(text, pooled_D)
        return conditioning

    def _after_step(
        self, callback: StepCallback, guidance: Guidance, step: int, timestep: Tensor, state: SamplerState
    ) -> None:
        """Call the callback, and apply its changes to the guidance scale of the call and to interruption."""
        if not callback.function:
            return
        callback(self, step, timestep, state)
        if self._guidance_scale != state.guidance.text:
            scale = self._guidance_scale
            text, image = (scale, guidance.image) if scale > 1 else (1.0, 1.0)
            state.guidance = replace(guidance, text=text, image=image)
            self._guidance_scale = state.guidance.text
        state.stopped = self._interrupt

    def _warn_of_unknown(self, instruction: str, pooled_D: Tensor) -> None:
        """Warn if the embedding of an instruction is far from those of all known instructions."""
        known = self.config.get("known_instructions", "").splitlines()
        if is_empty(instruction) or not known or not self._text.is_minilm:
            return
        if not len(self._known_ND):
            self._known_ND = self._text.encode(known, self._execution_device)[1]
        warn_if_unfamiliar(instruction, pooled_D, known, self._known_ND)

    def _decode_edits(self, edits: Sequence[PreparedEdit], latents: Tensor) -> list[Tensor]:
        radius = self.config["guided_radius"]
        return [edit.decode(self.vae, latents[[i]], radius) for i, edit in enumerate(edits)]
