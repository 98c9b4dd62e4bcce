"""Names of the weights in published checkpoints, and their comparison with those of the classes that load them.

published_keys/*.txt hold the names, {0-23} for the numbers 0 to 23, each file with its source. Names in the layout of
a single file are converted by diffusers' own functions, as `from_single_file` does.
"""

import itertools
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers.loaders import single_file_utils
from torch import Tensor, nn

FOLDER = Path(__file__).parent / "published_keys"
Tensors = dict[str, Tensor]


def read_keys(name: str) -> set[str]:
    """Return the names in a file of `FOLDER`."""
    lines = (FOLDER / f"{name}.txt").read_text().splitlines()
    return set(itertools.chain.from_iterable(expand(line) for line in lines if not line.startswith("#")))


def expand(pattern: str) -> list[str]:
    """Return the names of a pattern such as "blocks.{0-3,7}.weight"."""
    parts = re.split(r"\{([\d,-]+)\}", pattern)
    choices = [numbers(part) if place % 2 else [part] for place, part in enumerate(parts)]
    return ["".join(chosen) for chosen in itertools.product(*choices)]


def numbers(ranges: str) -> list[str]:
    """Return the numbers of ranges such as "0-3,7"."""
    ends = [span.split("-") for span in ranges.split(",")]
    return [str(number) for span in ends for number in range(int(span[0]), int(span[-1]) + 1)]


def differences(module: nn.Module, published: Iterable[str], name: str) -> list[str]:
    """Return the weights that only the module or only the checkpoint has, one line for each kind, with an example."""
    own, theirs = set(dict(module.named_parameters())), set(published)
    lines = []
    for extra, where in ((own - theirs, "not in the checkpoint"), (theirs - own - buffers(module), "not in the class")):
        if extra:
            lines.append(f"{name}: {len(extra)} weights {where}, such as {min(extra)}")
    return lines


def buffers(module: nn.Module) -> set[str]:
    return set(dict(module.named_buffers()))


def sd3_medium() -> set[str]:
    """Return SD3-Medium's names in diffusers' layout."""
    converted = single_file_utils.convert_sd3_transformer_checkpoint_to_diffusers(placeholders("sd3_medium"))
    return set(converted)


def sdxl_unet(config: Mapping[str, Any]) -> set[str]:
    """Return the names of the UNet of SDXL, or of CosXL-Edit, in diffusers' layout."""
    return set(single_file_utils.convert_ldm_unet_checkpoint(placeholders("sdxl_unet"), dict(config)))


def sdxl_vae(config: Mapping[str, Any]) -> set[str]:
    return set(single_file_utils.convert_ldm_vae_checkpoint(placeholders("sdxl_vae"), dict(config)))


def flux_vae(config: Mapping[str, Any]) -> set[str]:
    return set(single_file_utils.convert_ldm_vae_checkpoint(placeholders("flux_vae"), dict(config)))


def placeholders(name: str) -> Tensors:
    """Return a tensor for each name; its length is divisible by 2 and 3, because converters split joined weights into
    that many parts.
    """
    return {key: torch.zeros(6, 1, 1, 1) for key in read_keys(name)}


def clip() -> set[str]:
    """Return the names of CLIP ViT-L's text encoder; transformers 5 drops the prefix "text_model" when it loads one."""
    return {key.removeprefix("cond_stage_model.transformer.text_model.") for key in read_keys("clip_vit_l")}


PUBLISHED: dict[str, Callable[[Any], set[str]]] = {
    "SD3Transformer2DModel 24": lambda module: sd3_medium(),
    "SD3Transformer2DModel 38": lambda module: read_keys("sd35_large"),
    "FluxTransformer2DModel 19": lambda module: read_keys("flux_transformer"),
    "UNet2DConditionModel": lambda module: sdxl_unet(module.config),
    "AutoencoderKL 4": lambda module: sdxl_vae(module.config),
    "AutoencoderKL 16": lambda module: flux_vae(module.config),
    "CLIPTextModel": lambda module: clip(),
}
"""Published names by class and, where sizes differ, number of layers or of latent channels."""


def check_keys(module: Any) -> list[str] | None:
    """Compare a network's weights with the published list of its checkpoint; return None without such a list."""
    kind = type(module).__name__
    published = PUBLISHED.get(kind) or PUBLISHED.get(f"{kind} {size_name(module.config)}")
    return differences(module, published(module), kind) if published else None


def size_name(config: Any) -> str:
    """Return the part of a key of `PUBLISHED` that distinguishes networks of one class."""
    values = config if isinstance(config, Mapping) else {}
    dual = "dual" if values.get("dual_attention_layers") else ""  # SD3.5-Medium, for which no list was found
    return f"{values.get('num_layers') or values.get('latent_channels') or ''}{dual}"
