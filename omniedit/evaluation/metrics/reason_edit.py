"""Metrics of Reason-Edit, as SmartEdit's `metrics_evaluation.py` computes them (Huang et al. 2024).

All images are resized to 256 x 256. Background metrics compare source and edit after setting the mask's region to
black. The foreground is the edit cut to the mask's bounding box, without its last row and column.
"""

from collections.abc import Sequence

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from omniedit.evaluation.metrics.clip import text_similarity
from omniedit.evaluation.metrics.metric import Sample
from omniedit.evaluation.metrics.networks import Networks
from omniedit.evaluation.metrics.preprocess import resize_to
from omniedit.evaluation.preservation import psnr, ssim_map
from omniedit.imaging.images import Image, Mask

SIDE = 256


def cut_background(sample: Sample) -> tuple[Image, Image]:
    """Return source and edit at 256 x 256, black in the mask."""
    assert sample.source is not None
    inside = resize_mask(sample)[..., None]
    source, edited = (
        np.where(inside, np.uint8(0), resize_to(image, SIDE, SIDE)) for image in (sample.source, sample.edited)
    )
    return source, edited


def resize_mask(sample: Sample) -> Mask:
    """Resize the mask to 256 x 256 by the nearest pixel."""
    assert sample.mask is not None
    grey = PIL.Image.fromarray(sample.mask.astype(np.uint8))
    return np.asarray(grey.resize((SIDE, SIDE), PIL.Image.Resampling.NEAREST)) > 0


def background_psnr(sample: Sample) -> float:
    """Compute PSNR over all pixels; pixels in the mask are equal in both images."""
    source, edited = cut_background(sample)
    return psnr(float(((edited.astype(np.float64) - source) ** 2).mean()))


def background_ssim(sample: Sample) -> float:
    """Compute the mean SSIM of the three channels over all pixels, with mirrored borders, as torchmetrics 1.9 does."""
    source, edited = (image.astype(np.float64) for image in cut_background(sample))
    return float(np.mean([ssim_map(source[..., c], edited[..., c]) for c in range(3)]))


def background_lpips(samples: Sequence[Sample], networks: Networks) -> list[float]:
    """Compute LPIPS with SqueezeNet."""
    from omniedit.evaluation.metrics.lpips import lpips_distances

    sources, edits = zip(*map(cut_background, samples), strict=True)
    return lpips_distances(edits, sources, networks["lpips_squeeze"])


def foreground_clip(samples: Sequence[Sample], networks: Networks) -> NDArray[np.float64]:
    """Compute the CLIPScore (ViT-L/14) of the foreground and the words for it: 100 times the cosine, at least 0."""
    crops = [cut_foreground(sample) for sample in samples]
    words = [sample.foreground or "" for sample in samples]
    return 100 * text_similarity(crops, words, networks["clip_large"]).clip(min=0)


def cut_foreground(sample: Sample) -> Image:
    """Cut the edit to the mask's box. A box of one row or column, which the program rejects, is kept whole."""
    rows, columns = (np.flatnonzero(resize_mask(sample).any(axis=axis)) for axis in (1, 0))
    (top, bottom), (left, right) = ((places[0], max(places[-1], places[0] + 1)) for places in (rows, columns))
    return resize_to(sample.edited, SIDE, SIDE)[top:bottom, left:right]
