"""Networks in ONNX files, run on the CPU."""

import os
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


class OnnxNetwork:
    """Network with one input.

    Args:
        path: ONNX file of the network.
    """

    def __init__(self, path: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = int(os.environ.get("OMP_NUM_THREADS", "0"))
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name

    def __call__(self, batch: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Return the network's outputs for an input of the shape that it expects."""
        return [np.asarray(output) for output in self._session.run(None, {self._input: batch})]


@cache
def load_network(path: Path) -> OnnxNetwork:
    """Load a network once per process."""
    return OnnxNetwork(path)
