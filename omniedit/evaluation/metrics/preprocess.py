"""Preparation of images for networks, equal to torchvision's transforms of Pillow images.

N  images      C  RGB      H, W  height and width
"""

from collections.abc import Sequence

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from omniedit.imaging.images import Image

CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
HALF_RGB = (0.5, 0.5, 0.5)

Pixels = NDArray[np.float32]


def resize_shorter_side(image: Image, side: int) -> Image:
    """Resize the shorter side to `side` by Pillow's antialiased bicubic filter; the longer side is rounded down."""
    height, width = image.shape[:2]
    shorter = min(height, width)
    return resize_to(image, int(side * width / shorter), int(side * height / shorter))


def resize_to(image: Image, width: int, height: int) -> Image:
    """Resize to width x height by Pillow's antialiased bicubic filter."""
    if image.shape[:2] == (height, width):
        return image
    return np.asarray(PIL.Image.fromarray(image).resize((width, height), PIL.Image.Resampling.BICUBIC))


def crop_center(image: Image, side: int) -> Image:
    """Cut a square out of the center; an odd margin is rounded to even, as torchvision's CenterCrop does."""
    top, left = (round((length - side) / 2) for length in image.shape[:2])
    return image[top : top + side, left : left + side]


def normalize(images: Sequence[Image], mean: Sequence[float], std: Sequence[float]) -> Pixels:
    """Stack images of one size to (N, C, H, W), scaled to [0, 1], then normalised by mean and standard deviation."""
    pixels_NHWC = np.stack(images).astype(np.float32) / 255
    pixels_NHWC = (pixels_NHWC - np.asarray(mean, np.float32)) / np.asarray(std, np.float32)
    return np.ascontiguousarray(pixels_NHWC.transpose(0, 3, 1, 2))


def clip_pixels(images: Sequence[Image], side: int = 224) -> Pixels:
    """Prepare images for CLIP: shorter side to 224, center crop, CLIP's mean and deviation (`clip.load`)."""
    squares = [crop_center(resize_shorter_side(image, side), side) for image in images]
    return normalize(squares, CLIP_MEAN, CLIP_STD)


def dino_pixels(images: Sequence[Image], side: int = 224, resized: int = 256) -> Pixels:
    """Prepare images for DINO: shorter side to 256, center crop of 224, ImageNet's mean and deviation (MagicBrush)."""
    squares = [crop_center(resize_shorter_side(image, resized), side) for image in images]
    return normalize(squares, IMAGENET_MEAN, IMAGENET_STD)
