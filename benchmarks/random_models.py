"""Random-weight versions of the learned specialists' models, at published or tiny sizes, made without network access.

Their tokenizers know only the words below, but prompts are padded to the published lengths.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    FluxFillPipeline,
    FluxKontextPipeline,
    FluxTransformer2DModel,
    SD3Transformer2DModel,
    StableDiffusion3InpaintPipeline,
    StableDiffusion3Pipeline,
    StableDiffusionXLInpaintPipeline,
    StableDiffusionXLInstructPix2PixPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from tokenizers import Tokenizer, pre_tokenizers
from tokenizers.models import WordLevel
from tokenizers.processors import TemplateProcessing
from transformers import (
    BertConfig,
    BertTokenizer,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    GroundingDinoConfig,
    GroundingDinoForObjectDetection,
    GroundingDinoImageProcessorPil,
    GroundingDinoProcessor,
    PreTrainedTokenizerFast,
    SamConfig,
    SamImageProcessorPil,
    SamModel,
    SamProcessor,
    SwinConfig,
    T5Config,
    T5EncoderModel,
)

from benchmarks.random_guides import GUIDES
from benchmarks.random_model_sizes import Sizes
from omniedit.errors import UserError
from omniedit.models.activations import default_dtype
from omniedit.models.inpaint_pipeline import InpaintPipeline
from omniedit.models.inpaintnet import InpaintNet
from omniedit.specialists.learned.stylist import cosxl_scheduler

WORDS = [
    *("<pad>", "<bos>", "<unk>", "dog", "grass", "make", "it", "a", "sketch", "the", "fog"),
    *("add", "at", "blue", "car", "dandelion", "drum", "fig", "fir", "night", "of", "path", "photo"),
    *("pink", "brush", "red", "remove", "stone", "stream", "table", "tree", "upper", "<eos>"),
]
"""Vocabulary of the tokenizers. The end token has the largest id, because CLIP pools there."""


class Maker:
    """Factory for models of one size on one device, in bfloat16 on a GPU."""

    def __init__(self, sizes: Sizes, device: str) -> None:
        self.sizes, self.device = sizes, device
        self.dtype = torch.float32 if device == "cpu" else torch.bfloat16

    def pipeline(self, kind: str) -> Any:
        """Return a pipeline by its class in config/models.yaml, or `InpaintPipeline`, our own, over an SD3."""
        pipeline = self._pipelines()[kind]()
        pipeline.set_progress_bar_config(disable=True)
        return pipeline

    def _pipelines(self) -> dict[str, Callable[[], Any]]:
        return {
            "StableDiffusionXLPipeline": lambda: self._sdxl(StableDiffusionXLPipeline, 4),
            "StableDiffusionXLInpaintPipeline": lambda: self._sdxl(StableDiffusionXLInpaintPipeline, 9),
            "StableDiffusionXLInstructPix2PixPipeline": self._cosxl,
            "StableDiffusion3Pipeline": lambda: StableDiffusion3Pipeline(transformer=self._sd3(), **self._sd3_parts()),
            "StableDiffusion3InpaintPipeline": lambda: StableDiffusion3InpaintPipeline(
                transformer=self._sd3(), **self._sd3_parts()
            ),
            "InpaintPipeline": lambda: InpaintPipeline(
                transformer=self._build(lambda: InpaintNet(dict(self.sizes.sd3))), **self._sd3_parts()
            ),
            "FluxFillPipeline": self._flux,
            "FluxKontextPipeline": self._kontext,
        }

    def save(self, kind: str, folder: Path, seed: int = 0) -> Path:
        """Save a model in a folder, laid out as it is fetched, and return the folder.

        Args:
            kind: class of the model in config/models.yaml.
            seed: the same seed gives the same weights.

        Raises:
            UserError: no random model is made of this class.
        """
        grounding = {"GroundingDinoForObjectDetection": self.detector, "SamModel": self.segmenter}
        if kind in GUIDES:
            return GUIDES[kind](folder, self.pipeline("StableDiffusionXLPipeline").unet, seed)
        if kind not in {**grounding, **self._pipelines()}:
            raise UserError(f"config/models.yaml: no model of random weights is made of the class {kind}")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            for part in grounding[kind]() if kind in grounding else [self.pipeline(kind)]:
                part.save_pretrained(folder)
        return folder

    def detector(self) -> tuple[Any, Any]:
        sizes = self.sizes
        config = GroundingDinoConfig(
            backbone_config=SwinConfig(**sizes.swin), text_config=BertConfig(**sizes.bert), **sizes.dino
        )
        words = [f"[unused{place}]" for place in range(BertConfig(**sizes.bert).vocab_size)]
        for place, word in {0: "[PAD]", 100: "[UNK]", 101: "[CLS]", 102: "[SEP]", 1012: ".", 1029: "?"}.items():
            words[place] = word
        words[2000 : 2000 + len(WORDS)] = WORDS
        tokenizer = BertTokenizer(vocab={word: place for place, word in enumerate(words)})
        processor = GroundingDinoProcessor(GroundingDinoImageProcessorPil(size=dict(sizes.dino_side)), tokenizer)
        return self._build(lambda: GroundingDinoForObjectDetection(config)).float(), processor

    def segmenter(self) -> tuple[Any, Any]:
        side = self.sizes.sam_side
        sections: dict[str, Any] = {name: dict(section) for name, section in self.sizes.sam.items()}
        config = SamConfig(**sections)
        images = SamImageProcessorPil(size={"longest_edge": side}, pad_size={"height": side, "width": side})
        return self._build(lambda: SamModel(config)).float(), SamProcessor(images)

    def _build(self, make: Callable[[], Any]) -> Any:
        with torch.device(self.device), default_dtype(self.dtype):
            return make().eval().requires_grad_(False)

    def _sdxl(self, kind: Any, channels: int, **options: Any) -> Any:
        fixed = {"out_channels": 4, "use_linear_projection": True, "addition_embed_type": "text_time"}
        scheduler = EulerDiscreteScheduler(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1
        )
        return kind(
            unet=self._build(lambda: UNet2DConditionModel(in_channels=channels, **fixed, **self.sizes.unet)),
            scheduler=options.pop("scheduler", scheduler),
            vae=self._vae(4),
            text_encoder=self._build(lambda: CLIPTextModel(_clip(self.sizes.clip))),
            tokenizer=tokenizer(77),
            text_encoder_2=self._build(lambda: CLIPTextModelWithProjection(_clip(self.sizes.big_clip))),
            tokenizer_2=tokenizer(77),
            **options,
        )

    def _cosxl(self) -> Any:
        kind = StableDiffusionXLInstructPix2PixPipeline
        return self._sdxl(kind, 8, scheduler=cosxl_scheduler(), is_cosxl_edit=True)

    def _sd3(self) -> Any:
        return self._build(lambda: SD3Transformer2DModel(**self.sizes.sd3))

    def _sd3_parts(self) -> dict[str, Any]:
        return {
            "scheduler": FlowMatchEulerDiscreteScheduler(shift=3.0),
            "vae": self._vae(16, scaling_factor=1.5305, shift_factor=0.0609),
            "text_encoder": self._build(lambda: CLIPTextModelWithProjection(_clip(self.sizes.clip))),
            "tokenizer": tokenizer(77),
            "text_encoder_2": self._build(lambda: CLIPTextModelWithProjection(_clip(self.sizes.big_clip))),
            "tokenizer_2": tokenizer(77),
            "text_encoder_3": self._t5(),
            "tokenizer_3": tokenizer(512, "$A <eos>"),
        }

    def _flux(self) -> Any:
        fixed = {"patch_size": 1, "in_channels": 384, "out_channels": 64, "guidance_embeds": True}
        return FluxFillPipeline(
            transformer=self._build(lambda: FluxTransformer2DModel(**fixed, **self.sizes.flux)),
            scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
            vae=self._vae(16, scaling_factor=0.3611, shift_factor=0.1159),
            text_encoder=self._build(lambda: CLIPTextModel(_clip(self.sizes.clip))),
            tokenizer=tokenizer(77),
            text_encoder_2=self._t5(),
            tokenizer_2=tokenizer(512, "$A <eos>"),
        )

    def _kontext(self) -> Any:
        parts = self._flux().components
        fixed = {"patch_size": 1, "in_channels": 64, "out_channels": 64, "guidance_embeds": True}
        return FluxKontextPipeline(
            **parts | {"transformer": self._build(lambda: FluxTransformer2DModel(**fixed, **self.sizes.flux))}
        )

    def _t5(self) -> Any:
        config = T5Config(vocab_size=len(WORDS), feed_forward_proj="gated-gelu", **self.sizes.t5)
        return self._build(lambda: T5EncoderModel(config))

    def _vae(self, channels: int, **options: float) -> Any:
        """Return a VAE. SDXL's has 4 latent channels. SD3's and FLUX's have 16 and lack the quant convolutions."""
        widths, waist = self.sizes.vae_widths, channels == 4
        return self._build(
            lambda: AutoencoderKL(
                block_out_channels=widths,
                down_block_types=("DownEncoderBlock2D",) * len(widths),
                up_block_types=("UpDecoderBlock2D",) * len(widths),
                layers_per_block=self.sizes.vae_layers,
                norm_num_groups=self.sizes.vae_groups,
                latent_channels=channels,
                use_quant_conv=waist,
                use_post_quant_conv=waist,
                **options,
            )
        )


def tokenizer(longest: int, around: str = "<bos> $A <eos>") -> PreTrainedTokenizerFast:
    """Return a tokenizer over `WORDS`.

    Args:
        longest: number of tokens of the longest text.
        around: template with the tokens before and after a text, CLIP's by default.
    """
    words = Tokenizer(WordLevel({word: place for place, word in enumerate(WORDS)}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    specials = [(word, WORDS.index(word)) for word in ("<bos>", "<eos>")]
    words.post_processor = TemplateProcessing(single=around, special_tokens=specials)
    return PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="<pad>", unk_token="<unk>", eos_token="<eos>", model_max_length=longest
    )


def _clip(size: Mapping[str, Any]) -> CLIPTextConfig:
    ids: dict[str, Any] = {"bos_token_id": 1, "eos_token_id": len(WORDS) - 1, "pad_token_id": 0}
    return CLIPTextConfig(vocab_size=len(WORDS), projection_dim=size["hidden_size"], **size, **ids)
