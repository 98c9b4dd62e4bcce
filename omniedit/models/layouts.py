"""Layouts of diffusers' folders that hold a base: which parts a pipeline has, and which classes they may be of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.autoencoders.autoencoder_kl_qwenimage import AutoencoderKLQwenImage
from transformers import (
    BertModel,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    Qwen2_5_VLForConditionalGeneration,
    Qwen3Model,
    T5EncoderModel,
)

from omniedit.models.bases.registry import SD3 as SD3_TRANSFORMER
from omniedit.models.codec import LappedCodec
from omniedit.models.text import CLIP_TOKENS, FLUX_TOKENS, QWEN_TOKENS, SD3_TOKENS, Z_IMAGE_TOKENS

SD3 = "StableDiffusion3Pipeline"


@dataclass(frozen=True)
class FolderLayout:
    """Parts of a base's folder.

    Args:
        transformer: class of the transformer.
        vae: accepted classes.
        encoders: accepted classes of each text encoder; the name of its tokenizer has the same ending.
        text_tokens: number of tokens of an instruction.
        network: name of the transformer's subfolder.
        others: further class names in a text encoder's config, each with the class that loads the needed part of the
            weights.
    """

    transformer: str
    vae: tuple[Any, ...]
    encoders: Mapping[str, tuple[Any, ...]]
    text_tokens: int
    others: Mapping[str, Any] = field(default_factory=dict)
    network: str = "transformer"

    @property
    def is_diffusion(self) -> bool:
        """True if the network was trained by a variance-preserving diffusion, not a flow."""
        return self.network == "unet"


TRAINED_BASE = FolderLayout(SD3_TRANSFORMER, (LappedCodec, AutoencoderKL), {"text_encoder": (BertModel,)}, SD3_TOKENS)
"""Layout of a base that a run trains, with MiniLM as its only text encoder."""
_FLUX = FolderLayout(
    "FluxTransformer2DModel",
    (AutoencoderKL,),
    {"text_encoder": (CLIPTextModel,), "text_encoder_2": (T5EncoderModel,)},
    FLUX_TOKENS,
)
_SD15 = FolderLayout(
    "UNet2DConditionModel", (AutoencoderKL,), {"text_encoder": (CLIPTextModel,)}, CLIP_TOKENS, network="unet"
)
LAYOUTS = {
    SD3: FolderLayout(
        SD3_TRANSFORMER,
        (LappedCodec, AutoencoderKL),
        {
            "text_encoder": (BertModel, CLIPTextModelWithProjection),
            "text_encoder_2": (CLIPTextModelWithProjection,),
            "text_encoder_3": (T5EncoderModel,),
        },
        SD3_TOKENS,
    ),
    "FluxPipeline": _FLUX,
    "FluxKontextPipeline": _FLUX,
    "QwenImagePipeline": FolderLayout(
        "QwenImageTransformer2DModel",
        (AutoencoderKLQwenImage,),
        {"text_encoder": (Qwen2_5_VLForConditionalGeneration,)},
        QWEN_TOKENS,
    ),
    "ZImagePipeline": FolderLayout(
        "ZImageTransformer2DModel",
        (AutoencoderKL,),
        {"text_encoder": (Qwen3Model,)},
        Z_IMAGE_TOKENS,
        {"Qwen3ForCausalLM": Qwen3Model},
    ),
    "StableDiffusionPipeline": _SD15,
    "StableDiffusionInstructPix2PixPipeline": _SD15,
}
"""Layout of each pipeline class that holds a base."""
