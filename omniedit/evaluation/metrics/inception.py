"""Features of InceptionV3 for FID and KID, by the package `torch-fidelity` (TensorFlow's network of 2015)."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from omniedit.evaluation.metrics.metric import Features
from omniedit.evaluation.metrics.networks import find_checkpoint, find_package
from omniedit.imaging.images import Image

URL = "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth"
LAYER = "2048"


class Inception:
    """Network that takes bytes (N, 3, H, W), resizes them to 299 x 299 and returns features by layer."""

    def __init__(self, network: Any, device: str, weights: str = "") -> None:
        self.weights = weights
        self._network = network
        self._device = device

    def embed(self, images: Sequence[Image]) -> Features:
        """Return the features (N, 2048) of the last pooling. Images may differ in size."""
        import torch

        features = []
        with torch.inference_mode():
            for image in images:
                pixels_NCHW = torch.from_numpy(image.copy()).permute(2, 0, 1)[None].to(self._device)
                features.append(self._network(pixels_NCHW)[0].flatten().double().cpu().numpy())
        return np.stack(features)


def load_inception(device: str) -> Inception:
    """Load InceptionV3 from torch.hub's folder.

    Raises:
        NotAvailable: the package or the weights are missing.
    """
    find_package("torch_fidelity")
    checkpoint = find_checkpoint(URL)
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    network = FeatureExtractorInceptionV3("inception", [LAYER], feature_extractor_weights_path=str(checkpoint))
    return Inception(network.eval().to(device), device, checkpoint.name)
