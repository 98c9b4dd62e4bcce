"""Export of an SDXL pipeline's weights to one file with the key names of Stability AI's code.

This is the inverse of diffusers' conversion.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from diffusers.loaders.single_file_utils import DIFFUSERS_TO_LDM_MAPPING
from safetensors.torch import save_file
from torch import Tensor

RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "time_emb_proj": "emb_layers.1",
    "conv_shortcut": "skip_connection",
}
VAE_ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}


def save_single_file(pipeline: Any, path: Path) -> Path:
    """Save a tiny SDXL of `tiny_folders`, whose second text encoder is like OpenCLIP's, and return the path."""
    weights = {f"model.diffusion_model.{_unet(key, pipeline)}": w for key, w in pipeline.unet.state_dict().items()}
    weights |= {f"first_stage_model.{key}": w for key, w in _vae(pipeline.vae)}
    for key, w in pipeline.text_encoder.state_dict().items():
        weights[f"conditioner.embedders.0.transformer.text_model.{key.removeprefix('text_model.')}"] = w
    weights |= {f"conditioner.embedders.1.model.{key}": w for key, w in _open_clip(pipeline.text_encoder_2)}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({key: w.clone().contiguous() for key, w in weights.items()}, path)
    return path


def _unet(key: str, pipeline: Any) -> str:
    names = DIFFUSERS_TO_LDM_MAPPING["unet"]["layers"] | DIFFUSERS_TO_LDM_MAPPING["unet"]["addition_embed_type"]
    if key in names:
        return names[key]
    side, block, kind, layer, rest = re.fullmatch(
        r"(down|mid|up)_blocks?\.(?:(\d+)\.)?(\w+)\.(\d+)\.(.*)", key
    ).groups()
    each = pipeline.unet.config["layers_per_block"] + 1
    if kind == "resnets":
        rest = ".".join(RESNET.get(part, part) for part in rest.split("."))
    if side == "mid":
        return f"middle_block.{2 * int(layer) if kind == 'resnets' else 1}.{rest}"
    if kind.endswith("samplers"):
        attends = f"up_blocks.{block}.attentions.0.norm.weight" in pipeline.unet.state_dict()
        place = each * (int(block) + 1)
        op = rest.replace("conv", "op")
        return f"input_blocks.{place}.0.{op}" if side == "down" else f"output_blocks.{place - 1}.{1 + attends}.{rest}"
    start = 1 if side == "down" else 0
    name = "input_blocks" if side == "down" else "output_blocks"
    return f"{name}.{start + each * int(block) + int(layer)}.{int(kind == 'attentions')}.{rest}"


def _vae(vae: Any) -> Iterator[tuple[str, Tensor]]:
    last = len(vae.config["up_block_types"]) - 1
    for key, weight in vae.state_dict().items():
        name = DIFFUSERS_TO_LDM_MAPPING["vae"].get(key, key).replace("conv_shortcut", "nin_shortcut")
        name = re.sub(r"down_blocks\.(\d)\.resnets", r"down.\1.block", name)
        name = re.sub(r"down_blocks\.(\d)\.downsamplers\.0", r"down.\1.downsample", name)
        name = re.sub(r"up_blocks\.(\d)\.resnets", lambda found: f"up.{last - int(found[1])}.block", name)
        name = re.sub(r"up_blocks\.(\d)\.upsamplers\.0", lambda found: f"up.{last - int(found[1])}.upsample", name)
        name = re.sub(r"mid_block\.resnets\.(\d)", lambda found: f"mid.block_{int(found[1]) + 1}", name)
        if "mid_block.attentions.0." in name:
            before, part = name.split("mid_block.attentions.0.")
            old, kind = part.rsplit(".", 1)
            name = f"{before}mid.attn_1.{VAE_ATTENTION[old]}.{kind}"
            weight = weight[..., None, None] if weight.ndim == 2 else weight
        yield name, weight


def _open_clip(encoder: Any) -> Iterator[tuple[str, Tensor]]:
    names, parts = DIFFUSERS_TO_LDM_MAPPING["openclip"]["layers"], DIFFUSERS_TO_LDM_MAPPING["openclip"]["transformer"]
    weights = encoder.state_dict()
    for key, weight in weights.items():
        if key in names:
            yield names[key], weight.T if key == "text_projection.weight" else weight
        elif "q_proj" in key:
            three = torch.cat([weights[key.replace("q_proj", f"{which}_proj")] for which in "qkv"])
            yield _block(key.replace("q_proj.", "in_proj_"), parts), three
        elif "k_proj" not in key and "v_proj" not in key:
            yield _block(key, parts), weight


def _block(key: str, parts: dict[str, str]) -> str:
    for new, old in parts.items():
        key = key.replace(new, old)
    return f"transformer.{key}"
