"""Masks of phrases: GroundingDINO (Liu et al. 2023) finds the boxes of the objects that a phrase names, and SAM
(Kirillov et al. 2023) or SAM 2 (Ravi et al. 2024) finds the outlines in them.

Shapes: B images, N boxes of one image, H W height and width of an image in pixels, h w those of a network's input.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import AutoProcessor, GroundingDinoForObjectDetection, Sam2Model, Sam2Processor, SamModel

from omniedit.imaging.boxes import FractionBox
from omniedit.imaging.images import Image, Mask
from omniedit.models.adaptive_batches import OomAdaptiveBatcher, map_by_size
from omniedit.models.folder import load_part, load_processor

SAM_2_AS_PUBLISHED = "Sam2VideoModel"
"""Class in the configs of facebook/sam2.1-hiera-*; `Sam2Model` loads the part for single images from their weights."""


@dataclass(frozen=True)
class GroundingLimits:
    """Limits of boxes and masks that count as found.

    Args:
        box_threshold: minimum score of a box: the largest probability that it matches a token of the phrase.
        text_threshold: minimum probability at which a box matches a token; a box must match at least one.
        min_area, max_area: smallest and largest share of the image at which a mask can be edited.
        same: intersection over union from which two boxes enclose the same object.
        rival: share of the best box's score from which the phrase may mean another box.
    """

    box_threshold: float = 0.35
    text_threshold: float = 0.25
    min_area: float = 0.002
    max_area: float = 0.7
    same: float = 0.7
    rival: float = 0.8


@dataclass(frozen=True)
class PhraseQuery:
    """Phrase to find in an image.

    Args:
        image: (H, W, 3) RGB.
        phrase: without a full stop, such as 'the red car on the left'.
        every: True if the phrase means all matching objects ('the dogs'), False if it means one.
    """

    image: Image
    phrase: str
    every: bool = False


@dataclass(frozen=True)
class Detections:
    """Boxes found for one phrase, the best first.

    Args:
        boxes: (N, 4): left, top, right, bottom as fractions of the image, in [0, 1].
        scores: (N,) in [0, 1].
    """

    boxes: Tensor
    scores: Tensor


@dataclass(frozen=True)
class Grounding:
    """Boxes and mask of a phrase in an image.

    Args:
        boxes: one box, or the boxes of all matching objects.
        score: of the best box.
        mask: (H, W), the union over the boxes.
    """

    boxes: tuple[FractionBox, ...]
    score: float
    mask: Mask


@dataclass(frozen=True)
class NotGrounded:
    reason: str


class Detector:
    """Detector of the boxes that phrases name.

    Args:
        model: loaded from its folder, on the device where it runs.
        batch_size: number of images in one forward pass.
    """

    def __init__(self, model: GroundingDinoForObjectDetection, processor: Any, batch_size: int = 4) -> None:
        self.model, self.processor = model, processor
        self.batches = OomAdaptiveBatcher(batch_size)
        self._lock = Lock()  # a tokenizer can be used by one thread at a time

    @classmethod
    def load(
        cls, folder: Path, dtype: torch.dtype = torch.float32, device: str = "cpu", batch_size: int = 4
    ) -> "Detector":
        """Load the detector from a folder.

        Raises:
            UserError: the folder is missing, partial or of another class.
        """
        model = load_part(folder, (GroundingDinoForObjectDetection,), dtype)
        return cls(model.to(device), load_processor(folder), batch_size)

    def detect(self, queries: Sequence[PhraseQuery], limits: GroundingLimits) -> list[Detections]:
        """Return the boxes of each query's phrase, in order. Only one thread runs at a time.

        Only images with the same size at the network's input share a batch, because padding an image to a larger size
        would change its results.
        """
        images = [self.processor.image_processor(query.image, return_tensors="pt") for query in queries]
        prepared = list(zip(queries, images, strict=True))

        def detect_batch(some: Sequence[tuple[PhraseQuery, Any]]) -> list[Detections]:
            with self._lock:
                return self.batches.map(lambda batch: self._together(batch, limits), some)

        return map_by_size(detect_batch, prepared, lambda one: tuple(one[1]["pixel_values"].shape))

    @torch.inference_mode()
    def _together(self, prepared: Sequence[tuple[PhraseQuery, Any]], limits: GroundingLimits) -> list[Detections]:
        """Return the boxes of a batch of queries.

        Args:
            prepared: queries, each with its preprocessed image: pixel_values (1, 3, h, w) and pixel_mask.
        """
        prompts = [f"{query.phrase.strip().rstrip('.').lower()}." for query, _ in prepared]
        inputs = self.processor(text=prompts, padding=True, return_tensors="pt").to(self.model.device)
        for name, dtype in (("pixel_values", self.model.dtype), ("pixel_mask", torch.int64)):
            inputs[name] = torch.cat([image[name] for _, image in prepared]).to(self.model.device, dtype)
        results = self.processor.post_process_grounded_object_detection(
            self.model(**inputs), inputs["input_ids"], limits.box_threshold, limits.text_threshold
        )
        specials = self.processor.tokenizer.all_special_tokens
        return [_distinct(one, specials, limits.same) for one in results]


class Segmenter:
    """Segmenter of the objects in boxes.

    Args:
        batch_size: number of images that are encoded together.
    """

    def __init__(self, model: SamModel | Sam2Model, processor: Any, batch_size: int = 4) -> None:
        self.model, self.processor = model, processor
        self.batches = OomAdaptiveBatcher(batch_size)

    @classmethod
    def load(
        cls, folder: Path, dtype: torch.dtype = torch.float32, device: str = "cpu", batch_size: int = 4
    ) -> "Segmenter":
        """Load the segmenter from a folder.

        Raises:
            UserError: the folder is missing, partial or of another class.
        """
        model = load_part(folder, (SamModel, Sam2Model), dtype, {SAM_2_AS_PUBLISHED: Sam2Model})
        return cls(model.to(device), _load_processor(model, folder), batch_size)

    def masks(self, images: Sequence[Image], boxes: Sequence[Tensor]) -> list[np.ndarray]:
        """Return (N, H, W) masks of each image, one for each of its boxes (N, 4), as fractions of it; N is at least 1.

        The images of a batch are encoded together; then the boxes of each image are decoded together.
        """
        return self.batches.map(self._together, list(zip(images, boxes, strict=True)))

    @torch.inference_mode()
    def _together(self, boxed: Sequence[tuple[Image, Tensor]]) -> list[np.ndarray]:
        encoded = self.processor(images=[image for image, _ in boxed], return_tensors="pt")
        pixels = encoded["pixel_values"].to(self.model.device, self.model.dtype)
        embeddings = self.model.get_image_embeddings(pixels)
        return [self._decode_masks(image, _of_image(embeddings, i), boxes) for i, (image, boxes) in enumerate(boxed)]

    def _decode_masks(self, image: Image, embeddings: Any, boxes: Tensor) -> np.ndarray:
        height, width = image.shape[:2]
        in_pixels = boxes.float().cpu() * torch.tensor([width, height, width, height])
        inputs = self.processor(images=[image], input_boxes=[in_pixels.tolist()], return_tensors="pt")
        output = self.model(
            input_boxes=inputs["input_boxes"].to(self.model.device, self.model.dtype),
            image_embeddings=embeddings,
            multimask_output=False,
        )
        sizes = {name: inputs[name] for name in ("original_sizes", "reshaped_input_sizes") if name in inputs}
        (masks,) = self.processor.post_process_masks(output.pred_masks.float().cpu(), **sizes)
        return masks[:, 0].numpy()


class Grounder:
    """Grounding of phrases: the detector finds boxes, the segmenter finds outlines, and limits decide which are
    accepted.
    """

    def __init__(self, detector: Detector, segmenter: Segmenter, limits: GroundingLimits | None = None) -> None:
        self.detector, self.segmenter = detector, segmenter
        self.limits = limits or GroundingLimits()

    def ground(self, queries: Sequence[PhraseQuery]) -> list[Grounding | NotGrounded]:
        """Return the boxes and mask of each query's phrase, in order."""
        detections = self.detector.detect(queries, self.limits)
        chosen = [choose_boxes(*pair, self.limits) for pair in zip(queries, detections, strict=True)]
        images, boxes = [], []
        for query, these in zip(queries, chosen, strict=True):
            if isinstance(these, Detections):
                images.append(query.image)
                boxes.append(these.boxes)
        masks = iter(self.segmenter.masks(images, boxes) if images else ())
        return [
            combine_boxes(query.phrase, these, next(masks), self.limits) if isinstance(these, Detections) else these
            for query, these in zip(queries, chosen, strict=True)
        ]


