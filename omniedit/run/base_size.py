"""Size of a training's base, which decides its cost: from the fetched model, or from its published config."""

from dataclasses import dataclass
from typing import Any

from omniedit.config.schema import SHIPPED, TrainConfig
from omniedit.errors import UserError
from omniedit.models.bases.registry import CLASS
from omniedit.models.bases.sizes import FLUX_DEV, FLUX_SCHNELL, QWEN_IMAGE, SD15, Z_IMAGE
from omniedit.models.cost import SD3_MEDIUM, SD35_LARGE, SD35_MEDIUM
from omniedit.models.folder import read_config
from omniedit.models.layouts import LAYOUTS, SD3
from omniedit.models.registry import RECORDS, ModelEntry, get_model, model_folder
from omniedit.models.shipped import FOLDER
from omniedit.models.text import MAX_TOKENS, WIDTH
from omniedit.training.base.pretrain import sd3_config

T5, CLIP_L, CLIP_G = 4_762_310_656, 123_650_304, 694_659_840
"""Parameters of the text encoders T5-XXL v1.1, CLIP-L and CLIP-G."""
QWEN25_VL, QWEN3 = 8_300_000_000, 4_000_000_000
"""Parameters of Qwen2.5-VL-7B and Qwen3-4B, rounded: the text encoders of Qwen-Image and Z-Image."""
CODEC_BYTES = 4 * 83_819_683
"""Bytes of the 16-channel VAE of SD3 and FLUX, which stays in float32. Other VAEs are about as large."""


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


KNOWN_SIZES: dict[str, tuple[dict[str, Any], int]] = {
    "stable-diffusion-3-medium": (SD3_MEDIUM, T5 + CLIP_L + CLIP_G),
    "stable-diffusion-3.5-medium": (SD35_MEDIUM, T5 + CLIP_L + CLIP_G),
    "stable-diffusion-3.5-large": (SD35_LARGE, T5 + CLIP_L + CLIP_G),
    "FLUX.1-dev": (FLUX_DEV, T5 + CLIP_L),
    "FLUX.1-Kontext-dev": (FLUX_DEV, T5 + CLIP_L),
    "FLUX.1-schnell": (FLUX_SCHNELL, T5 + CLIP_L),
    "Qwen-Image": (QWEN_IMAGE, QWEN25_VL),
    "Z-Image": (Z_IMAGE, QWEN3),
    "stable-diffusion-v1-5": (SD15, CLIP_L),
    "instruct-pix2pix": (SD15, CLIP_L),
}
"""Part of a repository's name -> config of its transformer, and number of parameters of its text encoders."""


def base_size(options: TrainConfig) -> BaseSize:
    """Return the size of the base of a training.

    Raises:
        UserError: config/models.yaml has no such role, or the role's model is of a different class.
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
    if model.class_name not in LAYOUTS:
        kinds = " or ".join(LAYOUTS)
        raise UserError(f"train.base.model: the role {role} is a {model.class_name}, but an editor needs a {kinds}")
    layout = LAYOUTS[model.class_name]
    known = next((size for part, size in KNOWN_SIZES.items() if part in model.repository), None)
    config, encoders = known or (SD3_MEDIUM, T5 + CLIP_L + CLIP_G)
    if (RECORDS / f"{role}.json").is_file():
        network = read_config(model_folder(role) / layout.network / "config.json")
        config = {key: value for key, value in network.items() if not key.startswith("_")}
        config |= {} if model.class_name == SD3 else {CLASS: layout.transformer}
        return BaseSize(config, layout.text_tokens, f"{model.repository}, as fetched", encoders, CODEC_BYTES)
    return BaseSize(config, layout.text_tokens, _describe_assumption(model, known), encoders, CODEC_BYTES)


def _describe_assumption(model: ModelEntry, known: object) -> str:
    """Describe the origin of the size of a model that is not fetched.

    Raises:
        UserError: its size is unknown.
    """
    if known:
        return f"{model.repository}, which is not fetched; its published size is used"
    if model.class_name != SD3:
        raise UserError(f"train.base.model: {model.repository} is not fetched and its size is unknown; fetch it first")
    return f"{model.repository}, which is not fetched; its size is unknown, SD3-Medium is assumed"
