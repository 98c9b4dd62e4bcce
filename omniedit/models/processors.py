"""Processors of image-text-to-text models for images, without the part for videos.

Many processors of transformers also prepare videos, for which they need torchvision. Judges and proposals show images
only, so the video part is left out. Images are prepared by the PIL version of the image processor, so that the pixels
are the same with and without torchvision.
"""

from functools import cache
from pathlib import Path
from typing import Any

from transformers import AutoConfig, AutoImageProcessor
from transformers.models.auto.processing_auto import PROCESSOR_MAPPING

from omniedit.errors import UserError, one_line
from omniedit.models.folder import load_tokenizer


def load_processor(folder: Path) -> Any:
    """Load the processor of an image-text-to-text model from its folder; no code from the folder runs.

    Raises:
        UserError: the folder has no tokenizer, image processor or chat template, or its model takes no images.
    """
    tokenizer = load_tokenizer(folder)
    config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    if type(config) not in PROCESSOR_MAPPING:
        raise UserError(
            f"{folder}: a model of type {config.model_type} takes no images; name an image-text-to-text model"
        )
    try:
        image_processor = AutoImageProcessor.from_pretrained(
            folder, backend="pil", local_files_only=True, trust_remote_code=False
        )
        kind: Any = PROCESSOR_MAPPING[type(config)]
        settings, _ = kind.get_processor_dict(folder, local_files_only=True)
    except (ImportError, OSError, ValueError) as error:
        raise UserError(f"{folder}: no image processor ({one_line(error, 200)}); fetch it again") from None
    try:
        processor = build_processor(kind, tokenizer, image_processor, settings | _settings_of_model(config))
    except AttributeError as error:  # the tokenizer lacks special tokens that the processor reads
        problem = f"its tokenizer does not fit a {kind.__name__} ({error})"
        raise UserError(
            f"{folder}: {problem}; use a checkpoint in transformers' own form, often named ...-hf"
        ) from None
    if processor.chat_template is None:
        raise UserError(f"{folder}: no chat template, so no question can be asked; use a checkpoint for chats")
    return processor


def build_processor(kind: Any, tokenizer: Any, image_processor: Any, settings: dict[str, Any]) -> Any:
    """Build a processor from its tokenizer and its image processor.

    Args:
        kind: class of the processor.
        settings: other arguments of its class; the chat template is the tokenizer's unless it is among them.
    """
    parts = {"tokenizer": tokenizer, "image_processor": image_processor}
    settings = {"chat_template": tokenizer.chat_template} | settings
    return image_only(kind).from_args_and_dict([parts.get(name) for name in kind.get_attributes()], settings)


def remove_special_tokens(processor: Any, text: str) -> str:
    """Replace special tokens in a text, such as those of images and turns, by spaces, so that a text cannot represent
    an image.
    """
    special = [token.content for token in processor.tokenizer.added_tokens_decoder.values() if token.special]
    for token in (*special, processor.image_token):
        text = text.replace(token, " ")
    return text


@cache
def image_only(kind: Any) -> Any:
    """Derive a processor class that accepts None in place of a video processor."""

    def check_argument_for_proper_class(self: Any, name: str, argument: Any) -> Any:
        return None if argument is None else kind.check_argument_for_proper_class(self, name, argument)

    return type(kind.__name__, (kind,), {"check_argument_for_proper_class": check_argument_for_proper_class})


def _settings_of_model(config: Any) -> dict[str, Any]:
    """Return the settings of a processor that its model determines."""
    names = ("image_seq_length",)
    return {name: value for name in names if (value := getattr(config, name, None)) is not None}
