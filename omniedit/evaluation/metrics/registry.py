"""Registry of metrics: inputs, direction, range and source of each.

A metric with a plain name compares with the target, as MagicBrush and AnyEdit-Test do; `..._source` compares with the
source, as EMU Edit does. `clip_dir`, `clip_im` and `clip_out` have EMU Edit's names.
"""

from collections.abc import Callable, Iterable, Sequence
from math import inf
from typing import Any

from omniedit.evaluation.metrics import pixels
from omniedit.evaluation.metrics.clip import direction_similarity, image_similarity, text_similarity
from omniedit.evaluation.metrics.dino import dino_similarity
from omniedit.evaluation.metrics.distributions import frechet_distance, kernel_distance
from omniedit.evaluation.metrics.metric import Features, ImageMetric, Need, Sample, SetMetric
from omniedit.evaluation.metrics.networks import Networks
from omniedit.evaluation.metrics.reason_edit import background_lpips, background_psnr, background_ssim, foreground_clip
from omniedit.evaluation.metrics.subject import measure_copying, measure_subject_error, subject_similarity
from omniedit.imaging.images import Image

MAGICBRUSH = "MagicBrush, evaluation/image_eval.py"
EMU_EDIT = "EMU Edit (Sheynin et al. 2024)"
SUBJECTS = "omniedit.evaluation.subject_fidelity"
DREAMBOOTH = "DreamBooth (Ruiz et al. 2023)"
REASON_EDIT = "Reason-Edit, SmartEdit's test/metrics_evaluation.py"
PRESERVATION = "omniedit.evaluation.preservation"

Scale = tuple[bool, float, float]
"""Whether higher is better, and the limits of the values."""
UNIT_ERROR: Scale = (False, 0, 1)
ERROR: Scale = (False, 0, inf)
DISTANCE: Scale = (False, 0, 2)
DECIBELS: Scale = (True, 0, inf)
SIMILARITY: Scale = (True, -1, 1)
PERCENT: Scale = (True, 0, 100)

Measure = Callable[[Sequence[Sample], Networks], Iterable[float]]


def _by_pixels(
    name: str, label: str, needs: tuple[Need, ...], scale: Scale, reference: str, compare: Callable[..., float]
) -> ImageMetric:
    """Return a metric that compares each edit with the fields of its sample that it needs."""

    def measure(samples: Sequence[Sample], _: Networks) -> list[float]:
        return [compare(sample.edited, *(getattr(sample, need) for need in needs)) for sample in samples]

    return ImageMetric(name, label, needs, *scale, reference, (), measure)


def _by_network(
    name: str,
    label: str,
    need: Need,
    scale: Scale,
    reference: str,
    compare: Callable[..., Iterable[float]],
    network: str,
) -> ImageMetric:
    """Return a metric that compares all edits with one field of their samples, by a network."""

    def measure(samples: Sequence[Sample], networks: Networks) -> Iterable[float]:
        edits, others = [sample.edited for sample in samples], [getattr(sample, need) for sample in samples]
        return compare(edits, others, networks[network])

    return ImageMetric(name, label, (need,), *scale, reference, (network,), measure)


def _by_sample(
    name: str, label: str, needs: tuple[Need, ...], scale: Scale, reference: str, measure: Callable[[Sample], float]
) -> ImageMetric:
    return ImageMetric(
        name, label, needs, *scale, reference, (), lambda samples, _: [measure(each) for each in samples]
    )


def _lpips(edits: Sequence[Image], others: Sequence[Image], network: Any) -> list[float]:
    from omniedit.evaluation.metrics.lpips import lpips_distances

    return lpips_distances(edits, others, network)


def _dreamsim(edits: Sequence[Image], others: Sequence[Image], network: Any) -> Iterable[float]:
    distances: Iterable[float] = network.distances(edits, others)
    return distances


def _by_subject(name: str, label: str, compare: Callable[..., Any], network: str) -> ImageMetric:
    """Return a metric that compares the edits with the photographs of their subjects, by a network."""

    def measure(samples: Sequence[Sample], networks: Networks) -> list[float]:
        return subject_similarity(samples, lambda a, b: compare(a, b, networks[network]).tolist())

    return ImageMetric(name, label, ("subjects",), *SIMILARITY, DREAMBOOTH, (network,), measure)


def _embed_inception(samples: Sequence[Sample], networks: Networks) -> tuple[Features, Features]:
    edits, targets = [sample.edited for sample in samples], [sample.target for sample in samples]
    network = networks["inception"]
    return network.embed(edits), network.embed(targets)


def _shift(sample: Sample) -> float:
    assert sample.source is not None
    return pixels.shift(sample.edited, sample.source, sample.mask)


