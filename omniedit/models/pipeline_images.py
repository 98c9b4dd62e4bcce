"""Images in and out of a pipeline: PIL images, arrays and tensors."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from diffusers.image_processor import VaeImageProcessor
from PIL import Image
from torch import Tensor

from omniedit.imaging.decode import UnreadableImage, upright_rgb
from omniedit.models.pipeline_arguments import to_list

OUTPUT_TYPES = ("pil", "np", "pt", "latent")
ImageLike = Image.Image | np.ndarray | Tensor
"""PIL image of any mode, array (H, W, 3) or tensor (3, H, W), uint8 or in [0, 1]; several images have a further axis in
front."""


def split_images(images: Any) -> list:
    """Return a list of single images from one image, a sequence, or an array or tensor of several."""
    if isinstance(images, np.ndarray | Tensor):
        return list(images) if images.ndim == 4 else [images]
    return to_list(images)


def to_tensor(image: ImageLike) -> Tensor:
    """Convert an image to an upright tensor, (3, H, W) in [0, 1].

    Raises:
        ValueError: it is not an image, or its shape or values are wrong.
    """
    if isinstance(image, np.ndarray):
        try:
            numbers = torch.from_numpy(image.copy())  # the array may be read-only
        except TypeError:
            raise ValueError(f"image: values must be uint8, or floating-point in [0, 1], not {image.dtype}") from None
        return _check_image(numbers.permute(2, 0, 1) if image.ndim == 3 else numbers)
    if isinstance(image, Tensor):
        return _check_image(image)
    if not isinstance(image, Image.Image):
        raise ValueError(f"image: got {type(image).__name__}, but a PIL image is needed; open it with PIL.Image.open")
    try:
        return VaeImageProcessor.numpy_to_pt(VaeImageProcessor.pil_to_numpy(upright_rgb(image)))[0]
    except (UnreadableImage, OSError) as error:
        raise ValueError(f"image: {error}") from error


def _check_image(image: Tensor) -> Tensor:
    """Check the shape and values of an image tensor and return it as floats in [0, 1]."""
    if image.ndim != 3 or image.shape[0] != 3 or 0 in image.shape:
        shape = tuple(image.shape)
        raise ValueError(f"image: (channels, H, W) is {shape}; an array must be (H, W, 3), a tensor (3, H, W)")
    if image.dtype == torch.uint8:
        return image.float() / 255
    if not image.is_floating_point() or not (image.min() >= 0 and image.max() <= 1):
        raise ValueError("image: values must be uint8, or floating-point in [0, 1]")
    return image.float()


def check_output_type(output_type: str) -> None:
    """Check the format of a call's images.

    Raises:
        ValueError: it is not one of `OUTPUT_TYPES`.
    """
    if output_type not in OUTPUT_TYPES:
        raise ValueError(f"output_type: {output_type!r} is not one of {', '.join(OUTPUT_TYPES)}")


def to_output_type(images: Sequence[Tensor], output_type: str) -> list:
    """Convert images (3, H, W) in [0, 1], or latents, to one of `OUTPUT_TYPES`."""
    if output_type in ("pt", "latent"):
        return list(images)
    arrays = [image.permute(1, 2, 0).numpy() for image in images]
    if output_type == "np":
        return arrays
    return [Image.fromarray((255 * array).round().astype(np.uint8)) for array in arrays]
