"""Frozen linear layers in 8 or 4 bits. Gradients pass through them to earlier layers."""

import torch
from torch import nn

from omniedit.errors import UserError
from omniedit.models.editor import Editor

BYTES = {"int8": 1.0, "nf4": 0.5 + 4 / 64}
"""Bytes per weight. nf4 has a float32 scale for each 64 weights; int8's scales, one per output, are not counted."""
OUTLIER = 6.0
"""Threshold above which int8 layers do not quantise an input (Dettmers et al. 2022, LLM.int8)."""


def quantize_frozen(editor: Editor, method: str, device: torch.device) -> None:
    """Quantise the frozen linear layers of the base's blocks and of their copies, in place.

    Call it after `add_adapters`: layers with adapters keep them in full precision.

    Args:
        method: a key of `BYTES`.
        device: device on which the layers are quantised and stay.

    Raises:
        UserError: bitsandbytes is not installed.
    """
    check_quantization(method)
    convert = {"int8": _to_int8, "nf4": _to_nf4}[method]
    for name, layer in frozen_linears(editor).items():
        editor.set_submodule(name, convert(layer.to(device)))


def check_quantization(method: str) -> None:
    """Check that a method can quantise layers, as `check_bitsandbytes`."""
    check_bitsandbytes(f"train.base.quantize: {method}", "leave train.base.quantize out")


def check_bitsandbytes(option: str, alternative: str) -> None:
    """Check that bitsandbytes is installed; diffusers uses it for quantisation too.

    Raises:
        UserError: it is not.
    """
    try:
        import bitsandbytes  # noqa: F401
    except ImportError as error:
        raise UserError(f"{option} needs bitsandbytes ({error}); pip install bitsandbytes, or {alternative}") from None


def frozen_linears(editor: Editor) -> dict[str, nn.Linear]:
    """Return the linear layers of the blocks whose weights are not trained, by name."""
    blocks = [*editor.base_blocks, *getattr(editor, "control_blocks", [])]
    inside = {id(layer) for block in blocks for layer in block.modules()}
    return {
        name: layer
        for name, layer in editor.named_modules()
        if type(layer) is nn.Linear and id(layer) in inside and not layer.weight.requires_grad
    }


def _to_int8(layer: nn.Linear) -> nn.Module:
    from bitsandbytes.nn import Int8Params, Linear8bitLt

    with torch.device("meta"):
        quantized = Linear8bitLt(
            layer.in_features, layer.out_features, layer.bias is not None, has_fp16_weights=False, threshold=OUTLIER
        )
    quantized.weight = Int8Params(layer.weight.data, requires_grad=False, has_fp16_weights=False)
    quantized.bias = layer.bias
    return quantized.to(layer.weight.device)


def _to_nf4(layer: nn.Linear) -> nn.Module:
    from bitsandbytes.nn import Linear4bit, Params4bit

    with torch.device("meta"):
        quantized = Linear4bit(
            layer.in_features,
            layer.out_features,
            layer.bias is not None,
            compute_dtype=layer.weight.dtype,
            quant_type="nf4",
        )
    quantized.weight = Params4bit(layer.weight.data, requires_grad=False, quant_type="nf4")
    quantized.bias = layer.bias
    return quantized.to(layer.weight.device)
