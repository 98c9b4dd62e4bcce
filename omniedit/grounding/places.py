"""Evidence from a classifier that a photo was taken outdoors: a wild animal, a landscape, a building or a street."""

from functools import lru_cache

import numpy as np

from omniedit.grounding.names import classify
from omniedit.imaging.images import Image

OUTDOORS = sorted(
    {
        # Birds, reptiles, amphibians, spiders, wild mammals and insects; no pets, fish, snails, crabs or jellyfish.
        *range(7, 107),
        117,
        *range(127, 151),
        *range(269, 281),
        *range(286, 333),
        *range(334, 338),
        *range(339, 389),
        # Mountain, cliff, geyser, shores, promontory, sandbar, valley, volcano, hay and rapeseed.
        *(958, 970, 972, 974, 975, 976, 977, 978, 979, 980, 984),
        # Buildings seen from outside, bridges, walls, fences, piers, fountains.
        *(425, 437, 442, 449, 460, 483, 489, 497, 500, 525, 538, 557, 562, 645, 649, 660, 663, 668, 682, 698, 703),
        *(706, 716, 718, 821, 825, 832, 839, 853, 858, 863, 873, 888, 900, 912, 915),
        # Streets, boats, aircraft, fields.
        *(404, 417, 450, 468, 472, 484, 510, 537, 540, 554, 576, 595, 625, 628, 654, 701, 704, 730, 780, 795, 803, 814),
        *(829, 856, 866, 871, 874, 914, 919, 920),
    }
)
"""ImageNet indices of subjects that are hardly ever photographed in a room."""
MIN_OUTDOOR_PROBABILITY = 0.5
"""Smallest total probability of these classes at which a photo was surely taken outdoors."""


def looks_outdoors(image: Image) -> bool:
    """Return whether the classifier finds a subject of OUTDOORS in an RGB photo."""
    return _outdoor_probability(image.tobytes(), image.shape) >= MIN_OUTDOOR_PROBABILITY


@lru_cache(maxsize=64)
def _outdoor_probability(pixels: bytes, shape: tuple[int, ...]) -> float:
    return float(classify([np.frombuffer(pixels, np.uint8).reshape(shape)])[0, OUTDOORS].sum())
