"""Pipeline of an editor: takes an image and an instruction, returns the edited image."""

import inspect
import os
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from diffusers.callbacks import MultiPipelineCallbacks, PipelineCallback
from diffusers.image_processor import VaeImageProcessor
from diffusers.pipelines.pipeline_utils import DiffusionPipeline, ImagePipelineOutput
from diffusers.schedulers.scheduling_utils import SchedulerMixin
from diffusers.utils.torch_utils import randn_tensor
from PIL import Image
from torch import Tensor
from torch.nn import functional
from transformers import (
    BertModel,
    BertTokenizer,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    T5EncoderModel,
    T5Tokenizer,
)

from omniedit.imaging.decode import Unreadable, upright_rgb
from omniedit.models.codec import Vae, decode, encode
from omniedit.models.editor import Editor
from omniedit.models.folder import check_vocabularies, pipeline_variant
from omniedit.models.full_size import pad_to_grid, restore_full_size, working_size
from omniedit.models.sampling import Conditioning, Guidance, SamplerState, check_scheduler, sample
from omniedit.models.text import Text

LEAST_SIMILARITY = 0.5
"""Cosine similarity of MiniLM embeddings below which an instruction counts as unlike those of training. docs/editing.md
gives the measured error rates."""
LEAST_CHANGE = 0.01
"""Mean absolute change of values in [0, 1] below which a warning says that an edit changes next to nothing."""
OUTPUT_TYPES = ("pil", "np", "pt", "latent")
ImageLike = Image.Image | np.ndarray | Tensor
"""PIL image of any mode, array (H, W, 3) or tensor (3, H, W), uint8 or in [0, 1]; one more axis for several images."""
Callback = Callable[["EditPipeline", int, Tensor, dict[str, Tensor]], dict[str, Tensor] | None]


class InstructionWarning(UserWarning):
    """Warning that an editor may not have understood an instruction."""


@dataclass(frozen=True)
class PreparedEdit:
    """Inputs of one edit.

    Args:
        full: source image at full size, (1, 3, H, W) in [0, 1].
        size: height and width at which the network sees the image, before padding.
        source: latents of the image at that size, padded, (1, C, h, w).
        noise: initial noise, same shape as `source`.
        generator: generator of the initial noise and of the scheduler's noise; None for torch's global one.
    """

    full: Tensor
    size: tuple[int, int]
    source: Tensor
    noise: Tensor
    instruction: str
    negative: str
    generator: torch.Generator | None


