"""Translation between two images by phase correlation."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.floating[Any]]


def find_shift(first_HW: Plane, second_HW: Plane, window_HW: NDArray[Any]) -> tuple[tuple[float, float], float]:
    """Measure the translation from one image to another (Kuglin and Hines 1975).

    OpenCV pads images to a size that is fast to transform. If that is odd, its peak is off by half a pixel, so such
    images are padded to an even size first.

    Args:
        window_HW: weights of the pixels, such as a Hann window.

    Returns:
        (dx, dy) in pixels, and the response of the peak from 0 to 1.
    """
    height, width = first_HW.shape
    below, right = (_even_size(length) - length for length in (height, width))
    planes = (  # copies, because OpenCV overwrites its inputs
        cv2.copyMakeBorder(plane, 0, below, 0, right, cv2.BORDER_CONSTANT, value=0)
        for plane in (first_HW, second_HW, window_HW)
    )
    (dx, dy), response = cv2.phaseCorrelate(*planes)
    return (dx, dy), response


def _even_size(length: int) -> int:
    """Return the length itself, or the next even one that is fast to transform if OpenCV would pad to an odd one."""
    size = cv2.getOptimalDFTSize(length)
    if size % 2 == 0:
        return length
    while size % 2:
        size = cv2.getOptimalDFTSize(size + 1)
    return size
