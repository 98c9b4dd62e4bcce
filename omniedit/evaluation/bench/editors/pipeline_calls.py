"""Calls of diffusers' pipelines, with arguments from requests."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from PIL.Image import fromarray

from omniedit.evaluation.bench.editors.editor import ItemRequest
from omniedit.evaluation.bench.editors.entries import DiffusersEntry

Call = Callable[[Any, DiffusersEntry, Sequence[ItemRequest]], Any]


def call_pipeline(pipeline: Any, entry: DiffusersEntry, requests: Sequence[ItemRequest]) -> Any:
    """Call the pipeline once with the images and texts of all requests, which have the same size."""
    return pipeline(**build_arguments(entry, requests))


def call_diffedit(pipeline: Any, entry: DiffusersEntry, requests: Sequence[ItemRequest]) -> Any:
    """Find the mask, invert the source and denoise to the target caption (Couairon et al. 2022), for one request.

    Raises:
        ValueError: there are several requests.
    """
    (request,) = requests
    captions, image = request.item.captions, fromarray(request.source)

    def noise() -> torch.Generator:
        return torch.Generator().manual_seed(request.seed)

    mask = pipeline.generate_mask(
        image=image,
        source_prompt=captions.source,
        target_prompt=captions.edited,
        generator=noise(),
        **entry.mask_arguments,
    )
    inverted = pipeline.invert(image=image, prompt=captions.source, generator=noise(), **entry.invert_arguments)
    return pipeline(
        prompt=captions.edited,
        mask_image=mask,
        image_latents=inverted.latents,
        negative_prompt=captions.source,
        generator=noise(),
        **entry.arguments,
    )


METHODS: Mapping[str, Call] = {"call": call_pipeline, "diffedit": call_diffedit}


def build_arguments(entry: DiffusersEntry, requests: Sequence[ItemRequest]) -> dict[str, Any]:
    """Return the keyword arguments of a pipeline's call.

    A single request is passed without lists, unless `wants_list`: some pipelines take only one image.
    """
    arguments = dict(entry.arguments)
    images, texts = [_images(entry, request) for request in requests], [_text(entry, request) for request in requests]
    alone = len(requests) == 1
    if entry.image:
        arguments[entry.image] = images[0] if alone and not entry.wants_list else images
    arguments[entry.prompt] = texts[0] if alone and not entry.wants_list else texts
    if entry.wants_size:
        arguments["height"], arguments["width"] = requests[0].source.shape[:2]
    if entry.wants_generator:
        generators = [torch.Generator().manual_seed(request.seed) for request in requests]
        arguments["generator"] = generators[0] if alone else generators
    return arguments


def _images(entry: DiffusersEntry, request: ItemRequest) -> Any:
    """Return the source, with its references in a list if the pipeline takes them."""
    source = fromarray(request.source)
    if not (entry.takes_references or entry.wants_list):
        return source
    references = [fromarray(image) for image in request.references] if entry.takes_references else []
    return [source, *references] if references or entry.wants_list else source


def _text(entry: DiffusersEntry, request: ItemRequest) -> str:
    item = request.item
    text = item.instruction if entry.text == "instruction" else str(item.captions.edited)
    return entry.prompt_template.replace("{text}", text)