class EditPipeline(DiffusionPipeline):
    """Instruction-based image editor.

    >>> editor = EditPipeline.from_pretrained("results/mini/train/editnet")
    >>> editor(image=photo, instruction="Make it night.").images[0]

    Args:
        transformer: the editor's network, an architecture of `omniedit.models`.
        text_encoder, tokenizer: MiniLM, or SD3's first CLIP, which needs the other two encoders as well.
        scheduler: a diffusers scheduler that `check_scheduler` accepts: FlowMatchEuler, FlowMatchHeun, FlowMatchLCM, or
            a solver with use_flow_sigmas=True and prediction_type="flow_prediction".
        resolution: the network works at about resolution^2 pixels, as in training. Larger images are scaled down for
            it, and the edit is transferred to the image at full size.
        num_inference_steps, guidance_scale, image_guidance_scale: defaults of a call, the editor's best values.
        known_instructions: sample of the training instructions, one per line. An editor over MiniLM warns of
            instructions that are unlike all of them.

    Raises:
        ValueError: the network is not an `Editor`, or the scheduler cannot sample a flow.
    """

    # diffusers reads these from the class, but declares them as instance attributes.
    model_cpu_offload_seq: Any = "text_encoder->text_encoder_2->text_encoder_3->transformer->vae"
    _optional_components: Any = ["text_encoder_2", "tokenizer_2", "text_encoder_3", "tokenizer_3"]  # noqa: RUF012
    _callback_tensor_inputs: Any = ["latents", "prompt_embeds", "pooled_prompt_embeds"]  # noqa: RUF012
    _guidance_scale = 1.0
    _num_timesteps = 0
    _interrupt = False

    def __init__(
        self,
        transformer: Editor,
        vae: Vae,
        text_encoder: BertModel | CLIPTextModelWithProjection,
        tokenizer: BertTokenizer | CLIPTokenizer,
        scheduler: SchedulerMixin,
        text_encoder_2: CLIPTextModelWithProjection | None = None,
        tokenizer_2: CLIPTokenizer | None = None,
        text_encoder_3: T5EncoderModel | None = None,
        tokenizer_3: T5Tokenizer | None = None,
        resolution: int = 1024,
        num_inference_steps: int = 20,
        guidance_scale: float = 1.0,
        image_guidance_scale: float = 1.5,
        known_instructions: str = "",
    ) -> None:
        super().__init__()
        if not isinstance(transformer, Editor):
            raise ValueError(f"transformer: a {type(transformer).__name__}, but an editor's network is needed")
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
        self.register_to_config(
            resolution=resolution,
            num_inference_steps=num_inference_steps,
            guidance_scale=guidance_scale,
            image_guidance_scale=image_guidance_scale,
            known_instructions=known_instructions,
        )
        self._known_ND = torch.empty(0)

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | os.PathLike[Any], **options: Any) -> Self:
        """Load an editor from a folder written by `snakemake` or `save_pretrained`, or by its name on the model hub.

        If the folder has weights of one `variant` only, such as "fp16", that variant is loaded.

        Raises:
            FileNotFoundError: the path is neither a folder nor an 'owner/name'.
            UserError: a tokenizer has no vocabulary.
            ValueError: the scheduler cannot sample a flow.
        """
        path = Path(pretrained_model_name_or_path)
        if not path.is_dir() and len(path.parts) != 2:
            raise FileNotFoundError(f"{path}: no such folder; `snakemake all` makes results/mini/train/editnet")
        check_vocabularies(path)
        return super().from_pretrained(path, **({"variant": pipeline_variant(path)} | options))

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
        made = cls(**({name: value for name, value in shared.items() if name in names} | changes))
        return made if dtype is None else made.to(dtype)

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
    ) -> ImagePipelineOutput:
        """Edit images and return them at the sizes of their sources.

        Images that the network sees at the same size are edited in one batch.

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
            output_type: "pil", "np", "pt", or "latent": (C, h, w) each, at the size at which the network works.
            return_dict: False returns a tuple whose first element is the images.
            callback_on_step_end: called as (pipeline, step, timestep, tensors) after each step, once per image size.
                Tensors that it returns replace the current ones. If it sets the pipeline's `_guidance_scale` to 1 or
                less, as diffusers' own callbacks do, guidance of both scales ends. If it sets `_interrupt`, the
                remaining steps are skipped.
            callback_on_step_end_tensor_inputs: names of the tensors passed to the callback, from "latents",
                "prompt_embeds" and "pooled_prompt_embeds". Embeddings are those of negative prompts, then of
                instructions; the callback may return only the latter.

        Warns:
            InstructionWarning: an instruction is unlike those of training, or an edit changes next to nothing.

        Raises:
            ValueError: the arguments do not match, an image cannot be read, or sampling produced non-finite values.
        """
        steps = self._own("num_inference_steps", num_inference_steps)
        text_scale = self._own("guidance_scale", guidance_scale)
        image_scale = self._own("image_guidance_scale", image_guidance_scale)
        if not isinstance(steps, int | np.integer) or steps < 1:
            raise ValueError(f"num_inference_steps: {steps!r}, but a whole number of at least 1 is needed")
        for name, given in (("guidance_scale", text_scale), ("image_guidance_scale", image_scale)):
            if not isinstance(given, int | float | np.number):
                raise ValueError(f"{name}: {given!r}, but a number is needed")
        if output_type not in OUTPUT_TYPES:
            raise ValueError(f"output_type: {output_type!r} is not one of {', '.join(OUTPUT_TYPES)}")
        names = _tensor_inputs(callback_on_step_end, callback_on_step_end_tensor_inputs)
        if unknown := set(names) - set(self._callback_tensor_inputs):
            known = ", ".join(self._callback_tensor_inputs)
            raise ValueError(f"callback_on_step_end_tensor_inputs: {min(unknown)!r} is not one of {known}")
        check_scheduler(self.scheduler)
        self._interrupt = False
        edits = self._edits(image, instruction, negative_prompt or "", generator)
        guidance = Guidance(text_scale, image_scale)
        finished: dict[int, Tensor] = {}
        for places in _together(edits):
            batch = [edits[place] for place in places]
            latents = self._sample_latents(batch, guidance, int(steps), callback_on_step_end, names)
            if output_type == "latent":
                finished |= dict(zip(places, latents, strict=True))
            else:
                finished |= {place: self._decode_edit(edits[place], latents[[i]]) for i, place in enumerate(places)}
        self.maybe_free_model_hooks()
        output = ImagePipelineOutput(images=_as_type([finished[i] for i in range(len(edits))], output_type))
        return output if return_dict else output.to_tuple()  # type: ignore[return-value]

    def _edits(
        self,
        image: ImageLike | Sequence[ImageLike],
        instruction: str | Sequence[str],
        negative: str | Sequence[str],
        generator: torch.Generator | Sequence[torch.Generator] | None,
    ) -> list[PreparedEdit]:
        images, instructions, negatives = _images(image), _as_list(instruction), _as_list(negative)
        generators: list[torch.Generator | None] = _as_list(generator)
        count = len(images)
        if not images:
            raise ValueError("image: an empty list; give one image or several")
        _check_types("instruction", instructions, str, '"Make it night."')
        _check_types("negative_prompt", negatives, str, '"blurry"')
        if broken := [text for text in (*instructions, *negatives) if re.search("[\ud800-\udfff]", text)]:
            raise ValueError(f"instruction: {broken[0][:100]!a} has half of a surrogate pair; decode it as UTF-8")
        if generator is not None:
            _check_types("generator", generators, torch.Generator, "torch.Generator().manual_seed(0)")
        for name, given in (
            ("instructions", instructions),
            ("negative prompts", negatives),
            ("generators", generators),
        ):
            if len(given) not in (1, count):
                raise ValueError(f"{count} images, {len(given)} {name}: give one for all, or one for each")
        each = (given * count if len(given) == 1 else given for given in (instructions, negatives, generators))
        return [self._edit(*one) for one in zip(images, *each, strict=True)]

    def _edit(
        self, image: ImageLike, instruction: str, negative: str, generator: torch.Generator | None
    ) -> PreparedEdit:
        device = self._execution_device
        full = _as_tensor(image)[None].to(device)
        longest = self._grid * self.transformer.base.config.pos_embed_max_size
        size = working_size(full.shape[-2], full.shape[-1], self.config["resolution"], longest)
        small = functional.interpolate(full, size, mode="bilinear", antialias=True)
        source = encode(self.vae, 2 * pad_to_grid(small, self._grid) - 1)
        noise = randn_tensor(source.shape, generator=generator, device=device)
        return PreparedEdit(full, size, source, noise, instruction, negative, generator)

    def _sample_latents(
        self, edits: Sequence[PreparedEdit], guidance: Guidance, steps: int, callback: Any | None, names: Sequence[str]
    ) -> Tensor:
        """Sample the latents of the edited images, (B, C, h, w)."""

        def after_step(step: int, timestep: Tensor, course: SamplerState) -> None:
            if callback:
                tensors = _tensors(course)
                _go_on_with(course, callback(self, step, timestep, {name: tensors[name] for name in names}) or {})
                if self._guidance_scale != course.guidance.text:
                    scale = self._guidance_scale
                    course.guidance = Guidance(scale, guidance.image) if scale > 1 else Guidance(1.0, 1.0)
                    self._guidance_scale = course.guidance.text
                course.stopped = self._interrupt

        def counted(timesteps: Tensor) -> Iterable[Tensor]:
            self._num_timesteps = len(timesteps)
            return self.progress_bar(timesteps)

        self._guidance_scale = guidance.text
        texts = [edit.instruction for edit in edits] + [edit.negative for edit in edits]
        prompt, pooled = self._text.encode(texts, self._execution_device)
        for text, pooled_D in dict(zip(texts[: len(edits)], pooled, strict=False)).items():
            self._warn_of_unknown(text, pooled_D)
        asked = Conditioning(torch.cat([edit.source for edit in edits]), *_halves(prompt), *_halves(pooled))
        noise = torch.cat([edit.noise for edit in edits])
        generators = [edit.generator for edit in edits if edit.generator is not None] or None
        latents = sample(
            self.transformer, self.scheduler, asked, guidance, noise, steps, counted, after_step, generators
        )
        if not latents.isfinite().all():
            raise ValueError(
                f"sampling gave NaN or infinite values, at guidance scales {guidance.text:g} and {guidance.image:g}"
            )
        return latents

    def _warn_of_unknown(self, instruction: str, pooled_D: Tensor) -> None:
        """Warn if the embedding of an instruction is far from those of all known instructions."""
        known = self.config.get("known_instructions", "").splitlines()
        if not known or not instruction.strip() or self._text.is_sd3:
            return
        if not len(self._known_ND):
            self._known_ND = self._text.encode(known, self._execution_device)[1]
        similarity_N = functional.cosine_similarity(self._known_ND.to(pooled_D), pooled_D[None])
        nearest = int(similarity_N.argmax())
        if similarity_N[nearest] < LEAST_SIMILARITY:
            message = (
                f"instruction: {instruction[:200]!r} is unlike the instructions of the editor's training (nearest: "
                f"{known[nearest]!r}); the edit may change little, or the wrong thing"
            )
            warnings.warn(message, InstructionWarning, stacklevel=2)

    def _decode_edit(self, edit: PreparedEdit, latents: Tensor) -> Tensor:
        """Decode the latents of an edit to the edited image at full size, (3, H, W) in [0, 1]."""
        height, width = edit.size
        images = (decode(self.vae, each).float()[..., :height, :width] for each in (edit.source, latents))
        source, edited = ((image + 1) / 2 for image in images)
        if (edited - source).abs().mean() < LEAST_CHANGE:
            message = f"instruction: {edit.instruction[:200]!r} changes next to nothing in an image"
            warnings.warn(message, InstructionWarning, stacklevel=2)
        return restore_full_size(edit.full, source, edited)[0].cpu()

    def _own(self, name: str, given: float | None) -> Any:
        """Return the value given to a call, or the editor's own if None."""
        return self.config[name] if given is None else given

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
    def _text(self) -> Text:
        parts = self.components.items()
        return Text(**{name: part for name, part in parts if name.startswith(("text_encoder", "tokenizer"))})

    @property
    def _grid(self) -> int:
        """Side of one of the network's patches in pixels."""
        return 8 * self.transformer.base.config.patch_size


