"""DreamSim's distance (Fu et al. 2023), by the package `dreamsim` and its ensemble of three networks."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omniedit.evaluation.metrics.networks import NotAvailable, find_package
from omniedit.evaluation.metrics.preprocess import normalize, resize_to
from omniedit.imaging.images import Image

SIDE = 224
"""Size to which the package resizes images, each side by its own factor."""
FILES = (
    "dino_vitb16_pretrain.pth",
    "open_clip_vitb16_pretrain.pth.tar",
    "clip_vitb16_pretrain.pth.tar",
    "ensemble_lora",
)
"""Files of the ensemble's weights, without which the package would download them."""


class DreamSim:
    """DreamSim's network, which takes pixels in [0, 1], (N, 3, 224, 224)."""

    def __init__(self, network: Any, device: str, weights: str = "") -> None:
        self.weights = weights
        self._network = network
        self._device = device

    def distances(self, a: Sequence[Image], b: Sequence[Image]) -> list[float]:
        """Return the distance of each pair of images: 1 minus the cosine of their embeddings."""
        import torch

        a_NCHW, b_NCHW = (torch.from_numpy(_pixels(images)).to(self._device) for images in (a, b))
        with torch.inference_mode():
            return [float(self._network(a_NCHW[n : n + 1], b_NCHW[n : n + 1])) for n in range(len(a))]


def _pixels(images: Sequence[Image]) -> Any:
    return normalize([resize_to(image, SIDE, SIDE) for image in images], (0, 0, 0), (1, 1, 1))


def load_dreamsim(device: str) -> DreamSim:
    """Load DreamSim's ensemble from the folder `dreamsim` in torch.hub's folder.

    Raises:
        NotAvailable: the package or its weights are missing.
    """
    find_package("dreamsim")
    import torch

    folder = Path(torch.hub.get_dir()) / "dreamsim"
    if missing := [name for name in FILES if not (folder / name).exists()]:
        command = f"python -c \"from dreamsim import dreamsim; dreamsim(device='cpu', cache_dir='{folder}')\""
        raise NotAvailable(f"{folder}: lacks {missing[0]}; on a machine with internet access, run: {command}")
    from dreamsim import dreamsim

    network, _ = dreamsim(pretrained=True, device=device, cache_dir=str(folder))
    return DreamSim(network, device, "dreamsim ensemble")
