"""Pre-training of a small SD3 base on the source photos, for EditNet where no SD3 is available.

Shapes: B images, C latent channels, h w latent height and width.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from diffusers.models.transformers.transformer_sd3 import SD3Transformer2DModel
from torch import Tensor

from omniedit.aspect import RATIOS, bucket_size
from omniedit.config.training import PretrainingOptions
from omniedit.errors import UserError
from omniedit.imaging.images import Image, random_crop, resize_cover
from omniedit.models.codec import Vae, encode_arrays
from omniedit.models.editor import to_velocity
from omniedit.sources.photo import Photo
from omniedit.training.editor.instruction_encoder import InstructionEncoder
from omniedit.training.flow_batches import noise_levels
from omniedit.training.objective import flow_loss, rectified_flow_pair
from omniedit.training.optimizer import GuardedAdamW
from omniedit.training.schedule import BETA1

MIN_CROP = 0.3
"""Minimum side of a crop, as a share of the largest that fits."""
CAPTION_DROPOUT = 0.1


def small_sd3(options: PretrainingOptions, text_width: int) -> SD3Transformer2DModel:
    """Return an SD3 transformer of the configured size with random weights."""
    return SD3Transformer2DModel.from_config(sd3_config(options, text_width))


def sd3_config(options: PretrainingOptions, text_width: int) -> dict[str, Any]:
    """Return the arguments of `SD3Transformer2DModel`; its positions cover four times the resolution."""
    base, side = options.base, options.resolution // 8
    return {
        "sample_size": side,
        "patch_size": base.patch_size,
        "in_channels": 16,
        "out_channels": 16,
        "num_layers": base.layers,
        "num_attention_heads": base.heads,
        "attention_head_dim": base.head_dim,
        "joint_attention_dim": text_width,
        "caption_projection_dim": base.heads * base.head_dim,
        "pooled_projection_dim": text_width,
        "pos_embed_max_size": 4 * side // base.patch_size,
    }


@dataclass
class Pretraining:
    """Rectified-flow training on random crops of captioned photos, randomly mirrored, at all seven ratios."""

    vae: Vae
    captions: InstructionEncoder
    options: PretrainingOptions
    seed: int

    def run(self, base: SD3Transformer2DModel, photos: Iterable[Photo]) -> Iterator[float]:
        """Train `base` on the VAE's device and yield each step's loss. At the end, `base` holds the EMA weights.

        Raises:
            UserError: no photos.
        """
        options = self.options.base
        scaled = [(photo.caption, self._resize(photo)) for photo in photos]
        if not scaled:
            raise UserError("no photo to pre-train on: sources/index.parquet lists rejected and held-out photos")
        optimizer = GuardedAdamW(base.parameters(), (BETA1, self.options.adam_beta2), sharded=False)
        optimizer.init_moments(base.parameters())
        for step in range(options.steps):
            optimizer.prepare_step(step, options.steps, options.learning_rate, self.options)
            loss = self._loss(base, scaled, np.random.default_rng([self.seed, step]))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            yield loss.item()
        for parameter in base.parameters():
            parameter.data.copy_(optimizer.state[parameter]["ema"])

    def _loss(
        self, base: SD3Transformer2DModel, photos: Sequence[tuple[str, Image]], rng: np.random.Generator
    ) -> Tensor:
        count = self.options.base.batch_size
        width, height = bucket_size(rng.choice(list(RATIOS)), self.options.resolution)
        chosen = [photos[i] for i in rng.integers(len(photos), size=count)]
        crops = np.stack([random_crop(image, width, height, MIN_CROP, rng) for _, image in chosen])
        clean = encode_arrays(self.vae, crops)
        prompt, pooled = self.captions(["" if rng.random() < CAPTION_DROPOUT else caption for caption, _ in chosen])
        normal_B = torch.from_numpy(rng.standard_normal(count, np.float32)).to(clean)
        sigma_B = noise_levels(normal_B, self.options)
        noise = torch.from_numpy(rng.standard_normal(clean.shape, np.float32)).to(clean)
        noisy, target = rectified_flow_pair(clean, noise, sigma_B)
        timestep = 1000 * sigma_B
        output = base(noisy, prompt, pooled, timestep, return_dict=False)[0]
        return flow_loss(to_velocity(output, noisy, timestep, self.options.base.prediction), target).mean()

    def _resize(self, photo: Photo) -> Image:
        """Resize a photo to twice the training resolution, so that it takes little memory and its crops rarely need
        upscaling.
        """
        return resize_cover(photo.image, *bucket_size(photo.ratio, 2 * self.options.resolution))
