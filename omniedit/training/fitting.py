"""Prepare an editor so that its training fits the memory, and convert it back to an ordinary editor."""

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from diffusers.models.modeling_utils import ModelMixin

from omniedit import models
from omniedit.aspect import RATIOS, bucket_size
from omniedit.config.schema import TrainConfig
from omniedit.errors import UserError
from omniedit.models.adapter_folder import ADAPTER_FOLDER, describe_editor, save_adapters
from omniedit.models.base import Base
from omniedit.models.cost import activation_bytes
from omniedit.models.editor import Editor
from omniedit.models.flow_pipeline import INSTRUCTION_ENCODER
from omniedit.models.lora import add_adapters, write_trained
from omniedit.models.quantize import quantize_frozen
from omniedit.training.activation_budget import choose_recomputed
from omniedit.training.blocks import list_layers, prepare_blocks

PIXELS_PER_LATENT = 8
"""Pixels per latent along one side."""


def fit_editor(
    editor: Editor, options: TrainConfig, seed: int, device: torch.device, text_tokens: int, ranks: int
) -> None:
    """Add adapters, quantise frozen layers and set up the blocks, as configured. Call it before DeepSpeed wraps it.

    Args:
        editor: with the weights of its base.
        text_tokens: number of tokens of an instruction.
        ranks: number of ranks that share a batch.

    Raises:
        UserError: a package is missing, or the options do not suit the editor.
    """
    recomputed = recomputed_layers(options, editor.config["base_config"], text_tokens, ranks)
    add_adapters(editor, options.lora, seed)
    if options.base.quantize:
        quantize_frozen(editor, options.base.quantize, device)
    prepare_blocks(editor, options, recomputed)


def check_resolution(editor: Editor, resolution: int, ratios: Iterable[str] = RATIOS) -> None:
    """Check that the base has positions for training images.

    Args:
        ratios: ratios of the images, keys of `RATIOS`.

    Raises:
        UserError: an image is longer than the base's positions reach.
    """
    longest = PIXELS_PER_LATENT * editor.adapter.patch * editor.adapter.longest_side
    for ratio in ratios:
        if (side := max(bucket_size(ratio, resolution))) > longest:
            raise UserError(
                f"train.resolution: {resolution}: images of ratio {ratio} have {side} pixels on their longer side, "
                f"but the base takes at most {longest}; give a smaller resolution"
            )


def recomputed_layers(
    options: TrainConfig, base_config: dict[str, Any], text_tokens: int, ranks: int
) -> frozenset[int] | None:
    """Return the layers to recompute for `options.activation_budget_gb`; None without a budget.

    Raises:
        UserError: the budget is too small.
    """
    if options.activation_budget_gb is None:
        return None
    count = options.batch_size // ranks // options.accumulate

    def saved_bytes(recomputed: frozenset[int]) -> int:
        prepare = partial(prepare_uncompiled, options=options, recomputed=recomputed)
        return count * sample_bytes(options, base_config, text_tokens, prepare)

    layers = editor_layers(options.model, base_config)
    return choose_recomputed(saved_bytes, layers, options.activation_budget_gb * 1e9)


def editor_layers(name: str, base_config: dict[str, Any]) -> int:
    """Return the number of layers of an architecture over a base."""
    with torch.device("meta"):
        return len(list_layers(models.create(name, base_config)))


def prepare_uncompiled(editor: Editor, options: TrainConfig, recomputed: frozenset[int] | None = None) -> None:
    """Prepare blocks for counting: the saved values do not depend on the attention kernel, and nothing is compiled."""
    plain = options.model_copy(update={"compile": False, "attention": "sdpa"})
    prepare_blocks(editor, plain, recomputed)


def sample_bytes(
    options: TrainConfig, base_config: dict[str, Any], text_tokens: int, prepare: Callable[[Editor], None]
) -> int:
    """Return the bytes of activations of one square sample of the config's resolution."""
    side, dtype = options.resolution // PIXELS_PER_LATENT, getattr(torch, options.dtype)
    adapt = partial(add_adapters, options=options.lora, seed=0)
    return activation_bytes(options.model, base_config, (side, side), text_tokens, dtype, prepare, adapt)


def save_editor(
    folder: Path,
    editor: Editor,
    options: TrainConfig,
    base: Base,
    base_path: Path,
    known_instructions: str,
    instruction_encoder: ModelMixin | None = None,
) -> None:
    """Write a trained editor: adapters merged into the base's own weights, or only adapters and trained weights.

    Args:
        editor: as `fit_editor` prepared it, with the weights to save.
        base_path: folder, record or name of the base.
        instruction_encoder: language model that was trained with the editor, if there is one.
    """
    if options.lora.rank:
        arguments = {"resolution": options.resolution, "known_instructions": known_instructions}
        about = describe_editor(editor, base_path, base.transformer, arguments)
        save_adapters(editor, options.lora, about, folder / ADAPTER_FOLDER)
        if options.lora.save == "adapter":
            if instruction_encoder is not None:
                instruction_encoder.save_pretrained(folder / INSTRUCTION_ENCODER)
            return
    plain = models.build(options.model, base.transformer, base.prediction_type)
    write_trained(editor, plain, options.lora)
    pipeline = base.pipeline(plain, options.resolution, known_instructions)
    pipeline.register_modules(instruction_encoder=instruction_encoder)
    pipeline.save_pretrained(folder)
