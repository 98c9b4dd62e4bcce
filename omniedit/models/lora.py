"""Low-rank adapters of an editor's blocks: LoRA (Hu et al. 2021) and DoRA (Liu et al. 2024), by the package peft.

An adapter's output starts at zero, so an editor with new adapters computes the same as without them, bit for bit.
Names of weights: {layer}.lora_A.weight (r, in), {layer}.lora_B.weight (out, r), {layer}.lora_magnitude_vector.weight
(out,), where {layer} is the name of a linear layer in the editor.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from omniedit.config.fitting import LoraConfig
from omniedit.errors import UserError
from omniedit.models.editor import Editor

ADAPTER = "default"
"""Name of the adapters in peft."""
MODULATION = ("norm", "mod")
"""Parts of the names of modulation layers, which see no tokens and get no adapters."""
PATCH_LAYERS = ("pos_embed.proj", "x_embedder", "img_in", "patch_embed.proj")
"""Names of the layer that embeds patches of latents, in the bases of diffusers."""
FACTORS = ("lora_A.weight", "lora_B.weight", "lora_magnitude_vector.weight")


def add_adapters(editor: Editor, options: LoraConfig, seed: int) -> None:
    """Freeze the targeted blocks and add adapters to their linear layers, in place. Do nothing if the rank is 0.

    All other trained weights remain trainable, except in an architecture that trains the whole base: there only the
    patch embedding remains trainable.

    Args:
        seed: seed of the adapters' first factors; the second factors are zero.

    Raises:
        UserError: the editor has no such blocks.
    """
    if not options.rank:
        return
    names = target_names(editor, options.targets)
    freeze_targets(editor, options.targets)
    trained = [p for p in editor.parameters() if p.requires_grad]
    torch.manual_seed(seed)
    _inject(editor, names, options)
    for parameter in trained:  # peft freezes everything but its adapters
        parameter.requires_grad_(True)


def _inject(editor: Editor, names: list[str], options: LoraConfig) -> None:
    from peft import LoraConfig as PeftConfig
    from peft import inject_adapter_in_model

    alpha = options.rank if options.alpha is None else options.alpha
    config = PeftConfig(r=options.rank, lora_alpha=alpha, use_dora=options.dora, target_modules=names)  # type: ignore[arg-type]
    inject_adapter_in_model(config, editor, ADAPTER)


def target_names(editor: Editor, targets: str) -> list[str]:
    """Return the names of the linear layers that get adapters: those of the blocks, except for modulation.

    Raises:
        UserError: the editor has no control blocks.
    """
    if targets != "base" and not hasattr(editor, "control_blocks"):
        raise UserError(f"train.lora.targets: {type(editor).__name__} has no control branch; set targets: base")
    names = {id(module): name for name, module in editor.named_modules()}
    return sorted(
        f"{names[id(block)]}.{name}"
        for block in target_blocks(editor, targets)
        for name, layer in block.named_modules()
        if isinstance(layer, nn.Linear) and not any(part in name for part in MODULATION)
    )


def target_blocks(editor: Editor, targets: str) -> list[nn.Module]:
    controls = [control.get_submodule("block") for control in getattr(editor, "control_blocks", [])]
    return [*(editor.base_blocks if targets != "control" else []), *(controls if targets != "base" else [])]


def freeze_targets(editor: Editor, targets: str) -> None:
    """Freeze the blocks that get adapters. If the architecture trains the whole base, freeze all of it but the patch
    embedding.
    """
    for block in target_blocks(editor, targets):
        block.requires_grad_(False)
    if targets == "control" or hasattr(editor, "control_blocks"):
        return
    layer = next((name for name in PATCH_LAYERS if name in dict(editor.base.named_modules())), None)
    editor.base.requires_grad_(False)
    if layer:
        editor.base.get_submodule(layer).requires_grad_(True)


def iter_adapted_layers(editor: nn.Module) -> Iterator[tuple[str, Any]]:
    """Yield the name of each layer with an adapter, and peft's layer around it."""
    from peft.tuners.lora import LoraLayer

    return ((name, module) for name, module in editor.named_modules() if isinstance(module, LoraLayer))


def adapter_factors(dora: bool) -> tuple[str, ...]:
    return FACTORS if dora else FACTORS[:2]


def empty_adapters(editor: nn.Module, layers: Iterable[str], options: LoraConfig) -> dict[str, Tensor]:
    """Return weights without values, on the meta device, with the names that `adapter_state` gives to adapters of these
    layers.

    Raises:
        AttributeError: the editor has no such layer.
    """
    state: dict[str, Tensor] = {}
    for layer in layers:
        out, into = editor.get_parameter(f"{layer}.weight").shape
        shapes = ((options.rank, into), (out, options.rank), (out,))
        factors = adapter_factors(options.dora)
        state |= {
            f"{layer}.{factor}": torch.empty(shape, device="meta")
            for factor, shape in zip(factors, shapes, strict=False)
        }
    return state


def adapter_state(editor: nn.Module) -> dict[str, Tensor]:
    """Return the weights of all adapters. Their names lack peft's name for the adapter."""
    state = {}
    for name, layer in iter_adapted_layers(editor):
        for factor in FACTORS:
            part, _, weight = factor.partition(".")
            if ADAPTER in getattr(layer, part, ()):
                state[f"{name}.{factor}"] = getattr(layer, part)[ADAPTER].get_parameter(weight).detach()
    return state


def trained_weights(editor: nn.Module) -> dict[str, Tensor]:
    """Return the trained weights outside the adapters."""
    trained = ((name, p.detach()) for name, p in editor.named_parameters() if p.requires_grad)
    return {name: value for name, value in trained if f".{ADAPTER}." not in name}


@torch.no_grad()
def merge_adapters(plain: nn.Module, state: Mapping[str, Tensor], scale: float) -> None:
    """Add adapters to the weights of an editor without adapters, in place and in float32.

    Args:
        state: as `adapter_state` returns it.
        scale: alpha / rank.
    """
    for key in [key for key in state if key.endswith(FACTORS[0])]:
        layer = key.removesuffix(f".{FACTORS[0]}")
        down, up, magnitude = (state.get(f"{layer}.{factor}") for factor in FACTORS)
        assert down is not None and up is not None
        weight = plain.get_parameter(f"{layer}.weight")
        adapted = weight.float() + scale * (up.to(weight.device).float() @ down.to(weight.device).float())
        if magnitude is not None:
            norm = torch.linalg.norm(adapted, dim=1, keepdim=True)
            adapted = adapted * (magnitude.to(weight.device).float()[:, None] / norm)
        weight.copy_(adapted)


@torch.no_grad()
def write_trained(editor: Editor, plain: Editor, options: LoraConfig) -> None:
    """Copy the trained weights of an editor to an editor without adapters over the unquantised base. Adapters are
    merged.
    """
    for name, value in trained_weights(editor).items():
        plain.get_parameter(name).copy_(value)
    merge_adapters(plain, adapter_state(editor), lora_scale(options))


def lora_scale(options: LoraConfig) -> float:
    return 1.0 if options.alpha is None else options.alpha / options.rank