def choose_boxes(query: PhraseQuery, detections: Detections, limits: GroundingLimits) -> Detections | NotGrounded:
    """Return the boxes that a query means: all boxes found, or only the best one if it has no rival."""
    if not len(detections.boxes):
        return NotGrounded(f"no box for '{query.phrase}'")
    rivals = int((detections.scores >= limits.rival * detections.scores[0]).sum())
    if query.every:
        return detections
    if rivals > 1:
        return NotGrounded(f"'{query.phrase}' is ambiguous: {rivals} boxes match it equally well")
    return Detections(detections.boxes[:1], detections.scores[:1])


def combine_boxes(
    phrase: str, chosen: Detections, masks: np.ndarray, limits: GroundingLimits
) -> Grounding | NotGrounded:
    """Combine a phrase's boxes and their masks (N, H, W), unless the result is too small or too large."""
    mask = np.logical_or.reduce(masks)
    area = float(mask.mean())
    if area < limits.min_area:
        return NotGrounded(f"'{phrase}' is too small: {area:.2%} of the image, less than {limits.min_area:.2%}")
    if area > limits.max_area:
        return NotGrounded(f"'{phrase}' is too large: {area:.0%} of the image, more than {limits.max_area:.0%}")
    boxes = tuple((left, top, right, bottom) for left, top, right, bottom in chosen.boxes.tolist())
    return Grounding(boxes, float(chosen.scores[0]), mask)


