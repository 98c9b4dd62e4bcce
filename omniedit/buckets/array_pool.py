"""Reuse of the memory of batches. The kernel clears fresh pages, which can cost as much as decoding an image."""

import math
import sys
import threading

import numpy as np
from numpy.typing import DTypeLike

UNUSED_COUNT = 2
"""Reference count of an unused block: one for the list, one for the argument of `getrefcount`."""


class ArrayPool:
    """Allocator of arrays whose memory is reused once no array refers to it.

    The number of blocks is the largest number that was in use at once. Several threads may use the pool.
    """

    def __init__(self) -> None:
        self._blocks: list[np.ndarray] = []
        self._lock = threading.Lock()

    def empty(self, shape: tuple[int, ...], dtype: DTypeLike = np.uint8) -> np.ndarray:
        """Return an uninitialised array, as `np.empty` does. Its views and tensors keep the memory in use."""
        size = math.prod(shape) * np.dtype(dtype).itemsize
        with self._lock:
            block = self._take(size)
            return block[:size].view(dtype).reshape(shape)

    def _take(self, size: int) -> np.ndarray:
        """Return an unused block of at least `size` bytes. If all unused blocks are too small, one of them is
        replaced.
        """
        unused = [index for index in range(len(self._blocks)) if sys.getrefcount(self._blocks[index]) == UNUSED_COUNT]
        for index in unused:
            if self._blocks[index].nbytes >= size:
                return self._blocks[index]
        block = np.empty(size, np.uint8)
        if unused:
            self._blocks[unused[0]] = block
        else:
            self._blocks.append(block)
        return block
