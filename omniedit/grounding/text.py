"""Printed text in images: its lines and their words, by PP-OCR's networks as shipped by rapidocr (the extra `text`)."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from omniedit.errors import UserError
from omniedit.imaging.images import Image

MODEL = {"rapidocr": "3.10.0 PP-OCRv6 small"}
READER_MISSING = "reading text needs rapidocr: pip install 'omniedit[text]', or turn textual_change off"
MIN_SIDE = 320
"""Shorter side in pixels below which an image is enlarged before it is read."""


@dataclass(frozen=True)
class TextLine:
    """Line of text.

    Args:
        text: its words.
        score: confidence of the reader in [0, 1].
        corners: (4, 2), x and y in pixels of the corners, clockwise from the upper left one.
    """

    text: str
    score: float
    corners: NDArray[np.float32]


def can_read() -> bool:
    """Return whether the text reader is installed."""
    return find_spec("rapidocr") is not None


def read_text(image: Image) -> tuple[TextLine, ...]:
    """Return the lines of text in an (H, W, 3) image, from top to bottom.

    Raises:
        UserError: rapidocr is not installed.
    """
    scale = max(1.0, MIN_SIDE / min(image.shape[:2]))
    enlarged = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    results = _reader()(cv2.cvtColor(enlarged, cv2.COLOR_RGB2BGR))
    if results.boxes is None:
        return ()
    return tuple(
        TextLine(str(text), float(score), np.asarray(box, np.float32) / scale)
        for text, score, box in zip(results.txts, results.scores, results.boxes, strict=True)
    )


@cache
def _reader() -> Callable[[Any], Any]:
    if not can_read():
        raise UserError(READER_MISSING)
    from rapidocr import RapidOCR

    threads = int(os.environ.get("OMP_NUM_THREADS", "-1"))
    settings = {
        "Global.log_level": "error",
        "Global.use_cls": False,
        "EngineConfig.onnxruntime.intra_op_num_threads": threads,
    }
    return RapidOCR(params=settings)
