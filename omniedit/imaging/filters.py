"""Filters whose results several packages share."""

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray


def vector_length(x: MatLike, y: MatLike) -> NDArray[np.float32]:
    """Return the length of each vector (x, y); both arrays have the same shape.

    cv2.magnitude is not used, because its last bit depends on the memory address of the arrays: two runs would differ.
    """
    squares = np.multiply(x, x, dtype=np.float32)
    squares += y * y
    return np.sqrt(squares, out=squares)


def noise_response(field_HW: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the (H, W) response of a filter that suppresses edges and leaves mostly noise (Immerkaer 1996).

    Its median, divided by 6 * 0.6745, is the standard deviation of the noise.
    """
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    return np.abs(cv2.filter2D(field_HW, cv2.CV_32F, kernel))
