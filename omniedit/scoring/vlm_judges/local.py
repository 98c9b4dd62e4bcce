"""Judge `vlm` in transformers: any image-text-to-text model, such as Qwen-VL, InternVL or LLaVA-OneVision.

Only safetensors are loaded; code of a repository never runs. Prompts use the model's own chat template, and images its
own image processor.
"""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, Self

import torch
import transformers
from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES

from omniedit.config.schema import VlmConfig
from omniedit.errors import UserError
from omniedit.imaging.images import Image
from omniedit.models.adaptive_batches import OomAdaptiveBatcher
from omniedit.models.folder import load_part, read_config
from omniedit.models.loading import default_device
from omniedit.models.processors import load_processor
from omniedit.scoring.examples import Example, RubricScores
from omniedit.scoring.reply_parser import Unscorable
from omniedit.scoring.rubric import Question, Rubric
from omniedit.scoring.vlm_judges.adapter import merge_adapter
from omniedit.scoring.vlm_judges.chat import ChatJudge
from omniedit.scoring.vlm_judges.images import ImageEncoder, ImageInputs, placeholders, prepare_image
from omniedit.scoring.vlm_judges.passes import TokenPrompt
from omniedit.scoring.vlm_judges.readout import ScoreReader, build_reader, to_tokens
from omniedit.scoring.vlm_judges.rubric_judge import ParsedScores

Shown = Mapping[str, ImageInputs]
"""Prepared images of an example by name."""


class LocalJudge(ChatJudge):
    """Judge that asks a model in transformers each question of a rubric about a batch of examples.

    Args:
        model: image-text-to-text model, on the device where it will run.
        processor: processor of `omniedit.models.processors`.
        settings: readout, version and name, as in `ChatJudge`.
    """

    def __init__(self, model: Any, processor: Any, rubric: Rubric, options: VlmConfig, *settings: str) -> None:
        super().__init__(processor, rubric, options, *settings)
        self.model = model
        self._readers = {
            task: [self.build_reader(question) for question in self.variant(task).questions]
            for task in ("", *rubric.tasks)
        }
        self._shots: dict[int, ImageInputs] = {}
        self._batches = OomAdaptiveBatcher(options.batch_size)
        self._threads = ThreadPoolExecutor(len(os.sched_getaffinity(0)))

    @classmethod
    def load(cls, folder: Path, rubric: Rubric, options: VlmConfig, *settings: str) -> Self:
        """Load a judge in bfloat16 on the GPU if there is one, else in float32 on the CPU.

        Raises:
            UserError: the folder is missing or incomplete, its model is of a different class, it has no tokenizer or
                processor, or the adapter does not fit.
        """
        return cls(load_model(folder, options.adapter), load_processor(folder), rubric, options, *settings)

    def build_reader(self, question: Question) -> ScoreReader:
        """Build the reader of a question's scores."""
        form, temperature = question.reply_form, self.rubric.temperature
        return build_reader(self.readout, self.model, self.tokenizer, form, question.max_tokens, temperature)

    def mark_task(self, task: str, examples: Sequence[Example], seed: int) -> list[RubricScores | Unscorable]:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            return self._batches.map(partial(self._mark_batch, task), examples)

    def prompt(self, question: Question, example: Example, shown: Shown) -> TokenPrompt:
        """Return the tokens of a chat turn, with as many image tokens for each image as the model needs.

        Raises:
            UserError: the chat template does not place images.
        """
        parts = self.parts(question, example)
        before, *after = self.turn(parts).split(self.processor.image_token)
        texts = placeholders(self.processor, self.inputs(parts, example, shown))
        return to_tokens(self.tokenizer, before + "".join(chain.from_iterable(zip(texts, after, strict=True))))

    def inputs(self, parts: Sequence[str | Image], example: Example, shown: Shown) -> list[ImageInputs]:
        """Return the prepared images among the parts of a question: images of the example and of the shots."""
        names = {id(image): name for name, image in example.images.items()}
        images = [part for part in parts if not isinstance(part, str)]
        return [shown[names[id(image)]] if id(image) in names else self._shot(image) for image in images]

    def prepare_images(self, examples: Sequence[Example]) -> list[dict[str, ImageInputs]]:
        """Prepare the images of each example, in parallel."""
        images = [image for example in examples for image in example.images.values()]
        prepared = self._threads.map(lambda image: prepare_image(self.processor, image, self.options), images)
        return [dict(zip(example.images, prepared, strict=False)) for example in examples]

    def _mark_batch(self, task: str, examples: Sequence[Example]) -> list[RubricScores | Unscorable]:
        shown, encode = self.prepare_images(examples), ImageEncoder(self.model)
        answers = [
            self._answers(question, reader, examples, shown, encode)
            for question, reader in zip(self.variant(task).questions, self._readers[task], strict=True)
        ]
        return self.combine_answers(task, answers)

    def _answers(
        self,
        question: Question,
        reader: ScoreReader,
        examples: Sequence[Example],
        shown: Sequence[Shown],
        encode: ImageEncoder,
    ) -> list[ParsedScores | Unscorable]:
        both = list(zip(examples, shown, strict=True))
        prompts = [self.prompt(question, *each) for each in both]
        images = [self.inputs(self.parts(question, example), example, each) for example, each in both]
        return reader(prompts, encode(images))

    def _shot(self, image: Image) -> ImageInputs:
        """Prepare the image of a question's shot, once."""
        if id(image) not in self._shots:
            self._shots[id(image)] = prepare_image(self.processor, image, self.options)
        return self._shots[id(image)]


def load_model(folder: Path, adapter: str | None = None, **options: Any) -> Any:
    """Load an image-text-to-text model in bfloat16 on the GPU if there is one, else in float32 on the CPU.

    Args:
        adapter: LoRA adapter that is merged into the weights; a role or a folder.
        options: further arguments of `from_pretrained`.

    Raises:
        UserError: the folder is missing, incomplete or of a different class, or the adapter does not fit.
    """
    device = default_device()
    dtype = torch.float32 if device.type == "cpu" else torch.bfloat16
    model = load_part(folder, (model_class(folder),), dtype, **options)
    return (merge_adapter(model, adapter) if adapter else model).to(device)


def model_class(folder: Path) -> Any:
    """Return the class of transformers that a folder's config names.

    Raises:
        UserError: the folder has no config, or one for a different kind of model.
    """
    named = read_config(folder / "config.json").get("architectures")
    name: Any = named[0] if isinstance(named, list) and named else None
    if name not in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES.values():
        kind = f"a {name}" if name else "a model without a class"
        raise UserError(f"{folder}: {kind}, not an image-text-to-text model of transformers")
    return getattr(transformers, name)
