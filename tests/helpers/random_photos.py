"""Photos of random pixels, and generators for their edits."""

import numpy as np
import torch
from PIL import Image


def photo(width: int, height: int) -> Image.Image:
    rng = np.random.default_rng(width)
    return Image.fromarray(rng.integers(0, 255, (height, width, 3), np.uint8))


def seed_generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)
