"""Multimodal language model that reads an image and an instruction and answers with [IMG] tokens.

The hidden states at these tokens represent the instruction (GILL, Koh et al. 2023; SmartEdit, section 4.1).
Shapes: B samples, T tokens, R [IMG] tokens, H width of the language model, P image features.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict
from PIL import Image as PillowImage
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES

from omniedit.errors import UserError
from omniedit.imaging.images import Image
from omniedit.models.encoders.chat import answer_loss, append_answer, ask, ask_with_answers
from omniedit.models.folder import load_part, read_config
from omniedit.models.processors import load_processor
from omniedit.models.registry import model_folder
from omniedit.models.weights import ADAPTER_WEIGHTS, check_state, load_state
from omniedit.storage.atomic import write_text

ADAPTER, SETTINGS = "adapter", "reader.json"
COPY = "train the editor again or copy its whole folder"

IMAGE_TOKENS = 32
"""Number of [IMG] tokens, as published."""
LORA_RANK, LORA_ALPHA = 16, 27
"""Published rank and alpha of the LoRA over the language model (SmartEdit, section 5.1)."""


@dataclass(frozen=True)
class ReaderOutput:
    """Output of a reader.

    Args:
        hidden: (B, R, H), last hidden states at the [IMG] tokens.
        features: (B, P, H), image features as the language model reads them.
        grid: rows and columns of the features.
        token_loss: (B,), mean cross entropy of the [IMG] tokens, the paper's language-model loss.
    """

    hidden: Tensor
    features: Tensor
    grid: tuple[int, int]
    token_loss: Tensor


class Reader(nn.Module):
    """Image-text-to-text model of transformers with R new tokens, frozen except for its LoRA and the new tokens.

    Args:
        model: LLaVA or Qwen-VL; its embeddings are extended by the new tokens.
        processor: its processor, whose tokenizer is extended too.
        side: side in pixels to which images are resized, so that all have the same number of features.
        source: role in config/models.yaml or folder that the model was loaded from, to load it again.
    """

    def __init__(
        self, model: Any, processor: Any, side: int, image_tokens: int = IMAGE_TOKENS, source: str = ""
    ) -> None:
        super().__init__()
        self.processor, self.side, self.source = processor, side, source
        names = [f"[IMG{number}]" for number in range(image_tokens)]
        processor.tokenizer.add_special_tokens({"additional_special_tokens": names}, replace_extra_special_tokens=False)
        processor.tokenizer.padding_side = "left"
        self.token_ids = processor.tokenizer.convert_tokens_to_ids(names)
        model.resize_token_embeddings(max(len(processor.tokenizer), model.get_input_embeddings().num_embeddings))
        self.image_token_id = model.config.image_token_id
        self.model = get_peft_model(model, lora_config(model, self.token_ids))

    @classmethod
    def load(cls, source: str, side: int, image_tokens: int, dtype: torch.dtype = torch.float32) -> "Reader":
        """Load a language model for training.

        Args:
            source: role in config/models.yaml, or a folder.

        Raises:
            UserError: the model was not fetched, is incomplete, or takes no images.
        """
        if "/" in source and not Path(source).is_dir():
            raise UserError(f"{source}: no such folder of a language model (train.instruction_encoder.model)")
        folder = Path(source) if Path(source).is_dir() else model_folder(source)
        name = next(iter(read_config(folder / "config.json").get("architectures") or ["model without a class"]))
        if name not in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES.values():
            raise UserError(f"{folder}: a {name} takes no images; name an image-text-to-text model")
        model = load_part(folder, (getattr(transformers, name),), dtype)
        return cls(model, load_processor(folder), side, image_tokens, source)

    def save(self, folder: Path) -> None:
        """Write the LoRA, the new tokens and the name of the language model to a folder."""
        self.model.save_pretrained(str(folder / ADAPTER))
        settings = {"model": self.source, "side": self.side, "image_tokens": len(self.token_ids)}
        write_text(folder / SETTINGS, json.dumps(settings) + "\n")

    @property
    def width(self) -> int:
        return self.model.get_input_embeddings().weight.shape[1]

    def inputs(self, images: Sequence[Image], instructions: Sequence[str]) -> dict[str, Tensor]:
        """Return the arguments of `forward`: images and instructions as one user's turn, answered by [IMG] tokens.

        Args:
            images: B images, (height, width, 3) RGB.
        """
        answers = torch.tensor(self.token_ids).expand(len(images), -1)
        prompt = ask(self.processor, [self._resize(image) for image in images], instructions)
        return append_answer(prompt, answers, torch.ones_like(answers))

    def question_inputs(
        self, images: Sequence[Image], questions: Sequence[str], answers: Sequence[str]
    ) -> dict[str, Tensor]:
        """Return the arguments of `answer_loss` for B questions about images, (height, width, 3) RGB."""
        return ask_with_answers(self.processor, [self._resize(image) for image in images], questions, answers)

    def answer_loss(self, **inputs: Tensor) -> Tensor:
        """Return the language-model loss of answers to questions, (B,)."""
        return answer_loss(self.model, **inputs)

    def forward(self, **inputs: Tensor) -> ReaderOutput:
        count = len(self.token_ids)
        output = self.model(**inputs, output_hidden_states=True, logits_to_keep=count + 1, use_cache=False)
        is_image = inputs["input_ids"] == self.image_token_id
        features = output.hidden_states[0][is_image].unflatten(0, (len(is_image), -1))
        targets = inputs["input_ids"][:, -count:]
        loss_BR = cross_entropy(output.logits[:, :-1].float().transpose(1, 2), targets, reduction="none")
        return ReaderOutput(output.hidden_states[-1][:, -count:], features, self._grid(features), loss_BR.mean(1))

    def _grid(self, features: Tensor) -> tuple[int, int]:
        side = round(features.shape[1] ** 0.5)
        if side * side != features.shape[1]:
            raise ValueError(f"{features.shape[1]} image features are not a square; choose another side of the image")
        return side, side

    def _resize(self, image: Image) -> PillowImage.Image:
        return PillowImage.fromarray(image).resize((self.side, self.side), PillowImage.Resampling.BICUBIC)


def load_reader(folder: Path, dtype: torch.dtype = torch.float32) -> Reader:
    """Load a reader that `Reader.save` wrote, with its language model.

    Raises:
        UserError: the language model was not fetched, or the settings or the adapter are missing or damaged.
    """
    settings = read_config(folder / SETTINGS)
    reader = Reader.load(settings["model"], settings["side"], settings["image_tokens"], dtype)
    weights = folder / ADAPTER / ADAPTER_WEIGHTS
    state = load_state(weights, COPY)
    check_state(weights, state, get_peft_model_state_dict(reader.model), type(reader.model).__name__, COPY)
    set_peft_model_state_dict(reader.model, state)
    return reader


def lora_config(model: Any, token_ids: Sequence[int]) -> LoraConfig:
    """Return the published LoRA config: adapters in the attention of the language model, and trained embeddings of the
    new tokens.
    """
    tokens = list(token_ids)
    is_tied = model.get_output_embeddings().weight is model.get_input_embeddings().weight
    inner = next(name for name, module in model.named_modules() if module is model.get_input_embeddings())
    head = next(name for name, module in model.named_modules() if module is model.get_output_embeddings())
    trained = {inner: tokens} if is_tied else {inner: tokens, head: tokens}
    language = inner.rpartition(".")[0].replace(".", r"\.")
    return LoraConfig(
        r=LORA_RANK,
        lora_alpha=LORA_ALPHA,
        target_modules=rf"{language}\..*\.(q_proj|k_proj|v_proj|o_proj)",
        trainable_token_indices=trained,
    )
