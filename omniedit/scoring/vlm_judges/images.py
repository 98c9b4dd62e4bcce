"""Images of prompts: their preparation, the tokens that represent them, and their features, computed once.

The model's own image processor prepares each image once, and its image encoder encodes each image once, even if several
questions show it. The features enter the network in place of pixels (`mm_encoder_outputs` of transformers).
"""

import inspect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from omniedit.config.schema import VlmConfig
from omniedit.imaging.images import Image, resize_to_fit

ImageInputs = dict[str, Tensor]
"""Output of the image processor for one image: pixels in patches or tiles, with their grid, size or number."""

SAMPLE_SIZES = "batch_num_images"
"""Input of LLaVA-OneVision: number of images of each prompt. The model sees an image in detail only if it is the only
one in the prompt."""


def prepare_image(processor: Any, image: Image, options: VlmConfig) -> ImageInputs:
    """Prepare an image for a model, at the size and in the tiles that the options set."""
    prepared = image if options.max_side is None else resize_to_fit(image, options.max_side)
    inputs = processor.image_processor(
        images=[prepared],
        input_data_format="channels_last",
        return_tensors="pt",
        **processor_options(processor.image_processor, options),
    )
    return {name: torch.as_tensor(value) for name, value in inputs.items()}


def processor_options(image_processor: Any, options: VlmConfig) -> dict[str, Any]:
    """Return the options that an image processor supports: tiles for InternVL, number of pixels for Qwen-VL."""
    if hasattr(image_processor, "crop_to_patches"):
        return {"crop_to_patches": options.max_tiles > 1, "max_patches": options.max_tiles}
    if options.pixels and "longest_edge" in (image_processor.size or {}):
        return {"size": {"shortest_edge": options.pixels, "longest_edge": options.pixels}}
    return {}


def placeholders(processor: Any, images: Sequence[ImageInputs]) -> list[str]:
    """Return the texts that represent the images of one prompt, with as many image tokens as the model needs."""
    inputs = join_inputs([images])
    return [processor.replace_image_token(inputs, place) for place in range(len(images))]


def join_inputs(prompts: Iterable[Sequence[ImageInputs]]) -> ImageInputs:
    """Join the inputs of the images of several prompts; images of fewer tiles are padded with zeros."""
    sizes = [len(images) for images in prompts if images]
    images = list(chain.from_iterable(prompts))
    joined = {name: _join([image[name] for image in images]) for name in images[0]}
    return joined | {SAMPLE_SIZES: torch.tensor(sizes)} if SAMPLE_SIZES in joined else joined


def _join(tensors: Sequence[Tensor]) -> Tensor:
    if tensors[0].ndim == 5:  # (1, tiles, 3, height, width)
        length = max(tensor.shape[1] for tensor in tensors)
        tensors = [pad(tensor, (0, 0) * 3 + (0, length - tensor.shape[1])) for tensor in tensors]
    return torch.cat(list(tensors))


@dataclass(frozen=True)
class ImageFeatures:
    """Features of one image, as the language model reads them.

    Args:
        pooled: features that take the place of the image's tokens.
        deepstack: features that are added after the first layers (Qwen3-VL), one tensor per layer.
    """

    pooled: Tensor
    deepstack: tuple[Tensor, ...] = ()


class ImageEncoder:
    """Image encoder of a model, for the prompts of one batch of examples; it encodes each image once.

    Args:
        model: image-text-to-text model of transformers, on its device.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self._encode = model.model.get_image_features
        self._accepted = set(inspect.signature(self._encode).parameters)
        self._features: dict[tuple[int, int], ImageFeatures] = {}
        self._output: Any = None

    @torch.inference_mode()
    def __call__(self, prompts: Sequence[Sequence[ImageInputs]]) -> dict[str, Any]:
        """Return the arguments of `forward` that show each prompt its images."""
        new = [[image for image in images if _key(image, images) not in self._features] for images in prompts]
        if any(new):
            self._add(new)
        features = [self._features[_key(image, images)] for images in prompts for image in images]
        grid = {"image_grid_thw": join_inputs(prompts)["image_grid_thw"]} if "image_grid_thw" in prompts[0][0] else {}
        prepared = {name: value.to(self.model.device) for name, value in grid.items()}
        return {"mm_encoder_outputs": {"image": self._as_output(features)}, **prepared}

    def _add(self, prompts: Sequence[Sequence[ImageInputs]]) -> None:
        device, dtype = self.model.device, self.model.dtype
        inputs = {
            name: value.to(device, dtype if value.is_floating_point() else None)
            for name, value in join_inputs(prompts).items()
            if name in self._accepted
        }
        self._output = self._encode(**inputs, return_dict=True)
        keys = [_key(image, images) for images in prompts for image in images]
        sizes = [len(image["pixel_values"]) for images in prompts for image in images]
        self._features |= zip(keys, split_features(self._output, sizes), strict=True)

    def _as_output(self, features: Sequence[ImageFeatures]) -> Any:
        """Return features in the format of the model's own encoder."""
        pooled: Any = tuple(feature.pooled for feature in features)
        if isinstance(self._output.pooler_output, Tensor):
            pooled = torch.cat(pooled)
        layers = list(zip(*(feature.deepstack for feature in features), strict=True))
        more = {"deepstack_features": layers} if layers else {}
        return type(self._output)(pooler_output=pooled, **more)


def split_features(output: Any, sizes: Sequence[int]) -> list[ImageFeatures]:
    """Split the output of an image encoder by image.

    Args:
        sizes: number of tiles of each image, by which a single tensor is split.
    """
    pooled = output.pooler_output
    if isinstance(pooled, Tensor):
        pooled = pooled.split(list(sizes))
    layers = getattr(output, "deepstack_features", None) or ()
    return [ImageFeatures(each, tuple(layer[place] for layer in layers)) for place, each in enumerate(pooled)]


def _key(image: Mapping[str, Tensor], images: Sequence[ImageInputs]) -> tuple[int, int]:
    """Return the key of an image's features. Only in LLaVA-OneVision do they depend on the other images."""
    return id(image), len(images) if SAMPLE_SIZES in image else 0
