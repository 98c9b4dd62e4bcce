"""Names of SD3's weights in the layout of its authors, which ComfyUI reads, and the conversion back to diffusers'
names.

The authors join queries, keys and values in one weight, and order scale and shift differently in a last block.
"""

import re
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

BLOCK_RENAMES = {
    "attn.to_out.0": "x_block.attn.proj",
    "attn.to_add_out": "context_block.attn.proj",
    "attn.norm_q": "x_block.attn.ln_q",
    "attn.norm_k": "x_block.attn.ln_k",
    "attn.norm_added_q": "context_block.attn.ln_q",
    "attn.norm_added_k": "context_block.attn.ln_k",
    "attn2.to_out.0": "x_block.attn2.proj",
    "attn2.norm_q": "x_block.attn2.ln_q",
    "attn2.norm_k": "x_block.attn2.ln_k",
    "norm1.linear": "x_block.adaLN_modulation.1",
    "norm1_context.linear": "context_block.adaLN_modulation.1",
    "ff.net.0.proj": "x_block.mlp.fc1",
    "ff.net.2": "x_block.mlp.fc2",
    "ff_context.net.0.proj": "context_block.mlp.fc1",
    "ff_context.net.2": "context_block.mlp.fc2",
}
JOINED_LAYERS = {
    "x_block.attn.qkv": ("attn.to_q", "attn.to_k", "attn.to_v"),
    "context_block.attn.qkv": ("attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj"),
    "x_block.attn2.qkv": ("attn2.to_q", "attn2.to_k", "attn2.to_v"),
}
TOP_RENAMES = {
    "pos_embed.pos_embed": "pos_embed",
    "pos_embed.proj": "x_embedder.proj",
    "time_text_embed.timestep_embedder.linear_1": "t_embedder.mlp.0",
    "time_text_embed.timestep_embedder.linear_2": "t_embedder.mlp.2",
    "time_text_embed.text_embedder.linear_1": "y_embedder.mlp.0",
    "time_text_embed.text_embedder.linear_2": "y_embedder.mlp.2",
    "context_embedder": "context_embedder",
    "norm_out.linear": "final_layer.adaLN_modulation.1",
    "proj_out": "final_layer.linear",
}
"""Layer in diffusers -> layer of the authors, in a block and outside of blocks."""
BLOCK, AUTHORS_BLOCK = "transformer_blocks.{}", "joint_blocks.{}"
IN_BLOCKS = ("transformer_blocks", "joint_blocks")
SWAPPED_OUTSIDE = ("norm_out.linear", "final_layer.adaLN_modulation.1")
"""Both names of the last layer's modulation, in which the authors put shift before scale."""
SWAPPED = "norm1_context.linear"
"""Layer, in a block without text output, in which the authors put shift before scale."""
LAST_LAYER = "context_block.mlp.fc1.weight"
"""Weight that only blocks with a text output have."""


def to_authors_layout(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights of an `SD3Transformer2DModel` in the authors' layout."""
    return convert_blocks(_rename_outside(state, TOP_RENAMES), BLOCK, AUTHORS_BLOCK, block_to_authors)


def from_authors_layout(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return diffusers' weights for those of `to_authors_layout`."""
    back = {new: old for old, new in TOP_RENAMES.items()}
    return convert_blocks(_rename_outside(state, back), AUTHORS_BLOCK, BLOCK, block_from_authors)


def _rename_outside(state: Mapping[str, Tensor], names: Mapping[str, str]) -> dict[str, Tensor]:
    """Rename the layers outside of blocks."""
    result = {}
    for name, value in state.items():
        layer, kind = (name, "") if name in names else _split(name)
        is_block = name.partition(".")[0] in IN_BLOCKS
        new = name if is_block else f"{names[layer]}{kind}"
        result[new] = swap_halves(value) if layer in SWAPPED_OUTSIDE else value
    return result


def convert_blocks(
    state: Mapping[str, Tensor], old: str, new: str, convert: Callable[[Mapping[str, Tensor]], dict[str, Tensor]]
) -> dict[str, Tensor]:
    """Convert the weights of numbered blocks, and keep the others.

    Args:
        old, new: name of a block before and after, with {} for its number.
        convert: `block_to_authors` or `block_from_authors`.
    """
    pattern = re.compile(re.escape(old).replace(r"\{\}", r"(\d+)") + r"\.(.+)")
    result, blocks = dict[str, Tensor](), dict[str, dict[str, Tensor]]()
    for name, value in state.items():
        if match := pattern.fullmatch(name):
            blocks.setdefault(match[1], {})[match[2]] = value
        else:
            result[name] = value
    for number, block in blocks.items():
        result |= {f"{new.format(number)}.{name}": value for name, value in convert(block).items()}
    return result


def block_to_authors(block: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights of a `JointTransformerBlock` in the authors' layout."""
    result: dict[str, Tensor] = {}
    is_last = "ff_context.net.2.weight" not in block
    for name, value in block.items():
        layer, kind = _split(name)
        if layer in BLOCK_RENAMES:
            swapped = is_last and layer == SWAPPED
            result[f"{BLOCK_RENAMES[layer]}{kind}"] = swap_halves(value) if swapped else value
    for joined, layers in JOINED_LAYERS.items():
        for kind in (".weight", ".bias"):
            if f"{layers[0]}{kind}" in block:
                result[f"{joined}{kind}"] = torch.cat([block[f"{layer}{kind}"] for layer in layers])
    return result


def block_from_authors(block: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return diffusers' weights for those of `block_to_authors`."""
    back = {new: old for old, new in BLOCK_RENAMES.items()}
    result: dict[str, Tensor] = {}
    is_last = LAST_LAYER not in block
    for name, value in block.items():
        layer, kind = _split(name)
        if layer in JOINED_LAYERS:
            parts = zip(JOINED_LAYERS[layer], value.chunk(3), strict=True)
            result |= {f"{part}{kind}": each.contiguous() for part, each in parts}
        else:
            swapped = is_last and back[layer] == SWAPPED
            result[f"{back[layer]}{kind}"] = swap_halves(value) if swapped else value
    return result


def swap_halves(value: Tensor) -> Tensor:
    """Exchange shift and scale, the halves of a modulation's rows."""
    first, second = value.chunk(2)
    return torch.cat([second, first])


def _split(name: str) -> tuple[str, str]:
    layer, dot, kind = name.rpartition(".")
    return layer, f"{dot}{kind}"
