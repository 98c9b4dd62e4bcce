"""Size of a training's base, which decides its cost: from the fetched model, or from what its authors published."""

from dataclasses import dataclass
from typing import Any

from omniedit.config.schema import SHIPPED, TrainConfig
from omniedit.errors import UserError
from omniedit.models.base import SD3
from omniedit.models.bases.registry import ADAPTERS, CLASS, adapter_class
from omniedit.models.bases.registry import SD3 as SD3_TRANSFORMER
from omniedit.models.cost import SD3_MEDIUM, SD35_LARGE, SD35_MEDIUM
from omniedit.models.folder import read_config
from omniedit.models.registry import RECORDS, Model, get_model, model_folder
from omniedit.models.shipped import FOLDER
from omniedit.models.text import MAX_TOKENS, WIDTH
from omniedit.training.base.pretrain import sd3_config

FLUX: dict[str, Any] = {
    CLASS: "FluxTransformer2DModel",
    "patch_size": 1,
    "in_channels": 64,
    "num_layers": 19,
    "num_single_layers": 38,
    "attention_head_dim": 128,
    "num_attention_heads": 24,
    "joint_attention_dim": 4096,
    "pooled_projection_dim": 768,
    "guidance_embeds": True,
    "axes_dims_rope": [16, 56, 56],
}
T5, CLIP_L, CLIP_G = 4_762_310_656, 123_650_304, 694_659_840
"""Parameters of the text encoders T5-XXL v1.1, CLIP-L and CLIP-G."""
CODEC_BYTES = 4 * 83_819_683
"""Bytes of the 16-channel VAE of SD3 and FLUX, which stays in float32."""


@dataclass(frozen=True)
class BaseSize:
    """Size of a base.

    Args:
        config: arguments of its transformer.
        text_tokens: number of tokens of an instruction.
        source: origin of these values, to print.
        encoders: number of parameters of its text encoders.
        codec_bytes: bytes of its VAE.
    """

    config: dict[str, Any]
    text_tokens: int
    source: str
    encoders: int = 0
    codec_bytes: int = 0


SD3_TEXT_TOKENS = 333
KNOWN_SIZES = {
    "stable-diffusion-3-medium": BaseSize(SD3_MEDIUM, SD3_TEXT_TOKENS, "", T5 + CLIP_L + CLIP_G, CODEC_BYTES),
    "stable-diffusion-3.5-medium": BaseSize(SD35_MEDIUM, SD3_TEXT_TOKENS, "", T5 + CLIP_L + CLIP_G, CODEC_BYTES),
    "stable-diffusion-3.5-large": BaseSize(SD35_LARGE, SD3_TEXT_TOKENS, "", T5 + CLIP_L + CLIP_G, CODEC_BYTES),
    "FLUX.1": BaseSize(FLUX, 512, "", T5 + CLIP_L, CODEC_BYTES),
}
"""Part of a repository's name -> size of the model."""
ASSUMED = "stable-diffusion-3-medium"


def base_size(options: TrainConfig) -> BaseSize:
    """Return the size of the base of a training.

    Raises:
        UserError: config/models.yaml has no such role, or the role's model is of another class.
    """
    role = options.fetched_base
    if role:
        return _read_size(role)
    if options.base.model == SHIPPED:
        config = read_config(FOLDER / "transformer/config.json")["base_config"]
        return BaseSize(config, MAX_TOKENS, "the small shipped one")
    return BaseSize(sd3_config(options, WIDTH), MAX_TOKENS, "the run's own, as in train.base")


def _read_size(role: str) -> BaseSize:
    model = get_model(role)
    accepted = [pipeline for name in ADAPTERS for pipeline in adapter_class(name).pipelines]
    if model.class_name not in accepted:
        raise UserError(f"train.base.model: the role {role} is a {model.class_name}; an editor needs a {SD3}")
    size = next((size for part, size in KNOWN_SIZES.items() if part in model.repository), None)
    known = size or KNOWN_SIZES[ASSUMED]
    if (RECORDS / f"{role}.json").is_file():
        given = read_config(model_folder(role) / "transformer/config.json")
        config = {key: value for key, value in given.items() if not key.startswith("_")}
        if given.get(CLASS, SD3_TRANSFORMER) != SD3_TRANSFORMER:
            config[CLASS] = given[CLASS]
        source = f"{model.repository}, as fetched"
    else:
        config, source = known.config, _describe_assumption(model, size)
    return BaseSize(config, known.text_tokens, source, known.encoders, known.codec_bytes)


def _describe_assumption(model: Model, size: BaseSize | None) -> str:
    used = "its published size is used" if size else "its size is unknown, SD3-Medium is assumed"
    return f"{model.repository}, which is not fetched; {used}"