def has_words(label: str, specials: Sequence[str]) -> bool:
    """Return whether a box's label (the tokens that it matches) has more than full stops and special tokens."""
    for special in specials:
        label = label.replace(special, "")
    return any(character.isalnum() for character in label)


def _distinct(detections: dict[str, Any], specials: Sequence[str], same: float) -> Detections:
    """Return a phrase's boxes, the best first, without duplicates and without boxes that match no word of the
    phrase.
    """
    words = [i for i, label in enumerate(detections["text_labels"]) if has_words(label, specials)]
    boxes, scores = detections["boxes"].float().cpu()[words].clamp(0, 1), detections["scores"].float().cpu()[words]
    order = scores.argsort(descending=True, stable=True)
    distinct: list[int] = []
    for i in order.tolist():
        if all(overlap(boxes[i], boxes[j]) < same for j in distinct):
            distinct.append(i)
    return Detections(boxes[distinct], scores[distinct])


def overlap(first: Tensor, second: Tensor) -> float:
    """Return the intersection over union of two boxes (4,)."""
    low, high = torch.maximum(first[:2], second[:2]), torch.minimum(first[2:], second[2:])
    both = (high - low).clamp(min=0).prod()
    union = (first[2:] - first[:2]).prod() + (second[2:] - second[:2]).prod() - both
    return float(both / union) if union > 0 else 0.0


def _load_processor(model: SamModel | Sam2Model, folder: Path) -> Any:
    """Load the image processor. The published folders of SAM 2 name a video processor instead."""
    return load_processor(folder, Sam2Processor if isinstance(model, Sam2Model) else AutoProcessor)


def _of_image(embeddings: Any, place: int) -> Any:
    """Return one image's part of a batch of embeddings: one map of SAM, or maps at several scales of SAM 2."""
    if isinstance(embeddings, Tensor):
        return embeddings[place : place + 1]
    return [scale[place : place + 1] for scale in embeddings]
