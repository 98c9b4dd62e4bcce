"""Image features from a frozen image encoder, computed once per image.

B  pairs of a batch     V  views of a pair     S  side of a view     N  image tokens of a view     T  tokens
C  channels of the projector's input     D  width of the language model
"""

from collections.abc import Hashable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import InternVLForConditionalGeneration

from omniedit.scoring.student.judge import pixel_values

CACHE_BYTES = 2**30
"""Maximum size of the cache. Nothing is evicted, because each pair is drawn once per pass over all pairs."""


class FrozenVision:
    """Image encoder that is not trained, with its cached features; the image projector stays trainable.

    Features of a pair take 192 KB for six views of 64 pixels.

    Args:
        model: its image encoder is frozen.
    """

    def __init__(self, model: InternVLForConditionalGeneration) -> None:
        self.model = model
        model.model.vision_tower.requires_grad_(False)
        self._known: dict[Hashable, Tensor] = {}

    def embed(self, ids_BT: Tensor, keys: Sequence[Hashable], views_BVSS3: NDArray[np.uint8]) -> Tensor:
        """Return (B, T, D) embeddings of prompts, with the features of the views at the positions of their image
        tokens.

        Args:
            keys: names of the B arrays of views; arrays with the same name are equal.
        """
        features = self.model.model.multi_modal_projector(torch.stack(self._look_up(keys, views_BVSS3)))
        is_image_BT1 = (ids_BT == self.model.config.image_token_id)[..., None]
        return self.model.get_input_embeddings()(ids_BT).masked_scatter(is_image_BT1, features)

    def _look_up(self, keys: Sequence[Hashable], views_BVSS3: NDArray[np.uint8]) -> list[Tensor]:
        """Return the features of each array of views, (V * N, C) each."""
        new = {key: place for place, key in enumerate(keys) if key not in self._known}
        encoded = dict(zip(new, self._encode(views_BVSS3[list(new.values())]), strict=True)) if new else {}
        tensors = [self._known[key] if key in self._known else encoded[key] for key in keys]
        for key, features in encoded.items():
            if (len(self._known) + 1) * features.nbytes <= CACHE_BYTES:
                self._known[key] = features
        return tensors

    @torch.no_grad()
    def _encode(self, views_BVSS3: NDArray[np.uint8]) -> Tensor:
        """Return (B, V * N, C) features: patches of the image encoder, joined as InternVL's pixel shuffle does."""
        model, count = self.model.model, len(views_BVSS3)
        patches = model.vision_tower(pixel_values=pixel_values(views_BVSS3)).last_hidden_state[:, 1:]
        side = round(patches.shape[1] ** 0.5)
        grid = patches.unflatten(1, (side, side))
        return (
            model.pixel_shuffle(grid, model.config.downsample_ratio)
            .flatten(1, 2)
            .unflatten(0, (count, -1))
            .flatten(1, 2)
        )
