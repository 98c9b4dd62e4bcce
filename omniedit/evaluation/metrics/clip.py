"""CLIP's image and text embeddings (Radford et al. 2021), computed with transformers.

N  images or texts      D  embedding dimensions
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from omniedit.evaluation.metrics.embeddings import EmbeddingCache, Vectors, cosine, unit
from omniedit.evaluation.metrics.metric import Sample
from omniedit.evaluation.metrics.networks import Networks
from omniedit.evaluation.metrics.preprocess import clip_pixels
from omniedit.imaging.images import Image

if TYPE_CHECKING:
    from transformers import CLIPModel, PreTrainedTokenizerBase


class Clip:
    """CLIP with its tokenizer.

    Args:
        model: on its device, in evaluation mode.
        weights: repository and revision.
    """

    def __init__(self, model: "CLIPModel", tokenizer: "PreTrainedTokenizerBase", weights: str = "") -> None:
        self.weights = weights
        config: Any = model.config
        self._side: int = config.vision_config.image_size
        self._longest: int = config.text_config.max_position_embeddings
        self._model = model
        self._tokenizer = tokenizer
        self.images = EmbeddingCache(self._embed_images)

    def _embed_images(self, images: Sequence[Image]) -> Vectors:
        import torch

        pixels_NCHW = torch.from_numpy(clip_pixels(images, self._side))
        with torch.inference_mode():
            output = self._model.get_image_features(pixel_values=pixels_NCHW.to(self._model.device))
        return output.pooler_output.float().cpu().numpy()

    def texts(self, texts: Sequence[str]) -> Vectors:
        """Return the embeddings (N, D) of texts; texts longer than CLIP's context are cut."""
        import torch

        tokens = self._tokenizer(
            list(texts), padding="max_length", truncation=True, max_length=self._longest, return_tensors="pt"
        ).to(self._model.device)
        with torch.inference_mode():
            output = self._model.get_text_features(**tokens)
        return output.pooler_output.float().cpu().numpy()


def load_clip(role: str, device: str) -> Clip:
    """Load CLIP by its role in config/models.yaml.

    Raises:
        UserError: as in `model_folder`.
    """
    import torch

    from omniedit.models.folder import load_part, load_tokenizer
    from omniedit.models.registry import get_model, model_folder

    folder, entry = model_folder(role), get_model(role)
    from transformers import CLIPModel, CLIPTokenizer

    model = load_part(folder, (CLIPModel,), torch.float32).to(device)
    tokenizer = load_tokenizer(folder, CLIPTokenizer)
    return Clip(model, tokenizer, f"{entry.repository} {entry.revision}")


def image_similarity(a: Sequence[Image], b: Sequence[Image], clip: Clip) -> NDArray[np.float64]:
    """Return the cosine of the embeddings of each pair of images."""
    return cosine(clip.images(a), clip.images(b))


def text_similarity(images: Sequence[Image], texts: Sequence[str], clip: Clip) -> NDArray[np.float64]:
    """Return the cosine of the embeddings of each image and its text."""
    return cosine(clip.images(images), clip.texts(texts))


def direction_similarity(samples: Sequence[Sample], networks: Networks) -> NDArray[np.float64]:
    """Return the cosine of the changes of image and caption (Gal et al. 2022), with embeddings of length 1.

    It is 0 if the image or the caption does not change, as InstructPix2Pix computes it.
    """
    clip: Clip = networks["clip"]
    before, after = (
        unit(clip.images([getattr(sample, field) for sample in samples])) for field in ("source", "edited")
    )
    words_before, words_after = (
        unit(clip.texts([getattr(sample, f"{field}_caption") for sample in samples])) for field in ("source", "target")
    )
    return cosine(after - before, words_after - words_before)
