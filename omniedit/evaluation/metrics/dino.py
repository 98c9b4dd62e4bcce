"""DINO's embedding of an image (Caron et al. 2021): the class token of ViT-S/16, as DreamBooth and MagicBrush use it.

N  images      D  embedding dimensions
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from omniedit.evaluation.metrics.embeddings import EmbeddingCache, Vectors, cosine
from omniedit.evaluation.metrics.preprocess import dino_pixels
from omniedit.imaging.images import Image

if TYPE_CHECKING:
    from transformers import ViTModel

RESIZE_FACTOR = 256 / 224
"""Ratio of the resized shorter side to the side of the crop."""


class Dino:
    """DINO's network.

    Args:
        model: on its device, in evaluation mode.
        weights: repository and revision.
    """

    def __init__(self, model: "ViTModel", weights: str = "") -> None:
        self.weights = weights
        self._model = model
        self._side: int = model.config.image_size  # type: ignore[assignment]
        self.images = EmbeddingCache(self._embed_images)

    def _embed_images(self, images: Sequence[Image]) -> Vectors:
        """Return the class token (N, D) after the last layer norm."""
        import torch

        pixels_NCHW = torch.from_numpy(dino_pixels(images, self._side, round(self._side * RESIZE_FACTOR)))
        with torch.inference_mode():
            output = self._model(pixel_values=pixels_NCHW.to(self._model.device))
        return output.last_hidden_state[:, 0].float().cpu().numpy()


def load_dino(role: str, device: str) -> Dino:
    """Load DINO by its role in config/models.yaml.

    Raises:
        UserError: as in `model_folder`.
    """
    import torch

    from omniedit.models.folder import load_part
    from omniedit.models.registry import get_model, model_folder

    folder, entry = model_folder(role), get_model(role)
    from transformers import ViTModel

    model = load_part(folder, (ViTModel,), torch.float32, add_pooling_layer=False)
    return Dino(model.to(device), f"{entry.repository} {entry.revision}")


def dino_similarity(a: Sequence[Image], b: Sequence[Image], dino: Dino) -> NDArray[np.float64]:
    """Return the cosine of the embeddings of each pair of images."""
    return cosine(dino.images(a), dino.images(b))
