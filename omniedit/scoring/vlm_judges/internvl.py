"""Judge `internvl`: InternVL2.5, InternVL3 and similar models with transformers' own classes, from a local folder.

Checkpoints whose names end in -hf have the right format. Only safetensors are loaded; code of a repository never runs.
The checkpoint's own image processor cuts an image into tiles. Its PIL version is used, so that the pixels are the same
with and without torchvision (transformers' InternVLProcessor needs it, for videos).

    N  tiles of an image     S  side of a tile
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor
from transformers import GotOcr2ImageProcessorPil, InternVLForConditionalGeneration

from omniedit.config.schema import InternvlConfig
from omniedit.errors import UserError
from omniedit.imaging.images import Image
from omniedit.models.adaptive_batches import OomAdaptiveBatcher
from omniedit.models.folder import load_part
from omniedit.models.loading import default_device
from omniedit.scoring.examples import Example, RubricScores
from omniedit.scoring.reply_parser import Unscorable
from omniedit.scoring.rubric import Question, Rubric
from omniedit.scoring.vlm_judges.chat import ChatJudge, load_tokenizer
from omniedit.scoring.vlm_judges.readout import MAX_REPLY_TOKENS, ScoreReader, TokenPrompt, build_reader, to_tokens
from omniedit.scoring.vlm_judges.rubric_judge import Reading

Tiles = dict[str, Tensor]
"""Tiles of an example's images by name, (N, 3, S, S) each."""


class InternvlJudge(ChatJudge):
    """Judge that asks an InternVL in transformers each question of a rubric about a batch of examples.

    Args:
        model: on the device where it is to run.
        tokenizer: transformers tokenizer with a chat template and named tokens around an image.
        image_processor: a GotOcr2ImageProcessorPil.
        settings: readout, version and name, as in `ChatJudge`.
    """

    def __init__(
        self,
        model: InternVLForConditionalGeneration,
        tokenizer: Any,
        image_processor: Any,
        rubric: Rubric,
        options: InternvlConfig,
        *settings: str,
    ) -> None:
        super().__init__(tokenizer, rubric, options, *settings)
        self.model, self.image_processor, self.max_tiles = model, image_processor, options.max_tiles
        self._readers = [
            build_reader(self.readout, model, tokenizer, len(question.scores), MAX_REPLY_TOKENS)
            for question in rubric.questions
        ]
        self._batches = OomAdaptiveBatcher(options.batch_size)
        self._threads = ThreadPoolExecutor(len(os.sched_getaffinity(0)))

    @classmethod
    def load(cls, folder: Path, rubric: Rubric, options: InternvlConfig, *settings: str) -> Self:
        """Load a judge in bfloat16 on the GPU if there is one, else in float32 on the CPU.

        Raises:
            UserError: the folder is missing, incomplete, of another class, or without tokenizer or image processor.
        """
        device = default_device()
        dtype = torch.float32 if device.type == "cpu" else torch.bfloat16
        model = load_part(folder, (InternVLForConditionalGeneration,), dtype).to(device)
        tokenizer = load_tokenizer(folder)
        try:
            image_processor = GotOcr2ImageProcessorPil.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError) as error:
            reason = " ".join(str(error).split())[:200]
            raise UserError(f"{folder}: no image processor ({reason}); fetch it again") from None
        return cls(model, tokenizer, image_processor, rubric, options, *settings)

    def mark(self, examples: Sequence[Example]) -> list[RubricScores | Unscorable]:
        return self._batches.map(self._mark, examples)

    def prompt(self, question: Question, example: Example, tiles: Tiles) -> TokenPrompt:
        """Return the tokens of a chat turn, with as many image tokens for each image as its tiles need.

        Raises:
            UserError: the chat template is that of another model.
        """
        before, *after = self.turn(question, example).split(self.tokenizer.context_image_token)
        shown = (self._placeholder(len(tiles[name])) for name in question.images)
        text = before + "".join(chain.from_iterable(zip(shown, after, strict=True)))
        return to_tokens(self.tokenizer, text)

    def tiles(self, image: Image) -> Tensor:
        """Cut an image into (N, 3, S, S) tiles: one, or a grid near the image's ratio and a thumbnail."""
        return self.image_processor(
            images=[image],
            crop_to_patches=self.max_tiles > 1,
            max_patches=self.max_tiles,
            input_data_format="channels_last",
            return_tensors="pt",
        )["pixel_values"]

    def cut_tiles(self, examples: Sequence[Example]) -> list[Tiles]:
        """Cut the images of each example into tiles, in parallel."""
        images = [image for example in examples for image in example.images.values()]
        tiles = self._threads.map(self.tiles, images)
        return [dict(zip(example.images, tiles, strict=False)) for example in examples]

    def _mark(self, examples: Sequence[Example]) -> list[RubricScores | Unscorable]:
        tiles = self.cut_tiles(examples)
        answers = [
            self._answers(question, reader, examples, tiles)
            for question, reader in zip(self.rubric.questions, self._readers, strict=True)
        ]
        return self.combine_answers(answers)

    def _answers(
        self, question: Question, reader: ScoreReader, examples: Sequence[Example], tiles: Sequence[Tiles]
    ) -> list[Reading | Unscorable]:
        prompts = [self.prompt(question, *each) for each in zip(examples, tiles, strict=True)]
        pixels = torch.cat([each[name] for each in tiles for name in question.images])
        return reader(prompts, pixels.to(self.model.device, self.model.dtype))

    def _placeholder(self, tiles: int) -> str:
        """Return the text that stands for an image of `tiles` tiles, as in transformers' InternVLProcessor."""
        tokenizer = self.tokenizer
        tokens = tokenizer.context_image_token * (self.model.config.image_seq_length * tiles)
        return f"{tokenizer.start_image_token}{tokens}{tokenizer.end_image_token}"
