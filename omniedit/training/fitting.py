"""Prepare an editor so that its training fits the memory, and convert it back to an ordinary editor."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from diffusers.models.modeling_utils import ModelMixin

from omniedit import models
from omniedit.aspect import RATIOS, bucket_size
from omniedit.config.schema import TrainConfig
from omniedit.errors import UserError
from omniedit.models.activations import Activations, count_activations
from omniedit.models.adapter_folder import ADAPTER_FOLDER, describe_editor, save_adapters
from omniedit.models.base import Base
from omniedit.models.cost import create_empty
from omniedit.models.editor import Editor
from omniedit.models.flow_pipeline import INSTRUCTION_ENCODER
from omniedit.models.lora import add_adapters, write_trained
from omniedit.models.quantize import quantize_frozen
from omniedit.training.activation_budget import choose_recomputed
from omniedit.training.blocks import prepare_blocks, recomputes

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
    recomputed = None
    if options.activation_budget_gb is not None:
        activations = sample_activations(options, editor.config["base_config"], text_tokens)
        recomputed = choose_layers(activations, options, ranks)
    add_adapters(editor, options.lora, seed)
    if options.base.quantize:
        quantize_frozen(editor, options.base.quantize, device)
    prepare_blocks(editor, options, recomputed)


def check_resolution(editor: Editor, resolution: int, ratios: Iterable[str] = RATIOS) -> None:
    """Check that the base has positions for training images.

    Args:
        ratios: ratios of the images, keys of `RATIOS`.

    Raises:
        UserError: the longer side of an image exceeds the positions of the base.
    """
    longest = PIXELS_PER_LATENT * editor.adapter.patch * editor.adapter.longest_side
    for ratio in ratios:
        if (side := max(bucket_size(ratio, resolution))) > longest:
            raise UserError(
                f"train.resolution: {resolution}: images of ratio {ratio} have {side} pixels on their longer side, "
                f"but the base takes at most {longest}; give a smaller resolution"
            )


def choose_layers(activations: Activations, options: TrainConfig, ranks: int) -> frozenset[int]:
    """Return the layers to recompute, as configured.

    Raises:
        UserError: `activation_budget_gb` is too small.
    """
    layers = len(activations.layers)
    if options.activation_budget_gb is None:
        return frozenset(layer for layer in range(layers) if recomputes(layer, options))
    count = options.batch_size // ranks // options.accumulate
    budget = options.activation_budget_gb * 1e9
    return choose_recomputed(lambda layers: count * activations.peak_bytes(layers), layers, budget)


def sample_activations(options: TrainConfig, base_config: dict[str, Any], text_tokens: int) -> Activations:
    """Count the activations of one square sample of the config's resolution."""
    side, dtype = options.resolution // PIXELS_PER_LATENT, getattr(torch, options.dtype)
    net = create_empty(options.model, base_config, dtype, partial(add_adapters, options=options.lora, seed=0))
    return count_activations(net, (side, side), text_tokens)


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