def _as_list(given: Any) -> list:
    return list(given) if isinstance(given, Sequence) and not isinstance(given, str | bytes) else [given]


def _check_types(name: str, given: Sequence[object], kind: type, example: str) -> None:
    """Check the types of an argument's values.

    Raises:
        ValueError: a value is of another type.
    """
    for value in given:
        if not isinstance(value, kind):
            library = type(value).__module__.partition(".")[0]
            of = "" if library == "builtins" else f" of {library}"
            found = "None" if value is None else f"a {type(value).__name__}{of}"
            raise ValueError(f"{name}: {found}, but a {kind.__name__} is needed, such as {example}, or a list of them")


def _together(edits: Sequence[PreparedEdit]) -> Iterator[list[int]]:
    """Group the indices of edits by the size of their latents."""

    def size(place: int) -> tuple[int, ...]:
        return tuple(edits[place].source.shape)

    return (list(places) for _, places in groupby(sorted(range(len(edits)), key=size), size))


def _halves(stacked: Tensor) -> tuple[Tensor, Tensor]:
    """Split embeddings into those of instructions and those of negative prompts, the order of `Conditioning`."""
    first, second = stacked.chunk(2)
    return first, second


def _tensor_inputs(callback: Any, names: Sequence[str]) -> Sequence[str]:
    """Return the names of the tensors passed to a callback; diffusers' own callbacks declare theirs."""
    return callback.tensor_inputs if isinstance(callback, PipelineCallback | MultiPipelineCallbacks) else names