_TARGET: tuple[Need] = ("target",)
_SOURCE: tuple[Need] = ("source",)
_OUTSIDE: tuple[Need, Need] = ("source", "mask")
_CAPTIONS: tuple[Need, ...] = ("source", "source_caption", "target_caption")
_FOREGROUND: tuple[Need, Need] = ("mask", "foreground")
_INCEPTION = ("inception",)
_IMAGE_METRICS = [
    _by_pixels("l1", "L1", _TARGET, UNIT_ERROR, MAGICBRUSH, pixels.l1),
    _by_pixels("l2", "L2", _TARGET, UNIT_ERROR, MAGICBRUSH, pixels.l2),
    _by_pixels("psnr", "PSNR", _TARGET, DECIBELS, PRESERVATION, pixels.image_psnr),
    _by_pixels("ssim", "SSIM", _TARGET, SIMILARITY, "Wang et al. 2004", pixels.ssim),
    _by_network("lpips", "LPIPS", "target", ERROR, "Zhang et al. 2018", _lpips, "lpips_alex"),
    _by_network("dino", "DINO", "target", SIMILARITY, MAGICBRUSH, dino_similarity, "dino"),
    _by_network("clip_i", "CLIP-I", "target", SIMILARITY, MAGICBRUSH, image_similarity, "clip"),
    _by_network("dreamsim", "DreamSim", "target", DISTANCE, "Fu et al. 2023", _dreamsim, "dreamsim"),
    _by_network("clip_t", "CLIP-T", "target_caption", SIMILARITY, MAGICBRUSH, text_similarity, "clip"),
    _by_pixels("l1_source", "L1 to source", _SOURCE, UNIT_ERROR, EMU_EDIT, pixels.l1),
    _by_pixels("l2_source", "L2 to source", _SOURCE, UNIT_ERROR, EMU_EDIT, pixels.l2),
    _by_pixels("psnr_source", "PSNR to source", _SOURCE, DECIBELS, PRESERVATION, pixels.image_psnr),
    _by_pixels("ssim_source", "SSIM to source", _SOURCE, SIMILARITY, PRESERVATION, pixels.ssim),
    _by_network("lpips_source", "LPIPS to source", "source", ERROR, "ImagenHub", _lpips, "lpips_alex"),
    _by_network("dino_source", "DINO to source", "source", SIMILARITY, EMU_EDIT, dino_similarity, "dino"),
    _by_network("dreamsim_source", "DreamSim to source", "source", DISTANCE, "ImagenHub", _dreamsim, "dreamsim"),
    _by_network("clip_im", "CLIPim", "source", SIMILARITY, EMU_EDIT, image_similarity, "clip"),
    _by_network("clip_out", "CLIPout", "target_caption", SIMILARITY, EMU_EDIT, text_similarity, "clip"),
    ImageMetric(
        "clip_dir", "CLIPdir", _CAPTIONS, *SIMILARITY, "InstructPix2Pix; EMU Edit", ("clip",), direction_similarity
    ),
    _by_sample("pixel_shift", "pixel shift", _SOURCE, ERROR, PRESERVATION, _shift),
    _by_pixels("l1_outside", "L1 outside", _OUTSIDE, UNIT_ERROR, PRESERVATION, pixels.l1_outside),
    _by_pixels("psnr_outside", "PSNR outside", _OUTSIDE, DECIBELS, PRESERVATION, pixels.psnr_outside),
    _by_pixels("ssim_outside", "SSIM outside", _OUTSIDE, SIMILARITY, PRESERVATION, pixels.masked_ssim),
    _by_sample("background_psnr", "background PSNR", _OUTSIDE, DECIBELS, REASON_EDIT, background_psnr),
    _by_sample("background_ssim", "background SSIM", _OUTSIDE, SIMILARITY, REASON_EDIT, background_ssim),
    ImageMetric(
        "background_lpips", "background LPIPS", _OUTSIDE, *ERROR, REASON_EDIT, ("lpips_squeeze",), background_lpips
    ),
    ImageMetric(
        "foreground_clip", "foreground CLIP score", _FOREGROUND, *PERCENT, REASON_EDIT, ("clip_large",), foreground_clip
    ),
    _by_subject("dino_subject", "DINO to subject", dino_similarity, "dino"),
    _by_sample("subject_error", "subject error", ("source", "target", "mask"), ERROR, SUBJECTS, measure_subject_error),
    _by_sample("copying", "copying", ("target", "subjects"), UNIT_ERROR, SUBJECTS, measure_copying),
    _by_subject("clip_i_subject", "CLIP-I to subject", image_similarity, "clip"),
]
_SET_METRICS: list[ImageMetric | SetMetric] = [
    SetMetric("fid", "FID", _TARGET, *ERROR, "Heusel et al. 2017", _INCEPTION, _embed_inception, frechet_distance),
    SetMetric(
        "kid", "KID", _TARGET, False, -inf, inf, "Binkowski et al. 2018", _INCEPTION, _embed_inception, kernel_distance
    ),
]
METRICS: dict[str, ImageMetric | SetMetric] = {metric.name: metric for metric in [*_IMAGE_METRICS, *_SET_METRICS]}
"""All metrics by name, in the order of tables."""

HUMAN_ONLY = {"ins_align": "people rate whether the edit follows the instruction; rate it with `omniedit rate`"}
"""Metrics of published tables that no program computes, with the remedy (Reason-Edit's Ins-align)."""
