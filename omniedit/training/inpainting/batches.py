"""Training and held-out batches of the inpainting specialist: photos with holes.

Every random choice about a sample depends only on (seed, step, position in the whole batch), as for editors. Shapes: B
samples, C latent channels, H W image height and width.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np
import torch
from PIL import Image as PillowImage
from torch import Tensor

from omniedit.config.training import HolesConfig, InpaintingOptions
from omniedit.imaging.images import Image, Mask
from omniedit.instructions.grammar import with_article
from omniedit.instructions.left_right import mirrors_randomly
from omniedit.models.base import Base
from omniedit.models.codec import Vae, encode
from omniedit.models.inpaint_pipeline import InpaintPipeline
from omniedit.models.inpaintnet import inpainting_condition
from omniedit.sources.photo_shard import PhotoShards
from omniedit.training.checkpoints import WITHOUT_EFFECT, base_identity
from omniedit.training.editor.samples import SAMPLES, SampleEdit
from omniedit.training.flow_batches import (
    EditBatch,
    Embeddings,
    FlowBatchBuilder,
    choose_held_out_pairs,
    flow_inputs,
    text_inputs,
)
from omniedit.training.inpainting.dataset import PhotoBatch, PhotoStore
from omniedit.training.inpainting.random_holes import RandomHole, random_hole

NO_NAMES = frozenset(("", "object", "thing", "item"))
"""Object names that are too general to describe the content of a hole."""
GREY = 128
"""Grey level, 0-255, that fills a hole in the control branch's input."""


@dataclass(frozen=True)
class HoleBatches(FlowBatchBuilder):
    """Batch builder: the condition is a photo without its hole, the target is the velocity of the whole photo.

    Args:
        captions: encoder of captions.
        shares: shares of the kinds of holes.
    """

    vae: Vae
    captions: Embeddings
    options: InpaintingOptions
    shares: HolesConfig
    seed: int
    weighting = "equal weights"

    def weights(self, pairs: PhotoBatch) -> Tensor:
        """Return the weight of each photo, (B,), all equal."""
        return torch.ones(len(pairs))

    def build(self, pairs: PhotoBatch, step: int, first: int) -> EditBatch:
        """Return one rank's batch of a step; its first sample is at position `first` of the whole batch."""
        rngs = self.step_rngs(pairs, step, first)
        captions = [pair["caption"] for pair in pairs.pairs]
        flips = [mirrors_randomly([text], rng) for rng, text in zip(rngs, captions, strict=True)]
        share = self.options.text_dropout + self.options.both_dropout
        dropped = [rng.random() < share for rng in rngs]
        return self._batch(pairs, flips, dropped, self.draw_sigmas(rngs), rngs)

    def held_out_at(self, pairs: PhotoBatch, quantile: float) -> EditBatch:
        """Return a held-out batch: photos unflipped, with fixed holes and noise.

        Args:
            quantile: quantile of the training noise levels, for all samples.
        """
        never = [False] * len(pairs)
        return self._batch(pairs, never, never, self.quantile_sigmas(len(pairs), quantile), self.fixed_rngs(pairs))

    def hole(self, objects: np.ndarray, shape: Sequence[int], rng: np.random.Generator) -> RandomHole:
        return random_hole(shape[0], shape[1], objects, self.shares, rng)

    def _batch(
        self,
        pairs: PhotoBatch,
        flips: Sequence[bool],
        dropped: Sequence[bool],
        sigma_B: Tensor,
        rngs: Sequence[np.random.Generator],
    ) -> EditBatch:
        shape = pairs.images.shape[1:3]
        holes = [self.hole(objects, shape, rng) for objects, rng in zip(pairs.objects, rngs, strict=True)]
        captions = [
            "" if drop else caption_for(pair, hole)
            for pair, hole, drop in zip(pairs.pairs, holes, dropped, strict=True)
        ]
        images = self._on_device(pairs.images, flips) / 127.5 - 1
        masks = self._on_device([hole.mask for hole in holes], flips)[:, None]
        with torch.no_grad():
            clean = encode(self.vae, images)
        condition = inpainting_condition(self.vae, images, masks)
        inputs, target = flow_inputs(clean, sigma_B, rngs, text_inputs(self.captions(captions), clean), condition)
        return EditBatch(inputs, target, self.weights(pairs).to(clean))

    def _on_device(self, arrays: Sequence[np.ndarray] | np.ndarray, flips: Sequence[bool]) -> Tensor:
        """Stack arrays (H, W) or (H, W, 3), mirrored where `flips` is True, to float32 (B, H, W) or (B, 3, H, W)."""
        mirrored = np.stack([array[:, ::-1] if flip else array for array, flip in zip(arrays, flips, strict=True)])
        tensor = torch.from_numpy(mirrored).to(self.vae.device)
        return (tensor if tensor.ndim == 3 else tensor.permute(0, 3, 1, 2)).float()


def caption_for(photo: Mapping[str, Any], hole: RandomHole) -> str:
    """Return the caption of a hole: the object's name (Wei et al. 2024, section 3.2), or else the photo's caption.

    The photo's caption is used if the hole is not an object's outline, or if the object has no name.

    Args:
        photo: a row of `PhotoBatch.pairs`.
    """
    name = "" if hole.shows is None else photo["names"][hole.shows]
    return photo["caption"] if name in NO_NAMES else with_article(name)


def sample_fills(pipeline: InpaintPipeline, store: PhotoStore, batches: HoleBatches) -> Iterator[SampleEdit]:
    """Yield held-out photos with holes and the images that fill them; holes and noise are the same at each call."""
    pipeline.set_progress_bar_config(disable=True)
    for ratio, row in choose_held_out_pairs(store, SAMPLES):
        photos = store.read(ratio, [row])
        image = photos.images[0]
        drawn = batches.hole(photos.objects[0], image.shape, *batches.fixed_rngs(photos))
        hole, caption = drawn.mask, caption_for(photos.pairs[0], drawn)
        painted = pipeline(
            prompt=[caption],
            image=[PillowImage.fromarray(image)],
            mask_image=[PillowImage.fromarray(hole)],
            height=image.shape[0],
            width=image.shape[1],
            generator=[torch.Generator().manual_seed(batches.seed)],
        ).images[0]
        fill = np.rint(255 * np.asarray(painted)).astype(np.uint8)
        yield SampleEdit(_with_hole(image, hole), caption, np.where(hole[..., None], fill, image), image)


def inpainting_identity(
    options: InpaintingOptions, shares: HolesConfig, seed: int, photos: PhotoShards, objects: Sequence[Any], base: Base
) -> dict[str, Any]:
    """Return all settings and inputs that the weights of a run depend on, as JSON values. A run resumes only if they
    are equal.

    Args:
        objects: checksums of the files with the photos' objects.
    """
    about = (photos.metadata(index) for index in range(len(photos)))
    learnt = [[photo[key] for key in ("source_id", "sha256", "ratio", "caption")] for photo in about]
    return {
        "options": options.model_dump(exclude=WITHOUT_EFFECT),
        "holes": shares.model_dump(),
        "captions": "an object's name, else the photo's caption",
        "seed": seed,
        "photos": sha256(json.dumps(learnt).encode()).hexdigest(),
        "objects": list(objects),
        **base_identity(base),
    }


def _with_hole(image: Image, hole: Mask) -> Image:
    return np.where(hole[..., None], np.uint8(GREY), image)
