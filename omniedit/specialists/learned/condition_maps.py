"""Condition images of an edit by models: a depth map (Depth Anything V2) and a segmentation map (UperNet)."""

from functools import cache
from pathlib import Path
from typing import Any, Self

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from transformers import DepthAnythingForDepthEstimation, UperNetForSemanticSegmentation

from omniedit.imaging.images import Image, levels
from omniedit.models.folder import load_part, load_processor

HUE_STEP = 109
"""Step of the hue (in 180 steps) from label to label, so that neighbouring numbers get distant colours and no hue
repeats."""


class _Estimator:
    """Model that maps an image to an image of its size.

    Args:
        model: loaded from its folder, on the device where it runs.
    """

    kind: type[Any]

    def __init__(self, model: Any, processor: Any) -> None:
        self.model, self.processor = model, processor

    @classmethod
    def load(cls, folder: Path, dtype: torch.dtype = torch.float32, device: str = "cpu") -> Self:
        """Load the model from a folder.

        Raises:
            UserError: the folder is missing, incomplete or of another class.
        """
        return cls(load_part(folder, (cls.kind,), dtype).to(device), load_processor(folder))

    @torch.inference_mode()
    def _run(self, image: Image) -> Any:
        inputs = self.processor(images=[image], return_tensors="pt")
        return self.model(pixel_values=inputs["pixel_values"].to(self.model.device, self.model.dtype))


class DepthEstimator(_Estimator):
    kind = DepthAnythingForDepthEstimation

    def estimate(self, image: Image) -> Image:
        """Return the (H, W, 3) grey depth map of an image: near is light, far is dark."""
        depth = self._run(image).predicted_depth[0].float().cpu().numpy()
        low, high = float(depth.min()), float(depth.max())
        grey = levels(((depth - low) / max(high - low, 1e-6)).astype(np.float32))
        scaled = cv2.resize(grey, (image.shape[1], image.shape[0]), interpolation=cv2.INTER_CUBIC)
        return np.repeat(np.asarray(scaled, np.uint8)[..., None], 3, axis=2)


class SemanticSegmenter(_Estimator):
    kind = UperNetForSemanticSegmentation

    def colour(self, image: Image) -> Image:
        """Return the (H, W, 3) segmentation map of an image; every label has its colour in all maps."""
        labels = self._run(image).logits[0].argmax(0).cpu().numpy().astype(np.uint8)
        scaled = cv2.resize(labels, (image.shape[1], image.shape[0]), interpolation=cv2.INTER_NEAREST)
        return palette()[np.asarray(scaled)]


@cache
def palette() -> NDArray[np.uint8]:
    """Return (180, 3) RGB colours, distant for neighbouring numbers; ADE20K has 150 labels."""
    numbers = np.arange(180)
    hsv = np.stack([numbers * HUE_STEP % 180, 240 - 50 * (numbers % 3), 255 - 40 * (numbers % 4)], axis=1)
    return np.asarray(cv2.cvtColor(hsv.astype(np.uint8)[None], cv2.COLOR_HSV2RGB)[0], np.uint8)
