"""LPIPS (Zhang et al. 2018), version 0.1: distance between two images in the features of a network.

The networks have the layers and parameter names of torchvision, whose weights they load. The linear layers come with
the package `lpips`.

N  image pairs      C  channels      H, W  height and width
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from omniedit.evaluation.metrics.networks import find_checkpoint, find_package
from omniedit.evaluation.metrics.pixels import fit_size
from omniedit.evaluation.metrics.preprocess import HALF_RGB, normalize
from omniedit.imaging.images import Image
from omniedit.models.weights import check_state

SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
"""Mean and standard deviation of ImageNet, for values in [-1, 1] (`ScalingLayer` of the package)."""
EPSILON = 1e-10
BATCH_PIXELS = 2**22
"""Number of pixels of a batch, which limits its memory."""
MIN_SIDE = 32
"""Minimum side in pixels of an image for which all features exist."""


def alexnet_features() -> nn.Sequential:
    """Return the convolutions of AlexNet (Krizhevsky 2014), with random weights."""
    return nn.Sequential(
        *(nn.Conv2d(3, 64, 11, stride=4, padding=2), nn.ReLU(), nn.MaxPool2d(3, stride=2)),
        *(nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, stride=2)),
        *(nn.Conv2d(192, 384, 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(384, 256, 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(256, 256, 3, padding=1), nn.ReLU()),
    )


class Fire(nn.Module):
    """Module of SqueezeNet: 1 x 1 convolution, then 1 x 1 and 3 x 3 convolutions of its output, concatenated."""

    def __init__(self, channels: int, squeezed: int, expanded: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(channels, squeezed, 1)
        self.expand1x1 = nn.Conv2d(squeezed, expanded, 1)
        self.expand3x3 = nn.Conv2d(squeezed, expanded, 3, padding=1)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        squeezed = self.squeeze(x_NCHW).relu()
        return torch.cat([self.expand1x1(squeezed).relu(), self.expand3x3(squeezed).relu()], dim=1)


def squeezenet_features() -> nn.Sequential:
    """Return the convolutions of SqueezeNet 1.1 (Iandola et al. 2016), with random weights."""

    def pool() -> nn.Module:
        return nn.MaxPool2d(3, stride=2, ceil_mode=True)

    return nn.Sequential(
        *(nn.Conv2d(3, 64, 3, stride=2), nn.ReLU(), pool()),
        *(Fire(64, 16, 64), Fire(128, 16, 64), pool()),
        *(Fire(128, 32, 128), Fire(256, 32, 128), pool()),
        *(Fire(256, 48, 192), Fire(384, 48, 192), Fire(384, 64, 256), Fire(512, 64, 256)),
    )


@dataclass(frozen=True)
class Backbone:
    """Network whose features are compared.

    Args:
        features: layers, with random weights.
        taps: indices of the layers whose outputs are compared.
        channels: channels of these outputs.
        url: address of torchvision's weights.
    """

    features: Callable[[], nn.Sequential]
    taps: tuple[int, ...]
    channels: tuple[int, ...]
    url: str


BACKBONES = {
    "alex": Backbone(
        alexnet_features,
        (1, 4, 7, 9, 11),
        (64, 192, 384, 256, 256),
        "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
    ),
    "squeeze": Backbone(
        squeezenet_features,
        (1, 4, 7, 9, 10, 11, 12),
        (64, 128, 256, 384, 384, 512, 512),
        "https://download.pytorch.org/models/squeezenet1_1-b8a52dc0.pth",
    ),
}


class Lpips(nn.Module):
    """LPIPS with one of `BACKBONES`, with random weights."""

    shift: Tensor
    scale: Tensor

    def __init__(self, backbone: str, weights: str = "") -> None:
        super().__init__()
        chosen = BACKBONES[backbone]
        self.weights = weights
        self.taps = chosen.taps
        self.features = chosen.features()
        self.heads = nn.ModuleList(nn.Conv2d(channels, 1, 1, bias=False) for channels in chosen.channels)
        self.register_buffer("shift", torch.tensor(SHIFT).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("scale", torch.tensor(SCALE).view(1, 3, 1, 1), persistent=False)

    def forward(self, a_NCHW: Tensor, b_NCHW: Tensor) -> Tensor:
        """Return the distances (N,) of images in [-1, 1]: sums over layers of weighted mean square differences."""
        distances = torch.zeros(len(a_NCHW), device=a_NCHW.device)
        for head, a, b in zip(self.heads, self._tap(a_NCHW), self._tap(b_NCHW), strict=True):
            distances = distances + head((_unit(a) - _unit(b)) ** 2).mean(dim=(1, 2, 3))
        return distances

    def _tap(self, x_NCHW: Tensor) -> list[Tensor]:
        outputs, hidden = [], (x_NCHW - self.shift) / self.scale
        for place, layer in enumerate(self.features):
            hidden = layer(hidden)
            if place in self.taps:
                outputs.append(hidden)
        return outputs


def _unit(x_NCHW: Tensor) -> Tensor:
    """Scale the channels at each position to length 1."""
    return x_NCHW / (x_NCHW.pow(2).sum(dim=1, keepdim=True).sqrt() + EPSILON)


def load_lpips(backbone: str, device: str) -> Lpips:
    """Load LPIPS from torchvision's weights in torch.hub's folder and the linear layers of the package `lpips`.

    Raises:
        NotAvailable: the package or the weights are missing.
    """
    heads = torch.load(find_package("lpips") / f"weights/v0.1/{backbone}.pth", map_location="cpu", weights_only=True)
    checkpoint = find_checkpoint(BACKBONES[backbone].url)
    state = {
        name: value
        for name, value in torch.load(checkpoint, map_location="cpu", weights_only=True).items()
        if name.startswith("features.")
    }
    state |= {f"heads.{name[3:].partition('.')[0]}.weight": value for name, value in heads.items()}
    network = Lpips(backbone, f"lpips 0.1 {backbone}, {checkpoint.name}")
    check_state(checkpoint, state, network.state_dict(), "LPIPS")
    network.load_state_dict(state)
    return network.eval().to(device)


def lpips_distances(a: Sequence[Image], b: Sequence[Image], network: Lpips) -> list[float]:
    """Return the distance of each pair of images. The first image is resized to the other's size. NaN for tiny
    images.
    """
    distances = [float("nan")] * len(a)
    places: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for place, other in enumerate(b):
        if min(other.shape[:2]) >= MIN_SIDE:
            places[other.shape].append(place)
    for shape, same_size in places.items():
        count = max(1, BATCH_PIXELS // (shape[0] * shape[1]))
        for first in range(0, len(same_size), count):
            chosen = same_size[first : first + count]
            measured = _measure([fit_size(a[place], b[place]) for place in chosen], [b[p] for p in chosen], network)
            for place, distance in zip(chosen, measured, strict=True):
                distances[place] = distance
    return distances


def _measure(a: Sequence[Image], b: Sequence[Image], network: Lpips) -> list[float]:
    device = next(network.parameters()).device
    a_NCHW, b_NCHW = (torch.from_numpy(normalize(images, HALF_RGB, HALF_RGB)).to(device) for images in (a, b))
    with torch.inference_mode():
        return np.asarray(network(a_NCHW, b_NCHW).float().cpu()).tolist()
