"""Boxes of people, animals, vehicles and household objects: NanoDet-g (RangiLyu 2021), trained on COCO's 80 classes.

It detects large objects and people well, but often confuses animals. Its boxes are used to separate one object from
another, and its classes only to tell the kind of an object. `nanodet_g.onnx` is made by `python -m
benchmarks.convert_nanodet`.
"""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from omniedit.grounding.onnx_network import load_network
from omniedit.imaging.boxes import FractionBox, box_overlap
from omniedit.imaging.images import Image

MODEL = "nanodet-g"
NETWORK = Path(__file__).with_name("nanodet_g.onnx")
# fmt: off
CLASSES = (
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light",
    "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow", "elephant",
    "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie", "suitcase", "frisbee", "skis", "snowboard",
    "sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard", "tennis racket", "bottle",
    "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple", "sandwich", "orange", "broccoli",
    "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch", "potted plant", "bed", "dining table", "toilet",
    "tv", "laptop", "mouse", "remote", "keyboard", "cell phone", "microwave", "oven", "toaster", "sink",
    "refrigerator", "book", "clock", "vase", "scissors", "teddy bear", "hair drier", "toothbrush",
)
# fmt: on
"""COCO's classes, in the order of the network's output."""
PERSON = CLASSES[0]
ANIMALS = frozenset(CLASSES[14:24])
MIN_SCORE = 0.4
"""Minimum score of a box."""
SAME_IOU = 0.6
"""Intersection over union from which two boxes of any classes enclose the same object."""
SIDE = 416
STRIDES = (8, 16, 32)
"""Side of the network's input in pixels, and distance in pixels between the centres of its boxes at each level."""
_BINS = 11
_MEAN, _STD = np.array([103.53, 116.28, 123.675]), np.array([57.375, 57.12, 58.395])


@dataclass(frozen=True)
class DetectedBox:
    """Box around an object.

    Args:
        name: one of `CLASSES`.
        score: in [0, 1].
        box: left, top, right, bottom as fractions of the image, in [0, 1].
    """

    name: str
    score: float
    box: FractionBox


def detect_objects(image: Image, min_score: float = MIN_SCORE) -> list[DetectedBox]:
    """Return the boxes of an (H, W, 3) RGB image, the best first, without boxes of the same object."""
    small = cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA)[..., ::-1].astype(np.float32)
    pixels = ((small - _MEAN) / _STD).transpose(2, 0, 1)[None].astype(np.float32)
    outputs = [output[0] for output in load_network(NETWORK)(pixels)]
    levels = [decode_level(*_level(outputs, stride), stride) for stride in STRIDES]
    scores_NC, boxes_N4 = (np.concatenate(parts) for parts in zip(*levels, strict=True))
    detected: list[DetectedBox] = []
    for index in np.argsort(-scores_NC.max(axis=1), kind="stable"):
        each = _detected(scores_NC[index], boxes_N4[index])
        if each.score < min_score:
            break
        if all(box_overlap(each.box, other.box) < SAME_IOU for other in detected):
            detected.append(each)
    return detected


def decode_level(
    scores_NC: NDArray[np.float32], bins_ND: NDArray[np.float32], stride: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the scores and boxes of a level (Li et al. 2020, Generalized Focal Loss, eq. 4).

    Args:
        scores_NC: (N, 80), of the squares of a grid with sides of `stride` pixels, row by row.
        bins_ND: (N, 4 * 11) logits of the distances from a square's centre to the left, top, right and bottom edge.

    Returns:
        scores_NC, and boxes (N, 4) as fractions of the image.
    """
    weights = np.exp(bins_ND.reshape(-1, 4, _BINS) - bins_ND.max(axis=1)[:, None, None])
    distances_N4 = (weights @ np.arange(_BINS)) / weights.sum(-1) * stride
    rows, columns = np.divmod(np.arange(len(scores_NC)), SIDE // stride)
    centres_N4 = (np.stack([columns, rows, columns, rows], axis=1) + 0.5) * stride
    edges_N4 = centres_N4 + distances_N4 * np.array([-1, -1, 1, 1])
    return scores_NC, np.clip(edges_N4 / SIDE, 0, 1).astype(np.float32)


def _level(outputs: list[NDArray[np.float32]], stride: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the scores and the distances of a level; the network's outputs have no fixed order."""
    scores, bins = (
        output
        for width in (len(CLASSES), 4 * _BINS)
        for output in outputs
        if output.shape == ((SIDE // stride) ** 2, width)
    )
    return scores, bins


def _detected(scores_C: NDArray[np.float32], box_4: NDArray[np.float32]) -> DetectedBox:
    best = int(scores_C.argmax())
    left, top, right, bottom = box_4.tolist()
    return DetectedBox(CLASSES[best], float(scores_C[best]), (left, top, right, bottom))