def _tensors(course: SamplerState) -> dict[str, Tensor]:
    """Return the tensors that a callback may read and change, by diffusers' names."""
    asked = course.asked
    return {
        "latents": course.latents,
        "prompt_embeds": torch.cat([asked.negative, asked.prompt]),
        "pooled_prompt_embeds": torch.cat([asked.negative_pooled, asked.pooled]),
    }


def _go_on_with(course: SamplerState, given: Mapping[str, Tensor]) -> None:
    """Update the state with the tensors that a callback returned.

    Raises:
        ValueError: embeddings for another number of images.
    """
    course.latents = given.get("latents", course.latents)
    count = len(course.latents)
    for name, fields in (
        ("prompt_embeds", ("negative", "prompt")),
        ("pooled_prompt_embeds", ("negative_pooled", "pooled")),
    ):
        if name in given:
            parts = given[name].split(count)
            if len(given[name]) not in (count, 2 * count):
                raise ValueError(
                    f"callback_on_step_end: returned {len(given[name])} {name} for {count} images of one size"
                )
            course.asked = replace(course.asked, **dict(zip(fields[-len(parts) :], parts, strict=True)))


def _images(given: Any) -> list:
    """Return a list of single images from one image, a sequence, or an array or tensor of several."""
    if isinstance(given, np.ndarray | Tensor):
        return list(given) if given.ndim == 4 else [given]
    return _as_list(given)


def _as_tensor(image: ImageLike) -> Tensor:
    """Convert an image to an upright tensor, (3, H, W) in [0, 1]."""
    if isinstance(image, np.ndarray):
        try:
            numbers = torch.from_numpy(image.copy())  # the array may be read-only
        except TypeError:
            raise ValueError(f"image: values must be uint8, or floating-point in [0, 1], not {image.dtype}") from None
        return _check_image(numbers.permute(2, 0, 1) if image.ndim == 3 else numbers)
    if isinstance(image, Tensor):
        return _check_image(image)
    if not isinstance(image, Image.Image):
        raise ValueError(f"image: a {type(image).__name__}, but a PIL image is needed; open it with PIL.Image.open")
    try:
        return VaeImageProcessor.numpy_to_pt(VaeImageProcessor.pil_to_numpy(upright_rgb(image)))[0]
    except (Unreadable, OSError) as error:
        raise ValueError(f"image: {error}") from error


def _check_image(image: Tensor) -> Tensor:
    """Check the shape and values of an image tensor and return it as floats in [0, 1]."""
    if image.ndim != 3 or image.shape[0] != 3 or 0 in image.shape:
        shape = tuple(image.shape)
        raise ValueError(f"image: (channels, H, W) is {shape}; an array must be (H, W, 3), a tensor (3, H, W)")
    if image.dtype == torch.uint8:
        return image.float() / 255
    if not image.is_floating_point() or not (image.min() >= 0 and image.max() <= 1):
        raise ValueError("image: values must be uint8, or floating-point in [0, 1]")
    return image.float()


def _as_type(images: Sequence[Tensor], output_type: str) -> list:
    if output_type in ("pt", "latent"):
        return list(images)
    arrays = [image.permute(1, 2, 0).numpy() for image in images]
    if output_type == "np":
        return arrays
    return [Image.fromarray((255 * array).round().astype(np.uint8)) for array in arrays]
